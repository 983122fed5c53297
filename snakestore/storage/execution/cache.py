"""Answers lookups from memory while a SQLite database is unchanged.

Each connection has a cache of its own, valid as long as ``PRAGMA data_version`` of that connection
stays the same. It changes with every commit of another connection, in this process or elsewhere
(https://sqlite.org/pragma.html#pragma_data_version). The connection's own commits do not change it,
so a write clears the cache first.

A cache that is full has paid if most lookups found their row. Otherwise more is read at random than
it holds, and keeping rows costs more than it saves: then the next lookups pass it by.
"""

from __future__ import annotations

from typing import Any, Self

from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.connection_source import NotAtOnceError
from snakestore.storage.execution.direct import DirectRunner
from snakestore.storage.execution.driver_connection import DriverConnection
from snakestore.storage.queries.statement import Row, Statement, row_bytes

MAX_BYTES = 16 * 2**20
"""Bound on the size of one connection's cache."""
ROW_BYTES = 500
"""Estimated size of a row besides its texts and binary values."""


HITS_PER_ROW = 2
"""How often a row must be found, on average, to be worth keeping."""
PASSED_BY = 32
"""How many lookups pass by a cache that has not paid, for each row that it had."""


class Pause:
    """How many of a runner's next lookups pass by its caches."""

    __slots__ = ("lookups",)

    def __init__(self) -> None:
        self.lookups = 0


class RowCache:
    """Rows by statement, session and identifier, as of one ``data_version``."""

    __slots__ = ("hits", "pause", "rows", "size", "version")

    def __init__(self, pause: Pause) -> None:
        """Start empty; begin ``pause`` when the cache is full and has not paid."""
        self.rows: dict[tuple[Statement, str, str], Row] = {}
        self.pause = pause
        self.version: int | None = None
        self.size = 0
        self.hits = 0
        """How many lookups were answered since the cache was empty."""

    def clear(self, version: int | None = None) -> None:
        """Drop all rows. Rows that are put from here on are as of ``version``."""
        self.rows.clear()
        self.size = self.hits = 0
        self.version = version

    def put(self, statement: Statement, sid: str, identifier: str, row: Row) -> None:
        """Add a row that was read at ``version``; a full cache is cleared first."""
        if self.version is None:
            return
        self.size += ROW_BYTES + row_bytes(row)
        if self.size > MAX_BYTES:
            if self.hits < HITS_PER_ROW * len(self.rows):
                self.pause.lookups = PASSED_BY * len(self.rows)
            self.clear(self.version)
            return
        self.rows[statement, sid, identifier] = row


class CachingRunner(DirectRunner):
    """A DirectRunner that caches the rows it looks up."""

    _max_bytes: int | None = None
    """How large a cached row may be; None: as large as it is."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take the arguments of an AutocommitRunner."""
        super().__init__(*args, **options)
        self._pause = Pause()

    def at_once(self, max_bytes: int) -> Self | None:
        """A runner for small reads, see ``AutocommitRunner``."""
        runner = super().at_once(max_bytes)
        if runner is not None:
            runner._max_bytes = max_bytes  # noqa: SLF001 - of the same class
        return runner

    def _row(
        self, connection: ConnectionAdapter, statement: Statement, sid: str, identifier: str
    ) -> Row | None:
        if self._pause.lookups > 0:
            self._pause.lookups -= 1  # threads may lose some of it, which harms nothing
            return super()._row(connection, statement, sid, identifier)
        cache = self._current_cache(connection)
        row = cache.rows.get((statement, sid, identifier))
        if row is None:
            row = super()._row(connection, statement, sid, identifier)
            if row is not None:
                cache.put(statement, sid, identifier, row)
            return row
        if self._max_bytes is not None and row_bytes(row) > self._max_bytes:
            raise NotAtOnceError
        if self._seconds() >= self._quiet.until(sid, row) and not self._is_all(row):
            return None
        cache.hits += 1
        return row

    def _current_cache(self, connection: ConnectionAdapter) -> RowCache:
        """The cache of a connection, without rows that may have changed since."""
        assert isinstance(connection, DriverConnection)  # noqa: S101 - all of this runner's are
        if connection.row_cache is None:
            connection.row_cache = RowCache(self._pause)
        cache: RowCache = connection.row_cache  # type: ignore[assignment] # nothing else sets it
        [version] = connection.execute(self.backend.data_version).fetchone()
        if version != cache.version:
            cache.clear(version)
        return cache
