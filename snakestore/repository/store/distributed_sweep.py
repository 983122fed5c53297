"""Sweep sessions that are distributed over several servers.

A statement over all of them can lock no rows there. So expired sessions are found without a lock,
and then each is locked by its id and looked at again: in between it may have been used, or deleted
and created anew.
"""

from __future__ import annotations

from snakestore.errors import CorruptStoreError, shorten
from snakestore.repository.session_access import has_expired
from snakestore.repository.sessions.writes import delete_sessions
from snakestore.repository.store.swept import Swept
from snakestore.session import expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.runner import Runner
from snakestore.storage.mapping.sessions import ExpiringSession, access_from, expiring_from
from snakestore.storage.queries import sessions as sql


class DistributedSweep:
    """One sweep, which meets each session once, in the order of expiry."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._last: ExpiringSession | None = None

    def delete_batch(self, limit: int) -> Swept:
        """Delete what has expired of the next ``limit`` sessions that may have.

        Each is deleted in a transaction of its own, on its server. Sessions that others have locked
        are skipped.
        """
        page = self._runner.lookup(_find, limit, self._last)
        deleted, damaged = 0, []
        for session in page:
            try:
                deleted += self._runner.write(_delete_if_expired, session.sid)
            except CorruptStoreError:
                damaged.append(shorten(session.sid))
            self._last = session
        return Swept(len(page), postponed=False, deleted=deleted, damaged=damaged)


def _find(
    tx: TransactionContext, limit: int, after: ExpiringSession | None
) -> list[ExpiringSession]:
    rows = (
        tx.fetch_all(sql.SELECT_EXPIRING, bound=tx.now, limit=limit)
        if after is None
        else tx.fetch_all(
            sql.SELECT_EXPIRING_AFTER,
            bound=tx.now,
            limit=limit,
            after_expires=after.expires_at,
            after_sid=after.sid,
        )
    )
    return [expiring_from(row) for row in rows]


def _delete_if_expired(tx: TransactionContext, sid: str) -> bool:
    """Lock a session, unless others have, and delete it if it has expired."""
    row = tx.fetch_first(sql.LOCK_EXPIRING, sid=sid)
    if row is None:
        return False
    if has_expired(tx, sid, row):
        delete_sessions(tx, [sid])
        return True
    # its recorded expiry lags behind: update it, or the next sweep finds it again
    last_accessed, ttl, _ = access_from(sid, row)
    tx.send(sql.REFRESH_EXPIRY, sid=sid, expires=expiry(last_accessed, ttl))
    return False
