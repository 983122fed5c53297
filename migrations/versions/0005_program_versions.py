"""Versions, metadata and history of programs.

Revision: 0005, after 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _identifier() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _moment() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def _json() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.JSON(), "postgresql")


def upgrade() -> None:
    """Give programs metadata and version 0, without rewriting a row, and a past, which is empty."""
    op.add_column("programs", sa.Column("metadata", _json(), nullable=True))
    # The CHECK is the column's own, so that SQLite adds it in place: copying the table would drop
    # indexes that others added.
    op.execute(
        "ALTER TABLE programs ADD COLUMN version BIGINT DEFAULT 0 NOT NULL CONSTRAINT"
        " ck_programs_version_not_negative CHECK (version >= 0)"
    )
    op.create_table(
        "program_versions",
        sa.Column("session_id", _identifier(), nullable=False),
        sa.Column("program_id", _identifier(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("program", _json(), nullable=False),
        sa.Column("metadata", _json(), nullable=True),
        sa.Column("created_at", _moment(), nullable=False),
        sa.CheckConstraint("version >= 0", name=op.f("ck_program_versions_version_not_negative")),
        sa.ForeignKeyConstraint(
            ["session_id", "program_id"],
            ["programs.session_id", "programs.id"],
            name=op.f("fk_program_versions_programs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "session_id", "program_id", "version", name=op.f("pk_program_versions")
        ),
    )


def downgrade() -> None:
    """Drop the history, the metadata and the versions; every present document stays."""
    op.drop_table("program_versions")
    # in place again, for the same reason
    op.execute("ALTER TABLE programs DROP COLUMN version")
    op.execute("ALTER TABLE programs DROP COLUMN metadata")
