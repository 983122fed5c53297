"""Loads and locks sessions, checks their expiry, and records accesses.

Every operation on a session starts here.
"""

from __future__ import annotations

import logging
from datetime import datetime

from snakestore.errors import (
    CorruptStoreError,
    InvalidNameError,
    SessionExpiredError,
    SessionNotFoundError,
    shorten,
)
from snakestore.names import identifier_text, is_simple_name
from snakestore.repository.arguments import look_up_text
from snakestore.session import Session, exceeds_ttl, expiry, is_expired
from snakestore.storage.dialects.access_lag import access_is_due, recorded_expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.sessions import (
    LockedSession,
    access_from,
    locked_session_from,
    session_from,
    unchecked_session_id_from,
    variable_count_from,
)
from snakestore.storage.queries import sessions as sql
from snakestore.storage.queries.statement import Row, Statement

logger = logging.getLogger("snakestore.sessions")


def session_text(sid: object) -> str:
    """The text of a session id to look up.

    Raises:
        InvalidNameError: if it is neither str nor Enum.
        SessionNotFoundError: if no session can have this id.
    """
    if is_simple_name(sid):
        return sid
    text = look_up_text(sid, "session id")
    if text is None:
        raise SessionNotFoundError(identifier_text(sid))
    return text


def lookup_key(
    tx: TransactionContext, sid: object, identifier: object, what: str = "identifier"
) -> tuple[str, str]:
    """The texts of a session id and an identifier to look up.

    Text that cannot be a name becomes "", which nothing is called.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired, and
            one of them is not simple text. An invalid identifier is refused after its session.
        InvalidNameError: if one of them is neither str nor Enum; ``what`` names the identifier.
    """
    if is_simple_name(sid) and is_simple_name(identifier):
        return sid, identifier
    session = session_text(sid)
    try:
        return session, look_up_text(identifier, what) or ""
    except InvalidNameError:
        load_session(tx, session)
        raise


def check_access(tx: TransactionContext, sid: str, row: Row | None, *, touch: bool = True) -> Row:
    """Check the session of a row that begins with ACCESS_COLUMNS, and return the row.

    ``touch`` marks the access as due if the recorded one lags behind enough.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
    """
    if row is None:
        raise SessionNotFoundError(sid)
    last_accessed, ttl, server_now = access_from(sid, row)
    if server_now is not None:
        tx.set_server_time(server_now)
    if ttl is None and not touch:
        return row  # it never expires
    idle = (tx.now - last_accessed).total_seconds()
    if access_is_due(idle, ttl):
        if exceeds_ttl(idle, ttl):
            raise SessionExpiredError(sid, expired_at=expiry(last_accessed, ttl), ttl=ttl)
        if touch:
            tx.access_due = sid
    return row


def load_session(tx: TransactionContext, sid: object, *, touch: bool = True) -> str:
    """Check that a session exists and has not expired. The first statement of reads with several.

    Args:
        touch: whether the read counts as an access.

    Raises:
        InvalidNameError: if the id is neither str nor Enum.
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
    """
    text = session_text(sid)
    check_access(tx, text, tx.fetch_first(sql.SELECT_SESSION_STATE, sid=text), touch=touch)
    return text


def lock_session(tx: TransactionContext, sid: object) -> LockedSession:
    """Check a session and lock its row until the transaction ends.

    Raises:
        InvalidNameError: if the id is neither str nor Enum.
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
    """
    text = session_text(sid)
    row = tx.fetch_first(sql.SELECT_SESSION_STATE_FOR_UPDATE, sid=text)
    return locked_session_from(text, check_access(tx, text, row, touch=False))


def lock_counted_session(tx: TransactionContext, sid: object) -> tuple[LockedSession, object]:
    """``lock_session``, and the number of the session's variables, unchecked.

    Raises:
        InvalidNameError, SessionNotFoundError, SessionExpiredError: as ``lock_session``.
    """
    text = session_text(sid)
    found = tx.fetch_first(sql.SELECT_COUNTED_FOR_UPDATE, sid=text)
    row = check_access(tx, text, found, touch=False)
    return locked_session_from(text, row), variable_count_from(row)


