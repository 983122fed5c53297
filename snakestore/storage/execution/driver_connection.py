"""A driver's connection that snakestore opened: its own cursor, BEGIN and COMMIT."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from sqlalchemy import Dialect

from snakestore.errors import StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.fair_queue import Place
from snakestore.storage.fork import leak_deliberately

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import FileWatch, InProcess, LogSync


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
