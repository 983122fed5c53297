"""Connection adapters: one interface over driver connections and SQLAlchemy connections."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection, Dialect, Engine

from snakestore.errors import StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.dialects.protocols import FileWatch, InProcess, LogSync
from snakestore.storage.execution.fair_queue import Place
from snakestore.storage.fork import leak_deliberately

SAVEPOINT = "snakestore"


class ConnectionAdapter(Protocol):
    """One database connection, as runners and transaction contexts use it."""

    backend: Backend
    dialect: Dialect
    broken: bool
    """Whether the connection must not be used again."""
    holder: int | None
    """The thread that has a block, or a function of the user's, open on this connection."""
    log_sync: LogSync | None
    """What is to be waited for after a commit; None: the commit is enough."""

    @property
    def lost(self) -> bool:
        """Whether the connection to the server is gone."""

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the connection is its parent's."""

    @property
    def in_transaction(self) -> bool:
        """Whether the database has a transaction open."""

    @property
    def refused_before_commit(self) -> bool:
        """Whether what failed was sent along with COMMIT, which therefore did not run."""

    @property
    def driver_connection(self) -> Any:
        """The driver's connection."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement. Returns a cursor or result with its rows and rowcount."""

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""

    def control(self, sql: str) -> Any:
        """Run a statement that ends or divides a transaction. It is never prepared."""

    def mark(self, sql: str) -> Any:
        """Likewise, no later than the next statement: its success need not be known before."""

    def undo(self, savepoint: str) -> None:
        """Go back to a savepoint, and release it."""

    def send(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement no later than the next one; its result is not needed."""

    def send_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Likewise, for each set of parameters."""

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
        driver_connection: Any,
        dialect: Dialect,
        backend: Backend,
        *,
        watch: FileWatch | None,
        settings: Sequence[str] = (),
        log_sync: LogSync | None = None,
    ) -> None:
        """Configure a driver connection.

        Args:
            driver_connection: the connection.
            dialect: the engine's dialect.
            backend: what differs by database.
            watch: checks whether the file of the connection is still the one of that name.
            settings: statements that follow each BEGIN.
            log_sync: syncs what is committed.
        """
        self.log_sync = log_sync
        self._driver_connection = driver_connection
        self.dialect = dialect
        self.backend = backend
        self.watch = watch
        self.broken = False
        self.inherited = False
        self.owner: object | None = None
        """Who uses it, in a pool (see FairQueue)."""
        self.place: Place | None = None
        """What its user holds, where it is not in a pool."""
        self.holder: int | None = None
        self.bounded = False
        """Whether it may refuse large values, until ``unbound``."""
        self.bounded_cursor: Any = None
        """What reads small answers, once ``bound`` is complete."""
        self._writes = False
        self._close: Callable[[], object] = driver_connection.close
        self.period = 0
        """The period of the pool in which it was used last."""
        self.row_cache: Clearable | None = None
        """Rows read over this connection; cleared when it begins to write."""
        backend.configure(driver_connection)
        self._cursor = driver_connection.cursor()
        # attributes, not methods: they save a call for each statement
        self.execute: Callable[..., Any] = self._cursor.execute
        self.execute_many: Callable[..., None] = self._cursor.executemany
        self.control: Callable[[str], Any] = (
            partial(self._cursor.execute, **backend.control_options)
            if backend.control_options
            else self._cursor.execute
        )
        self.mark, self.send, self.send_many = self.control, self.execute, self.execute_many
        self._begin_write = "; ".join([backend.begin_write, *settings])
        self._begin_snapshot = "; ".join([backend.begin_snapshot, *settings])

    @property
    def driver_connection(self) -> Any:
        """The driver's connection."""
        return self._driver_connection

    @property
    def lost(self) -> bool:
        """Whether the driver has closed the connection."""
        return not self.backend.driver_connected(self._driver_connection)

    @property
    def refused_before_commit(self) -> bool:
        """Never: COMMIT is sent alone."""
        return False

    @property
    def in_transaction(self) -> bool:
        """Whether the driver has a transaction open."""
        return self.backend.driver_in_transaction(self._driver_connection)

    def begin(self, *, write: bool) -> None:
        """Send the backend's BEGIN.

        Raises:
            StoreError: the file was removed or replaced, or the disk cannot sync it.
        """
        if write:
            if self.log_sync is not None and self.log_sync.suspect:
                self.log_sync.check(self.execute)
            if self.row_cache is not None:
                self.row_cache.clear()
            if self.watch is not None:
                try:
                    self.watch.check_replaced()
                except StoreError:
                    self.broken = True
                    raise
        self._writes = write
        self.control(self._begin_write if write else self._begin_snapshot)

    def outdated(self) -> bool:
        """Whether it reads a file as unchanging (``immutable``) that has changed.

        Raises:
            StoreError: the file was removed or replaced.
        """
        assert self.watch is not None  # noqa: S101 - asked where there is one
        try:
            self.watch.check_replaced_throttled()
        except StoreError:
            self.broken = True
            raise
        return self.watch.stale

    def commit(self) -> None:
        """Send COMMIT.

        Raises:
            StoreError: the file was removed or replaced during a long transaction.
        """
        if self._writes and self.watch is not None:
            try:
                self.watch.check_before_commit()
            except StoreError:
                self.broken = True
                raise
        self.control("COMMIT")

    def undo(self, savepoint: str) -> None:
        """Go back to a savepoint, and release it."""
        self.control(f"ROLLBACK TO SAVEPOINT {savepoint}")
        self.control(f"RELEASE SAVEPOINT {savepoint}")

    def rollback(self) -> None:
        """Send ROLLBACK, unless the database has rolled back by itself."""
        if self.bounded:
            self.unbound()
        if self.in_transaction:
            self.control("ROLLBACK")

    @property
    def _in_process(self) -> InProcess:
        in_process = self.backend.in_process
        assert in_process is not None  # noqa: S101 - the pool bounds no others
        return in_process

    def bound(self, max_bytes: int) -> None:
        """Read answers of at most ``max_bytes``, and write nothing, until ``unbound``.

        A larger answer is a driver's error.
        """
        self.bounded = True  # first, for an exception may come at any step
        cursor = self._in_process.bound(self._driver_connection, max_bytes)
        self.execute = cursor.execute
        self.bounded_cursor = cursor

    def unbound(self) -> None:
        """Read and write everything again. Ends a read that was interrupted."""
        cursor, self.bounded_cursor = self.bounded_cursor, None
        self.execute = self._cursor.execute
        self._in_process.unbound(self._driver_connection)
        if cursor is not None:
            cursor.close()
        self.bounded = False

    def close_when_collected(self, then: Callable[..., None], /, *arguments: Any) -> None:
        """Close the driver's connection by ``close`` or when this one is collected; call ``then``.

        It is collected when its pool is, or when an exception from outside, such as
        KeyboardInterrupt, comes between two instructions of a caller.
        """
        finalizer = weakref.finalize(
            self, _close, self._driver_connection, self._cursor, self.watch, then, arguments
        )
        finalizer.atexit = False
        self._close = finalizer

    def close(self) -> None:
        """Close the driver's connection, once."""
        self.bounded_cursor = None  # SQLite keeps the file open as long as there are statements
        self._close()

    def abandon(self) -> None:
        """In a forked child: leave the connection to the parent, and refuse to run statements."""
        self.broken = True
        self.inherited = True
        self.execute = self.execute_many = self.control = _refuse_inherited
        self.mark = self.send = self.send_many = _refuse_inherited
        self.backend.abandon(self._driver_connection)
        leak_deliberately(self)


