"""Looks up a log and its session with one statement, and locks them for a write."""

from __future__ import annotations

from snakestore.repository.session_access import check_access, lookup_key
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.logs import StoredLog, locked_log_from
from snakestore.storage.mapping.sessions import LockedSession, locked_session_from
from snakestore.storage.queries import logs as sql
from snakestore.storage.queries import sessions as sessions_sql
from snakestore.storage.queries.statement import Row


def look_up(
    tx: TransactionContext, sid: object, log: object, *, touch: bool = True
) -> tuple[str, str, Row]:
    """The texts of session and log, and ACCESS_COLUMNS with LOG_COLUMNS.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        InvalidNameError: if the name is neither str nor Enum.
    """
    session, name = lookup_key(tx, sid, log, "log name")
    row = tx.fetch_first(sql.SELECT_LOG, sid=session, log=name)
    return session, name, check_access(tx, session, row, touch=touch)


def lock_log(
    tx: TransactionContext, sid: object, log: object
) -> tuple[LockedSession, str, StoredLog | None]:
    """Lock a session and read a log in it; None if there is no such log.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        InvalidNameError: if the name is neither str nor Enum.
    """
    session, name = lookup_key(tx, sid, log, "log name")
    if tx.backend.locks_rows:
        tx.send(sessions_sql.LOCK_SESSION, sid=session)
    found = tx.fetch_first(sql.SELECT_FOR_UPDATE, sid=session, log=name)
    row = check_access(tx, session, found, touch=False)
    return locked_session_from(session, row), name, locked_log_from(session, name, row)
