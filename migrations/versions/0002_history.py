"""The history of variables: every value that an update replaced.

Revision: 0002, after 0001
"""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LIMIT_OF_OLD_SESSIONS = 100

_VIEW = """
    SELECT
        variable_versions.session_id,
        owner.name,
        variable_versions.variable_id,
        variable_versions.version,
        variable_versions.type,
        coalesce(variable_versions.value, '<binary, ' || CAST(length(variable_versions.value_blob) AS TEXT) || ' bytes>') AS value,
        variable_versions.created_at AS written_at,
        {past_source} AS source,
        'no' AS is_current
    FROM variable_versions
    JOIN variables AS owner ON owner.session_id = variable_versions.session_id AND owner.id = variable_versions.variable_id
    UNION ALL
    SELECT
        variables.session_id,
        variables.name,
        variables.id AS variable_id,
        variables.version,
        variables.type,
        coalesce(variables.value, '<binary, ' || CAST(length(variables.value_blob) AS TEXT) || ' bytes>') AS value,
        variables.last_updated_at AS written_at,
        {present_source} AS source,
        'yes' AS is_current
    FROM variables
    ORDER BY session_id, name, version
"""
_SOURCE = {
    "sqlite": (
        "(SELECT member.value FROM json_each({0}.metadata) AS member WHERE member.key = 'source')"
    ),
    "postgresql": (
        r"CASE WHEN position('\u0000' IN CAST({0}.metadata AS TEXT)) = 0 THEN {0}.metadata ->>"
        r" 'source' END"
    ),
}
VIEW = {
    dialect: _VIEW.format(
        past_source=source.format("variable_versions"), present_source=source.format("variables")
    )
    for dialect, source in _SOURCE.items()
}


def _identifier() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _moment() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def _json() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.JSON(), "postgresql")


def upgrade() -> None:
    """Give sessions a limit and variables a past, which begins empty."""
    # The CHECK is the column's own, so that SQLite adds it in place: copying the table would drop
    # the old one, and with foreign keys on that deletes every variable and program.
    op.execute(
        "ALTER TABLE sessions ADD COLUMN history_limit BIGINT CONSTRAINT"
        " ck_sessions_history_limit_not_negative CHECK (history_limit >= 0)"
    )
    sessions = sa.table("sessions", sa.column("history_limit", sa.BigInteger()))
    op.execute(sessions.update().values(history_limit=LIMIT_OF_OLD_SESSIONS))
    op.create_table(
        "variable_versions",
        sa.Column("session_id", _identifier(), nullable=False),
        sa.Column("variable_id", _identifier(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("value_blob", sa.LargeBinary(), nullable=True),
        sa.Column("metadata", _json(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.CheckConstraint("version >= 0", name=op.f("ck_variable_versions_version_not_negative")),
        sa.CheckConstraint(
            "value IS NOT NULL OR value_blob IS NOT NULL",
            name=op.f("ck_variable_versions_has_value"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id", "variable_id"],
            ["variables.session_id", "variables.id"],
            name=op.f("fk_variable_versions_variables"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "session_id", "variable_id", "version", name=op.f("pk_variable_versions")
        ),
    )
    op.execute(
        "CREATE VIEW variable_history_overview"
        f" AS{dedent(VIEW[op.get_context().dialect.name]).rstrip()}"
    )


def downgrade() -> None:
    """Drop the history; every present value stays."""
    op.execute("DROP VIEW variable_history_overview")
    op.drop_table("variable_versions")
    # in place again, for the same reason
    op.execute("ALTER TABLE sessions DROP COLUMN history_limit")
