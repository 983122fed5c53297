"""What a notebook shows of a repository and of a session. Showing counts as no access."""

from __future__ import annotations

from snakestore.errors import SnakeStoreError
from snakestore.notebook import MAX_ROWS, more_than, or_reason, table
from snakestore.patterns import NameRange
from snakestore.repository.session_access import load_session, ping
from snakestore.repository.sessions.reads import sessions_in
from snakestore.session import Session
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.runner import Runner
from snakestore.storage.mapping import previews
from snakestore.storage.mapping.identities import names_from
from snakestore.storage.queries import previews as sql
from snakestore.storage.queries import variables as variable_sql

SESSION_COLUMNS = ("session", "variables", "programs", "last accessed (UTC)", "expires (UTC)")
MAX_COMPLETIONS = 1000


def repository_html(runner: Runner, title: str) -> str:
    """The sessions of a store."""
    return or_reason(title, lambda: _repository(runner, title))


def session_html(runner: Runner, session_id: str) -> str:
    """The variables, programs and logs of a session."""
    return or_reason(f"Session {session_id}", lambda: runner.read(_session, session_id))


def completions(runner: Runner, session_id: str) -> list[str]:
    """The first names of variables; none for what cannot be read."""
    try:
        return runner.read(_names, session_id)
    except SnakeStoreError:
        return []  # there is nothing to complete


def _repository(runner: Runner, title: str) -> str:
    found = runner.read(_sessions)
    rows = [_session_row(session) for session in found[:MAX_ROWS]]
    return table(title, SESSION_COLUMNS, rows) + more_than(len(found))


def _sessions(tx: TransactionContext) -> list[Session]:
    ping(tx)
    # the expired ones too: skipping many of them would take long
    return sessions_in(tx, NameRange.parse(), MAX_ROWS + 1, include_expired=True)


def _session_row(session: Session) -> tuple[object, ...]:
    stats = session.stats
    expires = "never" if session.expires_at is None else session.expires_at
    return session.id, stats.variable_count, stats.program_count, session.last_accessed, expires


def _session(tx: TransactionContext, session_id: str) -> str:
    sid = load_session(tx, session_id, touch=False)
    given = {"sid": sid, "limit": MAX_ROWS + 1}
    variables = previews.variables_from(tx.fetch_with_damaged(sql.SELECT_VARIABLES, **given))
    programs = previews.programs_from(tx.fetch_with_damaged(sql.SELECT_PROGRAMS, **given))
    logs = previews.logs_from(tx.fetch_with_damaged(sql.SELECT_LOGS, **given))
    shown = table(
        f"Session {sid}",
        ("variable", "type", "value", "version", "updated (UTC)"),
        [(v.name, v.type, v.value, v.version, v.last_updated_at) for v in variables[:MAX_ROWS]],
    )
    shown += more_than(len(variables))
    for columns, rows in (
        (("program", "version", "updated (UTC)"), programs),
        (("log", "entries", "updated (UTC)"), logs),
    ):
        if rows:
            shown += table("", columns, rows[:MAX_ROWS]) + more_than(len(rows))
    return shown


def _names(tx: TransactionContext, session_id: str) -> list[str]:
    sid = load_session(tx, session_id, touch=False)
    bounds = {"limit": MAX_COMPLETIONS}
    statement = variable_sql.SELECT_NAMES.statement(bounds)
    return names_from(sid, tx.fetch_all(statement, sid=sid, **bounds))