def _refuse_inherited(*_: Any) -> NoReturn:
    raise fork.transaction_refusal()


def _close(
    driver_connection: Any,
    cursor: Any,
    watch: FileWatch | None,
    then: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    try:
        if watch is not None and watch.replaced:
            leak_deliberately(driver_connection)  # closing it would harm the new file
        else:
            cursor.close()  # SQLite keeps the file open as long as there are statements
            driver_connection.close()
    finally:
        then(*arguments)


def check_file_of(engine: Engine, backend: Backend) -> None:
    """Check that this process may use the database file of a user's engine.

    Raises:
        StoreError: the file was in use when this process was forked.
    """
    path = backend.file_path(engine.url) if fork.depth else None
    if path is not None:
        fork.check_file(path)


class SqlAlchemyConnection:
    """A SQLAlchemy Connection; its events, echo and transaction state stay SQLAlchemy's."""

    def __init__(
        self, connection: Connection, backend: Backend, *, copied_by_fork: bool = False
    ) -> None:
        """Use ``connection``.

        Args:
            connection: the Connection.
            backend: what differs by database.
            copied_by_fork: whether a forked child has a copy of its own (a database in memory).
        """
        self.connection = connection
        self.dialect = connection.dialect
        self.backend = backend
        self.broken = False
        self.place: Place | None = None
        """What its user holds."""
        self.holder: int | None = None
        self.log_sync: LogSync | None = None
        self._copied_by_fork = copied_by_fork
        self._fork_depth = fork.depth
        self._pooled: bool | None = None
        """Whether a pooler lends the connection; None before the first statement."""

    @property
    def lost(self) -> bool:
        """Whether SQLAlchemy has invalidated the connection."""
        return self.connection.invalidated

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the connection is its parent's."""
        return self._fork_depth != fork.depth and not self._copied_by_fork

    @property
    def refused_before_commit(self) -> bool:
        """Never: COMMIT is sent alone."""
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
        if self._is_pooled():
            with self.backend.unprepared(self.connection):
                return self.connection.exec_driver_sql(sql, parameters or None)
        return self.connection.exec_driver_sql(sql, parameters or None)

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""
        if self._is_pooled():
            with self.backend.unprepared(self.connection):
                self.connection.exec_driver_sql(sql, list(parameters))
            return
        self.connection.exec_driver_sql(sql, list(parameters))

    def _is_pooled(self) -> bool:
        pooled = self._pooled
        if pooled is None:
            pooled = self._pooled = self.backend.is_pooled(self.connection)
        return pooled

    def control(self, sql: str) -> Any:
        """Run a statement that ends or divides a transaction."""
        with self.backend.unprepared(self.connection):
            return self.connection.exec_driver_sql(sql)

    mark, send, send_many = control, execute, execute_many

    def undo(self, savepoint: str) -> None:
        """Go back to a savepoint, and release it."""
        self.control(f"ROLLBACK TO SAVEPOINT {savepoint}")
        self.control(f"RELEASE SAVEPOINT {savepoint}")

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
