"""Logs: named lists of entries that only grow at the end.

Revision: 0004, after 0003
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _identifier() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _time() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def _json() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.JSON(), "postgresql")


def _not_negative(table: str, column: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} >= 0", name=op.f(f"ck_{table}_{column}_not_negative"))


def _create_logs() -> None:
    op.create_table(
        "logs",
        sa.Column("session_id", _identifier(), nullable=False),
        sa.Column("name", _identifier(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("next_position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("last_updated_at", _time(), nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 255", name=op.f("ck_logs_name_length")),
        _not_negative("logs", "length"),
        sa.CheckConstraint(
            "next_position >= length", name=op.f("ck_logs_next_position_not_below_length")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_logs_sessions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "name", name=op.f("pk_logs")),
        # each append updates the row of its log; a page with room keeps that a HOT update
        postgresql_with={"fillfactor": 70},
    )


def _create_entries() -> None:
    op.create_table(
        "log_entries",
        sa.Column("session_id", _identifier(), nullable=False),
        sa.Column("log_name", _identifier(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entry", _json(), nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        _not_negative("log_entries", "position"),
        sa.ForeignKeyConstraint(
            ["session_id", "log_name"],
            ["logs.session_id", "logs.name"],
            name=op.f("fk_log_entries_logs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", "log_name", "position", name=op.f("pk_log_entries")),
    )


def upgrade() -> None:
    """Create the tables, empty."""
    _create_logs()
    _create_entries()


def downgrade() -> None:
    """Drop the logs with their entries; everything else stays."""
    op.drop_table("log_entries")
    op.drop_table("logs")
