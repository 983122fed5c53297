"""The variables of a session in the order in which they were created, as an index.

Revision: 0003, after 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index, so that the newest variables are read without sorting all."""
    op.create_index(
        op.f("ix_variables_session_id_created_at_id"),
        "variables",
        ["session_id", "created_at", "id"],
    )


def downgrade() -> None:
    """Drop the index."""
    op.drop_index(op.f("ix_variables_session_id_created_at_id"), table_name="variables")