def lock_session_for_claim(tx: TransactionContext, sid: object) -> str:
    """Check a session, and keep others from writing it until the transaction ends.

    Claims of one session run side by side. In a transaction of several operations the session is
    locked as for any write, because a later one could not get that lock beside other claims.

    Raises:
        InvalidNameError: if the id is neither str nor Enum.
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
    """
    if not tx.alone:
        return lock_session(tx, sid).sid
    text = session_text(sid)
    row = tx.fetch_first(sql.SELECT_SESSION_STATE_FOR_CLAIM, sid=text)
    check_access(tx, text, row, touch=False)
    return text


def lock_session_beside(
    tx: TransactionContext, sid: str, statement: Statement, **parameters: object
) -> tuple[LockedSession, Row]:
    """Lock a session, whose id is a text, and read something in it with the same statement.

    ``statement`` selects STATE_COLUMNS and others.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
    """
    if tx.backend.locks_rows:
        tx.send(sql.LOCK_SESSION, sid=sid)
    found = tx.fetch_first(statement, sid=sid, **parameters)
    row = check_access(tx, sid, found, touch=False)
    return locked_session_from(sid, row), row


def has_expired(tx: TransactionContext, sid: object, row: Row) -> bool:
    """Whether the session of a row that begins with ACCESS_COLUMNS has expired.

    Raises:
        CorruptStoreError: if a column is damaged.
    """
    last_accessed, ttl, server_now = access_from(sid, row)
    tx.set_server_time(server_now)
    return is_expired(last_accessed, ttl, tx.now)


def undamaged_session(
    tx: TransactionContext, row: Row, *, expired: bool | None = None
) -> Session | None:
    """The session of SESSION_COLUMNS, or None if it is damaged, which is logged.

    Args:
        expired: also None unless the session has expired (True) or has not (False).
    """
    sid = unchecked_session_id_from(row)
    try:
        if expired is not None and has_expired(tx, sid, row) is not expired:
            return None
        return session_from(row, tx.now)
    except CorruptStoreError:
        logger.warning("omitted the session %s, which is damaged: see check()", shorten(sid))
        return None


def ping(tx: TransactionContext) -> None:
    """Do nothing: for methods that can find nothing, but must notice a closed repository."""
    tx.set_server_time(None)


def record_write(
    tx: TransactionContext,
    locked: LockedSession,
    *,
    variables: int = 0,
    programs: int = 0,
    updates: int = 0,
) -> tuple[datetime, datetime | None]:
    """Record the access that a write is, and add to the session's counts.

    ``last_accessed`` never moves back. Returns it, and ``expires_at``.
    """
    accessed = max(locked.last_accessed, tx.now)
    expires = recorded_expiry(locked.expires_at, accessed, locked.ttl)
    moves = expires is not locked.expires_at
    only_updates = updates and not (moves or variables or programs)
    if only_updates and tx.defers_update(locked, accessed, updates):
        return accessed, expires
    tx.send(
        sql.RECORD[moves, variables != 0, programs != 0, updates != 0],
        sid=locked.sid,
        accessed=accessed,
        expires=expires,
        variables=variables,
        programs=programs,
        updates=updates,
    )
    return accessed, expires


def record_access(tx: TransactionContext, sid: str) -> tuple[datetime, datetime | None] | None:
    """Record an access of an operation that has not locked the session for itself.

    Does nothing if the session is gone, has expired or is locked by a write, which records the
    access itself. Returns ``last_accessed`` and ``expires_at``, or None.
    """
    row = tx.fetch_first(sql.SELECT_SESSION_STATE_SKIP_LOCKED, sid=sid)
    if row is None or has_expired(tx, sid, row):
        return None
    return record_write(tx, locked_session_from(sid, row))
