"""Answers lookups from memory while a SQLite database is unchanged.

Each connection has a cache of its own, valid as long as ``PRAGMA data_version`` of that connection
stays the same. It changes with every commit of another connection, in this process or elsewhere
(https://sqlite.org/pragma.html#pragma_data_version). The connection's own commits do not change it,
so a write clears the cache first.

A cache that is full has paid if most lookups found their row. Otherwise more is read at random than
it holds, and keeping rows costs more than it saves: then the next lookups pass it by.
"""

from __future__ import annotations

from datetime import datetime
from threading import get_ident
from typing import Any, Self

from snakestore.storage.dialects.access_lag import access_is_due
from snakestore.storage.execution.autocommit import LOOKUP, AutocommitRunner, Mode
from snakestore.storage.execution.connection import ConnectionAdapter, DriverConnection
from snakestore.storage.execution.connection_source import NotAtOnceError
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import is_driver_error, translate
from snakestore.storage.execution.nesting import holds_connection
from snakestore.storage.mapping.sessions import access_from
from snakestore.storage.queries.statement import Row, Statement, row_bytes

MAX_BYTES = 16 * 2**20
"""Bound on the size of one connection's cache."""
ROW_BYTES = 500
"""Estimated size of a row besides its texts and binary values."""


HITS_PER_ROW = 2
"""How often a row must be found, on average, to be worth keeping."""
PASSED_BY = 32
"""How many lookups pass by a cache that has not paid, for each row that it had."""


CachedRow = tuple[Row, datetime, float | None]
"""A row that joins a variable to its session, and the session's ``last_accessed`` and ``ttl``."""


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
        self.rows: dict[tuple[Statement, str, str], CachedRow] = {}
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
        last_accessed, ttl, _ = access_from(sid, row)
        self.rows[statement, sid, identifier] = row, last_accessed, ttl


class CachingContext(TransactionContext):
    """The context of a lookup, which caches the row of a variable that it reads."""

    __slots__ = ("_cache",)

    def __init__(self, connection: DriverConnection, now: datetime | None, cache: RowCache) -> None:
        super().__init__(connection, now)
        self._cache = cache

    def fetch_first(self, statement: Statement, /, **parameters: Any) -> Row | None:
        """Run a query; its first row, cached if it was looked up by session and identifier."""
        row = super().fetch_first(statement, **parameters)
        if row is not None and "identifier" in parameters:
            self._cache.put(statement, parameters["sid"], parameters["identifier"], row)
        return row


class CachingRunner(AutocommitRunner):
    """An AutocommitRunner on driver connections to SQLite that caches lookups."""

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

    def cached_row(
        self, statement: Statement, sid: object, identifier: object
    ) -> tuple[Row, datetime] | None:
        """The cached row and the present time, if the row is still what is stored.

        None if there is no such row, or if more than the row is needed: an access is to be
        recorded, the session has expired, or the caller has an open block.
        """
        if type(sid) is not str or type(identifier) is not str:
            return None
        if self._pause.lookups or (self.blocks and self.in_block()):
            return None
        connection: ConnectionAdapter | None = None
        try:
            connection = self._acquire()
            found = self._cached_row(connection, (statement, sid, identifier))
            self._connections.release(connection)
            return found  # noqa: TRY300 - an exception may also come here
        except BaseException as error:
            self.ensure_ended(connection, get_ident())
            if is_driver_error(error):
                raise translate(error) from error
            raise

    def _cached_row(
        self, connection: ConnectionAdapter, key: tuple[Statement, str, str]
    ) -> tuple[Row, datetime] | None:
        cache = self._cache_of(connection)
        [version] = connection.execute(self.backend.data_version).fetchone()
        if version != cache.version:
            cache.clear(version)
            return None
        cached = cache.rows.get(key)
        now = self._now()
        if cached is None or now is None:
            return None
        row, last_accessed, ttl = cached
        if self._max_bytes is not None and row_bytes(row) > self._max_bytes:
            raise NotAtOnceError
        if access_is_due((now - last_accessed).total_seconds(), ttl):
            return None
        cache.hits += 1
        return row, now

    def _context(self, connection: ConnectionAdapter, mode: Mode) -> TransactionContext:
        if mode is not LOOKUP or not isinstance(connection, DriverConnection):
            return super()._context(connection, mode)
        if self._pause.lookups > 0:
            self._pause.lookups -= 1  # threads may lose some of it, which harms nothing
            return super()._context(connection, mode)
        cache = self._cache_of(connection)
        [version] = connection.execute(self.backend.data_version).fetchone()
        if version != cache.version:
            cache.clear(version)
        return CachingContext(connection, self._now(), cache)

    def _cache_of(self, connection: ConnectionAdapter) -> RowCache:
        """The cache of a connection, which is created on first use."""
        assert isinstance(connection, DriverConnection)  # noqa: S101 - all of this runner's are
        if connection.row_cache is None:
            connection.row_cache = RowCache(self._pause)
        cache: RowCache = connection.row_cache  # type: ignore[assignment] # nothing else sets it
        return cache


holds_connection(CachingRunner.cached_row.__code__)
