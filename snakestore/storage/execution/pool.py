"""Connection pools. A checkout is a pop of a deque (0.05 us) instead of QueuePool's 5 us."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from time import monotonic

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from snakestore.errors import StoreBusyError, StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import (
    ConnectionAdapter,
    DriverConnection,
    SqlAlchemyConnection,
)
from snakestore.storage.execution.retry import acquire_lock
from snakestore.storage.fork import leak_deliberately

CLOSED = "the repository is closed. Open it again to use it."


class OwnedConnections:
    """Connections of one engine, as many as are in use at once; idle ones are used again.

    A forked child neither uses nor closes the parent's connections: using one would share a file
    position and locks, and closing one could delete the write-ahead log under the parent.
    """

    def __init__(self, engine: Engine, backend: Backend) -> None:
        self._engine = engine
        self._backend = backend
        self._idle: deque[DriverConnection] = deque()
        self._closed = False
        fork.register(self)
        weakref.finalize(self, _close_all, self._idle).atexit = False

    def acquire(self) -> DriverConnection:
        """An idle connection, or a new one.

        Raises:
            StoreError: the repository is closed.
        """
        if self._closed:
            raise StoreError(CLOSED)
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = DriverConnection(
                self._engine.raw_connection(), self._engine.dialect, self._backend
            )
            connection.detach()
            return connection
        if connection.watch is not None and monotonic() > connection.watch.next_check:
            try:
                outdated = connection.outdated()
            except StoreError:
                # close() leaks a replaced file; the garbage collector would really close it
                connection.close()
                raise
            if outdated:
                connection.close()
                return self.acquire()
        return connection

    def release(self, connection: DriverConnection) -> None:
        """Give a connection back; a broken one is closed, and any one after ``close``."""
        if connection.broken:
            connection.close()
            if connection.lost:
                # a server that was restarted has dropped the others too
                _close_all(self._idle)
        elif connection.inherited:
            leak_deliberately(connection)
        else:
            self._idle.append(connection)
            if self._closed:
                _close_all(self._idle)

    def close(self) -> None:
        """Close idle connections now, those in use when they are released."""
        self._closed = True
        _close_all(self._idle)

    def forget_parent(self) -> None:
        """In a forked child: drop the parent's connections without closing them."""
        leak_deliberately(list(self._idle))
        self._idle.clear()


def _close_all(idle: deque[DriverConnection]) -> None:
    """Close all idle connections."""
    while idle:
        try:
            connection = idle.pop()
        except IndexError:
            return  # another thread took the last one
        connection.close()


class SingleConnection:
    """The one connection of a database in memory, used by one operation at a time."""

    def __init__(self, engine: Engine, backend: Backend, wait: float) -> None:
        self._engine = engine
        self._backend = backend
        self._wait = wait
        self._lock = threading.Lock()
        self._connection: DriverConnection | None = None
        self._closed = False

    def acquire(self) -> DriverConnection:
        """Wait for the connection.

        Raises:
            StoreError: the repository is closed.
            StoreBusyError: other threads used it for longer than ``busy_timeout``.
        """
        if self._closed:
            raise StoreError(CLOSED)
        if not acquire_lock(self._lock, self._wait):
            message = (
                f"other threads used the in-memory database for more than {self._wait} s."
                " Nothing was written; retry or increase busy_timeout."
            )
            raise StoreBusyError(message)
        try:
            if self._connection is None:
                self._connection = DriverConnection(
                    self._engine.raw_connection(),
                    self._engine.dialect,
                    self._backend,
                    copied_by_fork=True,
                )
        except BaseException:
            self._lock.release()
            raise
        return self._connection

    def release(self, connection: ConnectionAdapter) -> None:
        """Give the connection back. It is never replaced, as it holds the data."""
        del connection
        self._lock.release()

    def close(self) -> None:
        """Give out no more connections; the engine's owner closes the connection."""
        self._closed = True


_sole_connections: weakref.WeakKeyDictionary[Engine, threading.Lock] = weakref.WeakKeyDictionary()


class BorrowedConnections:
    """Connections of a user's engine, from its own pool and with its own settings."""

    def __init__(self, engine: Engine, backend: Backend, wait: float) -> None:
        self._engine = engine
        self._backend = backend
        self._wait = wait
        self._closed = False
        # a StaticPool gives the same connection to every thread; two operations must not share it
        self._lock = (
            _sole_connections.setdefault(engine, threading.Lock())
            if isinstance(engine.pool, StaticPool)
            else None
        )

    def acquire(self) -> SqlAlchemyConnection:
        """A connection of the pool.

        Raises:
            StoreError: the repository is closed.
            StoreBusyError: other threads used the only connection for longer than
                ``busy_timeout``.
        """
        if self._closed:
            raise StoreError(CLOSED)
        if self._lock is not None and not acquire_lock(self._lock, self._wait):
            message = (
                f"other threads used the engine's only connection for more than {self._wait} s."
                " Nothing was written; retry or increase busy_timeout."
            )
            raise StoreBusyError(message)
        try:
            return SqlAlchemyConnection(self._engine.connect(), self._backend)
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise

    def release(self, connection: ConnectionAdapter) -> None:
        """Give the connection back to its pool, which drops a broken one."""
        assert isinstance(connection, SqlAlchemyConnection)  # noqa: S101 - what acquire gave
        try:
            if connection.broken:
                connection.connection.invalidate()
            connection.connection.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def close(self) -> None:
        """Give out no more connections; the engine stays the user's."""
        self._closed = True
