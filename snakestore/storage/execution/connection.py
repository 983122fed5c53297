"""Where statements run: on a driver's own cursor, or on a SQLAlchemy Connection; one interface over both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.pool import PoolProxiedConnection

from snakestore.errors import StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.dialects.sqlite.file_watch import WATCH, Watch
from snakestore.storage.fork import leak_deliberately

SAVEPOINT = "snakestore"


class ConnectionAdapter(Protocol):
    """One connection, as a transaction drives it."""

    backend: Backend
    dialect: Dialect
    broken: bool
    """Whether the connection turned out to be of no more use, so that nobody else is to get it."""

    @property
    def lost(self) -> bool:
        """Whether the connection to the server is gone."""

    @property
    def inherited(self) -> bool:
        """Whether the connection is the parent's, in a forked child, to be neither used nor closed."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as far as the database is concerned."""

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement; the cursor or result, with its rows and rowcount."""

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""

    def begin(self, *, write: bool) -> None:
        """Open a transaction of our own."""

    def commit(self) -> None:
        """Make it last."""

    def rollback(self) -> None:
        """Undo it, whatever state it is in."""


class Forgetful(Protocol):
    """What a connection may have beside it that a write over it makes outdated."""

    def forget(self) -> None:
        """Forget all."""


class DriverConnection:
    """A driver connection that we hold: it begins nothing by itself, and one cursor serves it for good."""

    def __init__(
        self,
        proxied: PoolProxiedConnection,
        dialect: Dialect,
        backend: Backend,
        *,
        copied_by_fork: bool = False,
    ) -> None:
        """Take a connection for our own; one to a database in memory is copied whole by a fork, and is then the child's."""
        self.proxied = proxied
        self._copied_by_fork = copied_by_fork
        self.dialect = dialect
        self.backend = backend
        self.broken = False
        self._driver_connection: Any = cast("Any", proxied.driver_connection)
        self.watch: Watch | None = proxied.info.get(WATCH)
        self._generation = fork.generation
        self.memory: Forgetful | None = None
        """What a cache remembers of reads over this connection; a write makes it forget."""
        backend.configure(self._driver_connection)
        self._cursor = self._driver_connection.cursor()
        self.execute: Callable[..., Any] = self._cursor.execute
        self.execute_many: Callable[..., None] = self._cursor.executemany

    @property
    def driver_connection(self) -> Any:
        """The connection that is held."""
        return self._driver_connection

    @property
    def lost(self) -> bool:
        """As the driver tells."""
        return not self.backend.driver_connected(self._driver_connection)

    @property
    def inherited(self) -> bool:
        """Whether it was made before this process was forked."""
        return self._generation != fork.generation and not self._copied_by_fork

    @property
    def in_transaction(self) -> bool:
        """As the driver tells."""
        return self.backend.driver_in_transaction(self._driver_connection)

    def begin(self, *, write: bool) -> None:
        """Send the backend's BEGIN.

        Raises:
            StoreError: the file was removed or replaced.
        """
        if write:
            if self.memory is not None:
                self.memory.forget()
            if self.watch is not None:
                self._watched(self.watch.check_replaced)
        self.execute(self.backend.begin_write if write else self.backend.begin_snapshot)

    def outdated(self) -> bool:
        """Before it is used again: whether it takes a file for unchanging that has changed.

        Raises:
            StoreError: the file was removed or replaced.
        """
        assert self.watch is not None  # noqa: S101 - asked where there is one
        self._watched(self.watch.check_replaced_throttled)
        return self.watch.stale

    def _watched(self, look: Callable[[], None]) -> None:
        try:
            look()
        except StoreError:
            self.broken = True
            raise

    def commit(self) -> None:
        """Send COMMIT."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """Send ROLLBACK, unless the database has rolled back by itself already."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def part(self) -> None:
        """Leave the pool, so that nobody else is ever lent this connection, which was configured for us."""
        self.proxied.detach()

    def close(self) -> None:
        """Close the connection, which has parted from its pool."""
        if self.watch is not None and self.watch.replaced:
            leak_deliberately(self)
            return
        if self.lost:  # the pool would roll it back first, and complain
            self._driver_connection.close()
            self.proxied.invalidate()
        else:
            self.proxied.close()


class SqlAlchemyConnection:
    """A SQLAlchemy Connection, ours for a verb or the caller's: its events, echo and transaction are SQLAlchemy's."""

    def __init__(self, connection: Connection, backend: Backend) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self.backend = backend
        self.broken = False

    @property
    def lost(self) -> bool:
        """As SQLAlchemy noticed."""
        return self.connection.invalidated

    @property
    def inherited(self) -> bool:
        """A Connection of the caller's is the caller's to leave alone."""
        return False

    @property
    def in_transaction(self) -> bool:
        """As the backend tells."""
        return not self.connection.invalidated and self.backend.in_transaction(self.connection)

    @property
    def driver_connection(self) -> Any:
        """The driver's connection under SQLAlchemy's."""
        return self.connection.connection.driver_connection

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement through SQLAlchemy, with the text and parameters as the driver takes them."""
        return self.connection.exec_driver_sql(sql, parameters or None)

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""
        self.connection.exec_driver_sql(sql, list(parameters))

    def begin(self, *, write: bool) -> None:
        """Begin in SQLAlchemy's eyes and in the driver's."""
        if not self.connection.in_transaction():
            self.connection.begin()
        self.backend.begin_on(self.connection, write=write, own=True)

    def join(self, *, write: bool) -> bool:
        """Join the caller's transaction, beginning it where nothing is open yet; whether it was us who began."""
        if not self.connection.in_transaction():
            self.connection.begin()
        return self.backend.begin_on(self.connection, write=write, own=False)

    def commit(self) -> None:
        """Commit through SQLAlchemy."""
        self.connection.commit()

    def rollback(self) -> None:
        """Roll back through SQLAlchemy."""
        self.connection.rollback()
