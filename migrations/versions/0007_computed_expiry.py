"""Views that compute when a session expires, because SQLite's expires_at may lag behind too.

Revision: 0007, after 0006
"""

from __future__ import annotations

from textwrap import dedent

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CHANGED = ("session_overview", "lease_overview")
MICROSECONDS = (
    "(CAST(substr(sessions.last_accessed, 21, 6) AS INTEGER)"
    " + CAST(round(sessions.ttl * 1000000) AS INTEGER))"
)
EXPIRES_AT = (
    "coalesce(replace(datetime(substr(sessions.last_accessed, 1, 19),"
    f" ({MICROSECONDS} / 1000000) || ' seconds'), ' ', 'T')"
    f" || printf('.%06dZ', {MICROSECONDS} % 1000000), sessions.expires_at)"
)


def upgrade() -> None:
    """Replace the views that show a session's recorded expiry. PostgreSQL's compute it already."""
    _create_views(EXPIRES_AT)


def downgrade() -> None:
    """Create the views as they were, and record when each session expires, which they show."""
    _create_views("sessions.expires_at")
    if op.get_context().dialect.name == "sqlite":
        op.execute(f"UPDATE sessions SET expires_at = {EXPIRES_AT} WHERE expires_at < {EXPIRES_AT}")


def _create_views(expires_at: str) -> None:
    """Create the views of 0006, which is frozen, with another expression for the expiry."""
    context = op.get_context()
    if context.dialect.name != "sqlite":
        return
    environment = context.environment_context
    assert environment is not None  # noqa: S101 - the revision runs in one
    views: dict[str, str] = environment.script.get_revision(down_revision).module.VIEWS["sqlite"]
    for name in CHANGED:
        query = dedent(views[name]).rstrip().replace("sessions.expires_at", expires_at)
        op.execute(f"DROP VIEW {name}")
        op.execute(f"CREATE VIEW {name} AS{query}")
