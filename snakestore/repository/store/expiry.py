"""Methods that list and delete expired sessions."""

from __future__ import annotations

from collections.abc import Callable

from snakestore.repository.arguments import checked_count, checked_positive
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import has_expired, ping
from snakestore.repository.sessions import delete_sessions
from snakestore.repository.store.sweep import WriterYield, incremental_vacuum
from snakestore.session import Session, expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.sessions import (
    access_from,
    session_from,
    session_id_from,
    unchecked_session_id_from,
)
from snakestore.storage.queries import sessions as sql


class ExpiryMethods(RepositoryBase):
    """Methods about expired sessions."""

    def list_expired(self, limit: int | None = None) -> list[Session]:
        """Return the expired sessions, longest expired first. Does not update ``last_accessed``.

        Args:
            limit: the maximum number of sessions; None: no limit.

        Raises:
            ValidationError: if ``limit`` is neither None nor an int >= 0.
        """
        return self._runner.lookup(_list, checked_count(limit, "limit"))

    def delete_expired(
        self,
        limit: int | None = None,
        *,
        batch_size: int = 100,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete expired sessions and their contents, in small transactions.

        Other writers get their turn between transactions. Several sweepers share the work: what
        they return adds up to the number of sessions deleted. On SQLite, free space is then
        returned to the disk if the file was created by snakestore.

        Args:
            limit: the maximum number of sessions; None: no limit.
            batch_size: sessions per transaction.
            progress: called with the number deleted so far after each transaction.

        Returns:
            How many sessions were deleted.

        Raises:
            ValidationError: if an argument is invalid.
        """
        count, size = checked_count(limit, "limit"), checked_positive(batch_size, "batch_size")
        deleted, yielding = 0, WriterYield(self._runner)
        if count == 0:
            self._runner.lookup(ping)
        while count is None or deleted < count:
            batch = size if count is None else min(size, count - deleted)
            with yielding.slice():
                met, removed = self._runner.write(_sweep, batch)
            deleted += removed
            if removed and progress is not None:
                progress(deleted)
            if met < batch:
                break
        if deleted:
            incremental_vacuum(self._runner, yielding)
        return deleted


def _list(tx: TransactionContext, limit: int | None) -> list[Session]:
    bound = tx.backend.sweep_bound(tx.now)
    rows = (
        tx.fetch_all(sql.SELECT_EXPIRED, bound=bound)
        if limit is None
        else tx.fetch_all(sql.SELECT_EXPIRED_LIMITED, bound=bound, limit=limit)
    )
    return [session_from(row, tx.now) for row in rows if has_expired(tx, session_id_from(row), row)]


def _sweep(tx: TransactionContext, limit: int) -> tuple[int, int]:
    """Delete what has expired of the next ``limit`` sessions that may have.

    Returns how many sessions were looked at, and how many deleted.
    """
    rows = tx.fetch_all(sql.LOCK_EXPIRED, bound=tx.backend.sweep_bound(tx.now), limit=limit)
    expired = []
    for row in rows:
        sid = unchecked_session_id_from(row)
        if has_expired(tx, sid, row):
            expired.append(sid)
        else:  # its recorded expiry lags behind: update it, or it is found again
            last_accessed, ttl, _ = access_from(sid, row)
            tx.execute(sql.REFRESH_EXPIRY, sid=sid, expires=expiry(last_accessed, ttl))
    if expired:
        delete_sessions(tx, expired)
    return len(rows), len(expired)
