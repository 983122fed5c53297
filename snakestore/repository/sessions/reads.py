"""Methods that read sessions."""

from dataclasses import replace
from typing import Any

from snakestore.errors import SessionNotFoundError
from snakestore.patterns import NameRange
from snakestore.repository.arguments import checked_count, look_up_text
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import (
    check_access,
    has_expired,
    ping,
    session_text,
    undamaged_session,
)
from snakestore.session import Session, SessionStats, expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.sessions import session_from, unchecked_session_id_from
from snakestore.storage.queries import sessions as sql

PAGE = 500
"""Rows that are read at once."""


class SessionReadMethods(RepositoryBase):
    """Methods that read sessions."""

    def get_session(self, sid: str) -> Session:
        """Return the session as recorded after this access.

        Counts as an access (updates ``last_accessed``). ``get_stats`` and ``list_sessions`` read
        without an access.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        tx, session = self._runner.lookup(_get, sid)
        if tx.recorded_access is None:
            return session
        last_accessed, _ = tx.recorded_access
        stats = replace(
            session.stats, time_since_access=max(0.0, (tx.now - last_accessed).total_seconds())
        )
        return replace(
            session,
            last_accessed=last_accessed,
            expires_at=expiry(last_accessed, session.ttl),
            stats=stats,
        )

    def session_exists(self, sid: str) -> bool:
        """Return whether a live session has this id. Does not update ``last_accessed``.

        Raises:
            InvalidNameError: if the id is neither str nor Enum.
        """
        return self._runner.lookup(_exists, sid)

    def list_sessions(
        self,
        pattern: str | None = None,
        *,
        limit: int | None = None,
        after: str | None = None,
        include_expired: bool = False,
    ) -> list[Session]:
        """Return sessions ordered by id (by code point). Does not update ``last_accessed``.

        Damaged sessions are omitted, and logged as a warning. ``check()`` lists them.

        Args:
            pattern: only ids that match (``*`` matches any run of characters, all else is literal).
            limit: the maximum number of sessions; None: no limit.
            after: only ids after this one: the last id of the previous page.
            include_expired: include expired sessions that were not deleted yet.

        Raises:
            InvalidNameError: if ``pattern`` or ``after`` is neither str nor Enum.
            ValidationError: if ``limit`` is neither None nor an int >= 0.
        """
        ids = NameRange.parse(pattern, after=after)
        count = checked_count(limit, "limit")
        if ids.is_empty or count == 0:
            self._runner.lookup(ping)
            return []
        return self._runner.read(sessions_in, ids, count, include_expired=include_expired)

    def expired(self, sid: str) -> bool:
        """Return whether the session has expired. Does not update ``last_accessed``.

        Raises:
            SessionNotFoundError: if the session does not exist, or was deleted since it expired.
        """
        return self._runner.lookup(_expired, sid)

    def get_stats(self, sid: str) -> SessionStats:
        """Return the session's counts and ages. Does not update ``last_accessed``.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        return self._runner.lookup(read_session, sid).stats


def _get(tx: TransactionContext, sid: str) -> tuple[TransactionContext, Session]:
    return tx, read_session(tx, sid, touch=True)


def read_session(tx: TransactionContext, sid: str, *, touch: bool = False) -> Session:
    """Read a session. ``touch`` says whether that is an access, which is then recorded.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
    """
    text = session_text(sid)
    row = tx.fetch_first(sql.SELECT_SESSION, sid=text)
    return session_from(check_access(tx, text, row, touch=touch), tx.now)


def _exists(tx: TransactionContext, sid: str) -> bool:
    text = look_up_text(sid, "session id")
    row = None if text is None else tx.fetch_first(sql.SELECT_SESSION_STATE, sid=text)
    return row is not None and not has_expired(tx, text, row)


def _expired(tx: TransactionContext, sid: str) -> bool:
    text = session_text(sid)
    row = tx.fetch_first(sql.SELECT_SESSION_STATE, sid=text)
    if row is None:
        raise SessionNotFoundError(text)
    return has_expired(tx, text, row)


def sessions_in(
    tx: TransactionContext, ids: NameRange, limit: int | None, *, include_expired: bool
) -> list[Session]:
    """The first sessions of a range, ordered by id; damaged ones are omitted, which is logged."""
    # reads pages of the index range until the limit is reached
    found: list[Session] = []
    # often the first few are all that is wanted
    size = min(limit, PAGE) if limit is not None and ids.is_exact else PAGE
    bounds: dict[str, Any] = {**ids.bounds(), "limit": size}
    while True:
        page = tx.fetch_with_damaged(sql.SELECT_SESSIONS.statement(bounds), **bounds)
        for row in page:
            last = unchecked_session_id_from(row)
            if not ids.matches(str(last)):
                continue
            session = undamaged_session(tx, row, expired=None if include_expired else False)
            if session is not None:
                found.append(session)
                if len(found) == limit:
                    return found
        if len(page) < bounds["limit"]:
            return found
        bounds.pop("lower", None)
        bounds |= {"after": last, "limit": PAGE}
