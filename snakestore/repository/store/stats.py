"""Statistics of the whole store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakestore.repository.base import RepositoryBase
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import sessions as sql

if TYPE_CHECKING:
    from snakestore.reports import StoreStats


class StatsMethods(RepositoryBase):
    """Methods that count what the store holds."""

    def store_stats(self) -> StoreStats:
        """What the store holds, in numbers; it counts rows, so it takes time in proportion to them. No access."""
        return self._runner.read(_stats)


def _stats(tx: TransactionContext) -> StoreStats:
    from snakestore.reports import StoreStats  # noqa: PLC0415 - loaded by those who ask

    sessions, expired, variables, programs, versions = tx.fetch_one(sql.SELECT_COUNTS, bound=tx.now)
    size, free, wal = sizes(tx)
    return StoreStats(
        sessions=sessions,
        expired_sessions=expired,
        variables=variables,
        programs=programs,
        versions=versions,
        size_bytes=size,
        free_bytes=free,
        wal_bytes=wal,
    )


def sizes(tx: TransactionContext) -> tuple[int, int, int]:
    """Bytes of the database, bytes of it that are free, and bytes of the log beside it."""
    size, free = tx.fetch_one(tx.backend.size)
    path = None if tx.backend.file is None else tx.fetch_one(tx.backend.file)[0]
    return size, free, tx.backend.log_bytes(path) if path else 0
