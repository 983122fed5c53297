"""Statistics of the whole store: row counts and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakestore.repository.base import RepositoryBase
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.cells import database_size_from, named
from snakestore.storage.queries import sessions as sql

if TYPE_CHECKING:
    from snakestore.reports import StoreStats


class StatsMethods(RepositoryBase):
    """Methods that count what the store contains."""

    def store_stats(self) -> StoreStats:
        """Return row counts and sizes of the store. Does not update ``last_accessed``.

        It counts rows, so it takes time in proportion to them.
        """
        return self._runner.read(_stats)


def _stats(tx: TransactionContext) -> StoreStats:
    from snakestore.reports import StoreStats  # noqa: PLC0415 - loaded on first use

    counts = named(tuple(sql.COUNTS), tx.fetch_one(sql.SELECT_COUNTS, bound=tx.now))
    size, free, wal = sizes(tx)
    return StoreStats(**counts, size_bytes=size, free_bytes=free, wal_bytes=wal)


def sizes(tx: TransactionContext) -> tuple[int, int, int]:
    """Bytes of the database, bytes of it that are free, and bytes of the write-ahead log."""
    size, free = database_size_from(tx.fetch_one(tx.backend.size_query(tx)))
    path = None if tx.backend.file is None else tx.fetch_scalar(tx.backend.file)
    return size, free, tx.backend.log_bytes(path) if path else 0
