"""Driver connections that a repository holds: checking one out costs a list's pop, not a pool's round."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from time import monotonic

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from snakestore.errors import StoreBusyError, StoreError
from snakestore.storage.dialects import Backend
from snakestore.storage.dialects.sqlite.file_watch import SECONDS_BETWEEN_LOOKS
from snakestore.storage.execution.connection import (
    ConnectionAdapter,
    DriverConnection,
    SqlAlchemyConnection,
)
from snakestore.storage.execution.retry import take
from snakestore.storage.fork import leak_deliberately

CLOSED = "the repository is closed: open it again to use it"


class OwnedConnections:
    """ConnectionSource of one engine, as many as verbs run at once; idle ones wait for the next verb.

    In a forked child the parent's connections are left alone: using one would share a file position
    and locks, and closing one could delete the write-ahead log under the parent.
    """

    def __init__(self, engine: Engine, backend: Backend) -> None:
        self._engine = engine
        self._backend = backend
        self._idle: deque[DriverConnection] = deque()
        self._closed = False
        _ALL.add(self)
        weakref.finalize(self, _close_all, self._idle).atexit = False

    def acquire(self) -> DriverConnection:
        """An idle channel, or a new one.

        Raises:
            StoreError: the repository is closed.
        """
        if self._closed:
            raise StoreError(CLOSED)
        try:
            channel = self._idle.pop()
        except IndexError:
            channel = DriverConnection(
                self._engine.raw_connection(), self._engine.dialect, self._backend
            )
            channel.part()
            return channel
        if channel.watch is not None and monotonic() - channel.watch.looked > SECONDS_BETWEEN_LOOKS:
            try:
                outdated = channel.outdated()
            except StoreError:
                # which knows what not to do; to be collected would close it in earnest
                channel.close()
                raise
            if outdated:
                channel.close()
                return self.acquire()
        return channel

    def release(self, channel: DriverConnection) -> None:
        """Give a channel back; one that is broken, or comes back after close, is closed."""
        if channel.broken:
            channel.close()
            if channel.lost:
                _close_all(
                    self._idle
                )  # a server that is gone or was restarted has dropped the others too
        elif channel.inherited:
            leak_deliberately(channel)
        else:
            self._idle.append(channel)
            if self._closed:
                _close_all(self._idle)

    def close(self) -> None:
        """Close what is idle now; what is at work is closed when it comes back."""
        self._closed = True
        _close_all(self._idle)

    def forget_parent(self) -> None:
        """In a forked child: leave the parent's connections alone, neither used nor closed."""
        leak_deliberately(list(self._idle))
        self._idle.clear()


def _close_all(idle: deque[DriverConnection]) -> None:
    """Close idle connections: at the end of a repository, or of what is left of one that nobody closed."""
    while idle:
        try:
            channel = idle.pop()
        except IndexError:
            return  # another thread was quicker
        channel.close()


_ALL: weakref.WeakSet[OwnedConnections] = weakref.WeakSet()


def _forget_parents() -> None:
    for held in list(_ALL):
        held.forget_parent()


os.register_at_fork(after_in_child=_forget_parents)


class SingleConnection:
    """The one connection of a database in memory, lent to one verb or transaction at a time."""

    def __init__(self, engine: Engine, backend: Backend, wait: float) -> None:
        self._engine = engine
        self._backend = backend
        self._wait = wait
        self._lock = threading.Lock()
        self._channel: DriverConnection | None = None
        self._closed = False

    def acquire(self) -> DriverConnection:
        """The channel, once nobody else has it.

        Raises:
            StoreError: the repository is closed.
            StoreBusyError: others had it for longer than busy_timeout.
        """
        if self._closed:
            raise StoreError(CLOSED)
        if not take(self._lock, self._wait):
            message = (
                f"other threads used the database in memory for more than {self._wait} s; nothing"
                " was changed, try again"
            )
            raise StoreBusyError(message)
        try:
            if self._channel is None:
                self._channel = DriverConnection(
                    self._engine.raw_connection(),
                    self._engine.dialect,
                    self._backend,
                    copied_by_fork=True,
                )
        except BaseException:
            self._lock.release()
            raise
        return self._channel

    def release(self, channel: ConnectionAdapter) -> None:
        """Let the next one have it; it is never replaced, for the data lives in it."""
        del channel
        self._lock.release()

    def close(self) -> None:
        """No more verbs; the engine's owner closes the connection."""
        self._closed = True


_sole_connections: weakref.WeakKeyDictionary[Engine, threading.Lock] = weakref.WeakKeyDictionary()


class BorrowedConnections:
    """Connections of a user's engine, one a verb, through its own pool and with its own settings."""

    def __init__(self, engine: Engine, backend: Backend, wait: float) -> None:
        self._engine = engine
        self._backend = backend
        self._wait = wait
        self._closed = False
        # a StaticPool hands the same connection to every thread: two verbs must not meet on it
        self._lock = (
            _sole_connections.setdefault(engine, threading.Lock())
            if isinstance(engine.pool, StaticPool)
            else None
        )

    def acquire(self) -> SqlAlchemyConnection:
        """A connection of the pool.

        Raises:
            StoreError: the repository is closed.
            StoreBusyError: others had the only connection for longer than busy_timeout.
        """
        if self._closed:
            raise StoreError(CLOSED)
        if self._lock is not None and not take(self._lock, self._wait):
            message = (
                f"other threads used the engine's only connection for more than {self._wait} s;"
                " nothing was changed, try again"
            )
            raise StoreBusyError(message)
        try:
            return SqlAlchemyConnection(self._engine.connect(), self._backend)
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise

    def release(self, channel: ConnectionAdapter) -> None:
        """Give the connection back to its pool, or have the pool drop it."""
        assert isinstance(channel, SqlAlchemyConnection)  # noqa: S101 - what acquire gave
        try:
            if channel.broken:
                channel.connection.invalidate()
            channel.connection.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def close(self) -> None:
        """No more verbs; the engine stays the user's."""
        self._closed = True
