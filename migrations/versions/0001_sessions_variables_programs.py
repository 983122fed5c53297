"""Sessions, variables and programs.

Revision: 0001, the first
"""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VIEWS = {
    "sqlite": {
        "session_overview": (
            """
            SELECT
                sessions.id,
                CASE WHEN (sessions.expires_at < strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')) THEN 'expired' ELSE 'live' END AS state,
                round((julianday('now') - julianday(sessions.last_accessed)) * 86400.0, 3) AS idle_seconds,
                sessions.ttl,
                sessions.variable_count,
                sessions.program_count,
                sessions.total_variable_updates,
                sessions.last_worker_id,
                sessions.created_at,
                sessions.last_accessed
            FROM sessions
        """
        ),
        "variable_overview": (
            """
            SELECT
                variables.session_id,
                variables.name,
                variables.id,
                variables.type,
                coalesce(variables.value, '<binary, ' || CAST(length(variables.value_blob) AS TEXT) || ' bytes>') AS value,
                variables.version,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL
                    OR variables.optimization_expires_at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')))
                    THEN 'yes' ELSE 'no' END AS optimizing,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL
                    OR variables.optimization_expires_at > strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')))
                    THEN variables.optimizer_id ELSE NULL END AS optimizer_id,
                variables.last_updated_at
            FROM variables
        """
        ),
    },
    "postgresql": {
        "session_overview": (
            """
            SELECT
                sessions.id,
                CASE WHEN (sessions.last_accessed + sessions.ttl * interval '1 second' < clock_timestamp()) THEN 'expired' ELSE 'live' END AS state,
                round(extract(epoch FROM clock_timestamp() - sessions.last_accessed), 3) AS idle_seconds,
                sessions.ttl,
                sessions.variable_count,
                sessions.program_count,
                sessions.total_variable_updates,
                sessions.last_worker_id,
                sessions.created_at,
                sessions.last_accessed
            FROM sessions
        """
        ),
        "variable_overview": (
            """
            SELECT
                variables.session_id,
                variables.name,
                variables.id,
                variables.type,
                coalesce(variables.value, '<binary, ' || CAST(length(variables.value_blob) AS TEXT) || ' bytes>') AS value,
                variables.version,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL
                    OR variables.optimization_expires_at > clock_timestamp()))
                    THEN 'yes' ELSE 'no' END AS optimizing,
                CASE WHEN (variables.optimizer_id IS NOT NULL AND (variables.optimization_expires_at IS NULL
                    OR variables.optimization_expires_at > clock_timestamp()))
                    THEN variables.optimizer_id ELSE NULL END AS optimizer_id,
                variables.last_updated_at
            FROM variables
        """
        ),
    },
}


def _identifier() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _moment() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def _json() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(postgresql.JSON(), "postgresql")


def _length(table: str, column: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(
        f"length({column}) BETWEEN 1 AND 255", name=op.f(f"ck_{table}_{column}_length")
    )


def _not_negative(table: str, column: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} >= 0", name=op.f(f"ck_{table}_{column}_not_negative"))


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("metadata", _json(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("last_accessed", _moment(), nullable=False),
        sa.Column("ttl", sa.Double(), nullable=True),
        sa.Column("expires_at", _moment(), nullable=True),
        sa.Column("last_worker_id", sa.Text(), nullable=True),
        sa.Column("variable_count", sa.BigInteger(), nullable=False),
        sa.Column("program_count", sa.BigInteger(), nullable=False),
        sa.Column("total_variable_updates", sa.BigInteger(), nullable=False),
        _length("sessions", "id"),
        _length("sessions", "last_worker_id"),
        sa.CheckConstraint("ttl > 0", name=op.f("ck_sessions_ttl_positive")),
        sa.CheckConstraint(
            "(ttl IS NULL) = (expires_at IS NULL)", name=op.f("ck_sessions_expires_with_ttl")
        ),
        _not_negative("sessions", "variable_count"),
        _not_negative("sessions", "program_count"),
        _not_negative("sessions", "total_variable_updates"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        op.f("ix_sessions_expires_at"),
        "sessions",
        ["expires_at"],
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )


def _create_variables() -> None:
    op.create_table(
        "variables",
        sa.Column("session_id", _identifier(), nullable=False),
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("name", _identifier(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("value_blob", sa.LargeBinary(), nullable=True),
        sa.Column("constraints", _json(), nullable=False),
        sa.Column("metadata", _json(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("last_updated_at", _moment(), nullable=False),
        sa.Column("optimizer_id", sa.Text(), nullable=True),
        sa.Column("optimizer_pid", sa.Text(), nullable=True),
        sa.Column("optimization_started_at", _moment(), nullable=True),
        sa.Column("optimization_expires_at", _moment(), nullable=True),
        sa.Column("access_rules", _json(), nullable=False),
        _length("variables", "id"),
        _length("variables", "name"),
        _length("variables", "type"),
        _length("variables", "optimizer_id"),
        _not_negative("variables", "version"),
        sa.CheckConstraint(
            "value IS NOT NULL OR value_blob IS NOT NULL", name=op.f("ck_variables_has_value")
        ),
        sa.CheckConstraint(
            "optimizer_id IS NOT NULL OR (optimizer_pid IS NULL AND optimization_started_at IS NULL"
            " AND optimization_expires_at IS NULL)",
            name=op.f("ck_variables_optimization_has_optimizer"),
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_variables_sessions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "id", name=op.f("pk_variables")),
        sa.UniqueConstraint("session_id", "name", name=op.f("uq_variables_session_id_name")),
    )


def _create_programs() -> None:
    op.create_table(
        "programs",
        sa.Column("session_id", _identifier(), nullable=False),
        sa.Column("id", _identifier(), nullable=False),
        sa.Column("program", _json(), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("last_updated_at", _moment(), nullable=False),
        _length("programs", "id"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_programs_sessions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "id", name=op.f("pk_programs")),
    )


def upgrade() -> None:
    """Make the tables and their views."""
    _create_sessions()
    _create_variables()
    _create_programs()
    for name, query in VIEWS[op.get_context().dialect.name].items():
        op.execute(f"CREATE VIEW {name} AS{dedent(query).rstrip()}")


def downgrade() -> None:
    """Drop all that is ours."""
    for name in reversed(VIEWS["sqlite"]):
        op.execute(f"DROP VIEW {name}")
    op.drop_table("programs")
    op.drop_table("variables")
    op.drop_index(op.f("ix_sessions_expires_at"), table_name="sessions")
    op.drop_table("sessions")
