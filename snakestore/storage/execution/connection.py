"""Connection adapters: one interface over driver connections and SQLAlchemy connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.pool import PoolProxiedConnection

from snakestore.errors import StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.dialects.base import FileWatch
from snakestore.storage.fork import leak_deliberately

SAVEPOINT = "snakestore"


class ConnectionAdapter(Protocol):
    """One database connection, as runners and transaction contexts use it."""

    backend: Backend
    dialect: Dialect
    broken: bool
    """Whether the connection must not be used again."""

    @property
    def lost(self) -> bool:
        """Whether the connection to the server is gone."""

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child and the connection is its parent's."""

    @property
    def in_transaction(self) -> bool:
        """Whether the database has a transaction open."""

    @property
    def driver_connection(self) -> Any:
        """The driver's connection."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement. Returns a cursor or result with its rows and rowcount."""

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""

    def begin(self, *, write: bool) -> None:
        """Begin a transaction."""

    def commit(self) -> None:
        """Commit the transaction."""

    def rollback(self) -> None:
        """Roll back, whether or not a transaction is open."""


class Clearable(Protocol):
    """A cache of what was read over one connection."""

    def clear(self) -> None:
        """Drop everything."""


class DriverConnection:
    """A driver connection in autocommit mode, with one cursor for all statements."""

    def __init__(
        self,
        proxied: PoolProxiedConnection,
        dialect: Dialect,
        backend: Backend,
        *,
        copied_by_fork: bool = False,
    ) -> None:
        """Configure a connection of SQLAlchemy's pool.

        Args:
            proxied: the connection, checked out of the engine's pool.
            dialect: the engine's dialect.
            backend: what differs by database.
            copied_by_fork: whether a forked child has a copy of its own (a database in memory).
        """
        self.proxied = proxied
        self._copied_by_fork = copied_by_fork
        self.dialect = dialect
        self.backend = backend
        self.broken = False
        self._driver_connection: Any = cast("Any", proxied.driver_connection)
        self.watch: FileWatch | None = backend.file_watch(proxied.info)
        self._fork_depth = fork.depth
        self.row_cache: Clearable | None = None
        """Rows read over this connection; cleared when it begins to write."""
        backend.configure(self._driver_connection)
        self._cursor = self._driver_connection.cursor()
        # attributes, not methods: they save a call for each statement
        self.execute: Callable[..., Any] = self._cursor.execute
        self.execute_many: Callable[..., None] = self._cursor.executemany

    @property
    def driver_connection(self) -> Any:
        """The driver's connection."""
        return self._driver_connection

    @property
    def lost(self) -> bool:
        """Whether the driver has closed the connection."""
        return not self.backend.driver_connected(self._driver_connection)

    @property
    def inherited(self) -> bool:
        """Whether it was made before this process was forked."""
        return self._fork_depth != fork.depth and not self._copied_by_fork

    @property
    def in_transaction(self) -> bool:
        """Whether the driver has a transaction open."""
        return self.backend.driver_in_transaction(self._driver_connection)

    def begin(self, *, write: bool) -> None:
        """Send the backend's BEGIN.

        Raises:
            StoreError: the file was removed or replaced.
        """
        if write:
            if self.row_cache is not None:
                self.row_cache.clear()
            if self.watch is not None:
                self._check_file(self.watch.check_replaced)
        self.execute(self.backend.begin_write if write else self.backend.begin_snapshot)

    def outdated(self) -> bool:
        """Whether it reads a file as unchanging (``immutable``) that has changed.

        Raises:
            StoreError: the file was removed or replaced.
        """
        assert self.watch is not None  # noqa: S101 - asked where there is one
        self._check_file(self.watch.check_replaced_throttled)
        return self.watch.stale

    def _check_file(self, check: Callable[[], None]) -> None:
        try:
            check()
        except StoreError:
            self.broken = True
            raise

    def commit(self) -> None:
        """Send COMMIT."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """Send ROLLBACK, unless the database has rolled back by itself."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def detach(self) -> None:
        """Take the connection out of SQLAlchemy's pool, which would reset and reuse it."""
        self.proxied.detach()

    def close(self) -> None:
        """Close the connection, or leak it if closing would harm a file that replaced its own."""
        if self.watch is not None and self.watch.replaced:
            leak_deliberately(self)
            return
        if self.lost:  # the pool would roll it back first, and log an error
            self._driver_connection.close()
            self.proxied.invalidate()
        else:
            self.proxied.close()


class SqlAlchemyConnection:
    """A SQLAlchemy Connection; its events, echo and transaction state stay SQLAlchemy's."""

    def __init__(self, connection: Connection, backend: Backend) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self.backend = backend
        self.broken = False

    @property
    def lost(self) -> bool:
        """Whether SQLAlchemy has invalidated the connection."""
        return self.connection.invalidated

    @property
    def inherited(self) -> bool:
        """Always False: a Connection that the caller owns is the caller's to leave alone."""
        return False

    @property
    def in_transaction(self) -> bool:
        """Whether the database has a transaction open."""
        return not self.connection.invalidated and self.backend.in_transaction(self.connection)

    @property
    def driver_connection(self) -> Any:
        """The driver's connection."""
        return self.connection.connection.driver_connection

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement, already compiled for the driver."""
        return self.connection.exec_driver_sql(sql, parameters or None)

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""
        self.connection.exec_driver_sql(sql, list(parameters))

    def begin(self, *, write: bool) -> None:
        """Begin, for SQLAlchemy and for the driver."""
        if not self.connection.in_transaction():
            self.connection.begin()
        self.backend.begin_on(self.connection, write=write, own=True)

    def join(self, *, write: bool) -> bool:
        """Join the caller's transaction, and begin it if none is open. Returns whether it began."""
        if not self.connection.in_transaction():
            self.connection.begin()
        return self.backend.begin_on(self.connection, write=write, own=False)

    def commit(self) -> None:
        """Commit through SQLAlchemy."""
        self.connection.commit()

    def rollback(self) -> None:
        """Roll back through SQLAlchemy."""
        self.connection.rollback()
