"""Methods that list and delete expired sessions."""

from __future__ import annotations

from collections.abc import Callable

from snakestore.repository.arguments import checked_count, checked_positive
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import has_expired, ping
from snakestore.repository.sessions import delete_sessions
from snakestore.repository.store.sweep import WriterYield, incremental_vacuum
from snakestore.session import Session, expiry
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import sessions as sql


class ExpiryMethods(RepositoryBase):
    """The part of a repository that finds and removes what has expired."""

    def list_expired(self, limit: int | None = None) -> list[Session]:
        """Sessions that have expired and were not swept yet, the longest expired first; no access.

        Args:
            limit: at most so many.

        Raises:
            ValidationError: the limit may not be.
        """
        return self._runner.lookup(_list, checked_count(limit, "limit"))

    def delete_expired(
        self,
        limit: int | None = None,
        *,
        batch_size: int = 100,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete expired sessions with all they held, in small transactions between which others write; how many.

        Several sweepers share the tx: what they return adds up to the sessions removed. The space
        that they took is given back to the disk (SQLite, in a file that this library made), in
        small transactions too.

        Args:
            limit: at most so many.
            batch_size: sessions a transaction.
            progress: called with the number deleted so far after each transaction.

        Raises:
            ValidationError: an argument may not be.
        """
        most, size = checked_count(limit, "limit"), checked_positive(batch_size, "batch_size")
        deleted, yielding = 0, WriterYield(self._runner)
        if most == 0:
            self._runner.lookup(ping)
        while most is None or deleted < most:
            wanted = size if most is None else min(size, most - deleted)
            with yielding.slice():
                met, gone = self._runner.write(_sweep, wanted)
            deleted += gone
            if gone and progress is not None:
                progress(deleted)
            if met < wanted:
                break
        if deleted:
            incremental_vacuum(self._runner, yielding)
        return deleted


def _list(tx: TransactionContext, most: int | None) -> list[Session]:
    bound = tx.backend.sweep_bound(tx.now)
    found = (
        tx.fetch_all(sql.SELECT_EXPIRED, bound=bound)
        if most is None
        else tx.fetch_all(sql.SELECT_EXPIRED_LIMITED, bound=bound, most=most)
    )
    return [
        mapping.session_from(row, tx.now)
        for row in found
        if has_expired(row[0], row[2], row[3], tx.now)
    ]


def _sweep(tx: TransactionContext, most: int) -> tuple[int, int]:
    """Delete of the next ``most`` sessions that may have expired those that have; how many were met, and how many deleted."""
    met = tx.fetch_all(sql.LOCK_EXPIRED, bound=tx.backend.sweep_bound(tx.now), most=most)
    gone = []
    for accessed, ttl, sid in met:
        if has_expired(sid, accessed, ttl, tx.now):
            gone.append(sid)
        else:  # its recorded expiry lagged behind: let it catch up, or it is met again
            tx.execute(sql.REFRESH_EXPIRY, sid=sid, expires=expiry(accessed, ttl))
    if gone:
        delete_sessions(tx, gone)
    return len(met), len(gone)
