"""The gate of every verb: the session must be there and alive; and the record of having been there."""

from __future__ import annotations

from datetime import datetime

from snakestore.errors import CorruptStoreError, SessionExpiredError, SessionNotFoundError, shorten
from snakestore.names import identifier_text, is_simple_name
from snakestore.repository.arguments import look_up_text
from snakestore.session import is_expired
from snakestore.storage.dialects.base import access_is_due
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import sessions as sql
from snakestore.storage.queries.statement import Row, Statement


class LockedSession:
    """What a write knows of its session, whose row it has locked."""

    __slots__ = ("expires_at", "history_limit", "last_accessed", "sid", "ttl")

    def __init__(
        self,
        sid: str,
        last_accessed: datetime,
        ttl: float | None,
        expires_at: datetime | None,
        history_limit: int | None,
    ) -> None:
        self.sid = sid
        self.last_accessed = last_accessed
        self.ttl = ttl
        self.expires_at = expires_at
        self.history_limit = history_limit


def check_alive(sid: str, last_accessed: datetime, ttl: float | None, now: datetime) -> float:
    """Refuse a session that has expired; how many seconds it has been idle.

    Raises:
        SessionExpiredError: it had been idle for longer than its ttl.
        CorruptStoreError: its ttl is no number.
    """
    idle = (
        now - last_accessed
    ).total_seconds()  # exact: both are whole microseconds, as is the ttl
    try:
        expired = (
            ttl is not None and idle > ttl
        )  # as is_expired says, without reckoning the idle time twice
    except TypeError as problem:
        raise _damaged(sid, ttl) from problem
    if expired:
        raise SessionExpiredError(sid)
    return idle


def has_expired(sid: str, last_accessed: datetime, ttl: float | None, now: datetime) -> bool:
    """Whether a stored session has expired.

    Raises:
        CorruptStoreError: its ttl is no number.
    """
    try:
        return is_expired(last_accessed, ttl, now)
    except TypeError as problem:
        raise _damaged(sid, ttl) from problem


def _damaged(sid: str, ttl: object) -> CorruptStoreError:
    return CorruptStoreError(
        f"the ttl of session {sid!r} is damaged: {shorten(ttl)} is no number of seconds"
    )


def check_read(
    tx: TransactionContext, sid: str, last_accessed: datetime, ttl: float | None
) -> None:
    """Refuse a session that has expired; note the read as an access where the recorded one lags enough to be worth a write.

    Raises:
        SessionExpiredError, CorruptStoreError: as ``check_alive``.
    """
    idle = check_alive(sid, last_accessed, ttl, tx.now)
    if access_is_due(idle, ttl):
        tx.access_due = sid


def session_text(sid: object) -> str:
    """A session id that is looked for.

    Raises:
        InvalidNameError: it is neither str nor Enum.
        SessionNotFoundError: no session can have it.
    """
    if is_simple_name(sid):
        return sid
    text = look_up_text(sid, "session id")
    if text is None:
        raise SessionNotFoundError(identifier_text(sid))
    return text


def session_state(tx: TransactionContext, statement: Statement, sid: str) -> Row | None:
    """The session's SESSION_STATE_COLUMNS by one of the gate's statements, or None."""
    row = tx.fetch_first(statement, sid=sid)
    if row is not None:
        tx.set_server_time(row[4])
    return row


def ping(tx: TransactionContext) -> None:
    """Ask the database for nothing: for a verb that can find nothing, and must notice a closed store all the same."""
    tx.set_server_time(None)


def load_session(tx: TransactionContext, sid: object) -> str:
    """The session is there and alive; a first statement for verbs that take several. The read counts as an access.

    Raises:
        SessionNotFoundError, SessionExpiredError: it is not.
    """
    text = session_text(sid)
    row = session_state(tx, sql.SELECT_SESSION_STATE, text)
    if row is None:
        raise SessionNotFoundError(text)
    check_read(tx, text, row[0], row[1])
    return text


def lock_session(tx: TransactionContext, sid: object) -> LockedSession:
    """The session is there and alive, and its row ours until the transaction ends.

    Raises:
        SessionNotFoundError, SessionExpiredError: it is not.
    """
    text = session_text(sid)
    row = session_state(tx, sql.SELECT_SESSION_STATE_FOR_UPDATE, text)
    if row is None:
        raise SessionNotFoundError(text)
    check_alive(text, row[0], row[1], tx.now)
    return LockedSession(text, row[0], row[1], row[2], row[3])


def record(
    tx: TransactionContext,
    locked: LockedSession,
    *,
    variables: int = 0,
    programs: int = 0,
    updates: int = 0,
) -> None:
    """Record a write: the access, which never moves back, and the counts, in the same transaction as what they count."""
    accessed = max(locked.last_accessed, tx.now)
    expires = tx.backend.expires_at(
        recorded=locked.expires_at, ttl=locked.ttl, last_accessed=accessed
    )
    tx.execute(
        sql.UPDATE_COUNTERS,
        sid=locked.sid,
        accessed=accessed,
        expires=expires,
        variables=variables,
        programs=programs,
        updates=updates,
    )


def record_read(tx: TransactionContext, sid: str) -> tuple[datetime, datetime | None] | None:
    """Record a read as an access, unless the session is gone, expired or locked by a write, which records one itself."""
    row = tx.fetch_first(sql.SELECT_SESSION_STATE_SKIP_LOCKED, sid=sid)
    if row is None or has_expired(sid, row[0], row[1], tx.now):
        return None
    accessed = max(row[0], tx.now)
    expires = tx.backend.expires_at(recorded=row[2], ttl=row[1], last_accessed=accessed)
    tx.execute(sql.UPDATE_ACCESS, sid=sid, accessed=accessed, expires=expires)
    return accessed, expires
