"""Statistics of the whole store: row counts and sizes."""

from datetime import timedelta

import snakestore
from snakestore.clock import shifted
from snakestore.errors import CorruptStoreError
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import has_expired
from snakestore.repository.space import log_bytes
from snakestore.storage.dialects.access_lag import MAX_ACCESS_LAG
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.cells import database_size_from, named
from snakestore.storage.queries import sessions as sql
from snakestore.storage.queries.statement import Row


class StatsMethods(RepositoryBase):
    """Methods that count what the store contains."""

    def store_stats(self) -> "snakestore.StoreStats":
        """Return row counts and sizes of the store. Does not update ``last_accessed``.

        It counts rows, so it takes time in proportion to them.
        """
        return self._runner.read(_stats)


def _stats(tx: TransactionContext) -> "snakestore.StoreStats":
    from snakestore.reports import StoreStats  # noqa: PLC0415 - loaded on first use

    # a recorded expiry may lag: those before this have expired, later ones are looked at
    certain = shifted(tx.now, timedelta(seconds=MAX_ACCESS_LAG), back=True)
    counts = named(tuple(sql.COUNTS), tx.fetch_one(sql.SELECT_COUNTS, bound=certain))
    rows = tx.fetch_with_damaged(sql.SELECT_PERHAPS_EXPIRED, certain=certain, bound=tx.now)
    counts["expired_sessions"] += sum(_may_have_expired(tx, row) for row in rows)
    size, free, wal = sizes(tx)
    return StoreStats(**counts, size_bytes=size, free_bytes=free, wal_bytes=wal)


def _may_have_expired(tx: TransactionContext, row: Row) -> bool:
    """Whether a session has expired; of a damaged one, only the recorded expiry is known."""
    try:
        return has_expired(tx, None, row)
    except CorruptStoreError:
        return True


def sizes(tx: TransactionContext) -> tuple[int, int, int]:
    """Bytes of the database, bytes of it that are free, and bytes of the write-ahead log."""
    size, free = database_size_from(tx.fetch_one(tx.backend.size_query(tx)))
    return size, free, log_bytes(tx)
