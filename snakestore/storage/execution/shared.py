"""Connections that are shared with others: a database in memory, and a user's engine."""

from __future__ import annotations

import threading
import weakref
from typing import Any, ClassVar, cast

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from snakestore.errors import StoreBusyError, StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import (
    ConnectionAdapter,
    DriverConnection,
    SqlAlchemyConnection,
    check_file_of,
)
from snakestore.storage.execution.fair_queue import DeadlockError, NoneFreeError, Place, places
from snakestore.storage.execution.nesting import connections_in_use, refuse_nested
from snakestore.storage.execution.open_blocks import OpenBlocks, blocks_of_file, held_by_waiting
from snakestore.storage.execution.pool import CLOSED
from snakestore.storage.execution.retry import Backoff
from snakestore.storage.sqlalchemy_internals import only_connection, pool_limit

UsedByTurns = DriverConnection | SqlAlchemyConnection


class Turns(fork.Participant):
    """Lets at most ``limit`` callers at a time use an engine's pool, first come, first served."""

    def __init__(self, limit: int, copy: StaticPool | None = None) -> None:
        """Begin with nobody using the pool.

        Args:
            limit: how many may use it at a time.
            copy: the pool of a database in memory, of which a forked child has a copy of its own.
        """
        self.limit = limit
        self._places = places(limit, refuse_nested)
        self._copy = None if copy is None else weakref.ref(copy)
        self._holder: object | None = None
        self.blocks = OpenBlocks()
        """The open blocks of the database, where the pool is all there is to it."""
        self._refused = False
        fork.register(self)

    @property
    def copied_by_fork(self) -> bool:
        """Whether a forked child has a copy of the database."""
        return self._copy is not None

    def begin(self, wait: float) -> Place:
        """Wait for the turn. Returns what ``end`` needs.

        Raises:
            StoreBusyError: others used the pool for longer than ``wait`` seconds, or this is a
                signal handler's call within another method.
            StoreError: another thread of the parent used the database in memory at the fork.
        """
        if self._refused:
            database = "the in-memory database"
            raise fork.refusal(database)
        if len(self._places.items) != self.limit:
            refuse_nested()
        try:
            place: Place = self._places.get(wait)
        except NoneFreeError:
            connections = (
                "the engine's only connection" if self.limit == 1 else f"{self.limit} connections"
            )
            message = (
                f"other callers used {connections} for more than {wait} s. Nothing was written;"
                " retry or increase busy_timeout."
            )
            raise StoreBusyError(message) from None
        except DeadlockError:
            raise held_by_waiting(self.limit) from None
        self._holder = place.owner
        return place

    def end(self, place: Place, connection: UsedByTurns | None) -> None:
        """Let the next caller use the pool, instead of ``connection``. Once."""
        owner = place.owner
        if owner is None:
            return
        try:
            # a place must be referenced nowhere else, or it would not come back when it is lost
            if connection is not None:
                connection.place = None
            self._holder = None
            self._places.put(place)
        except BaseException:
            if place.owner == owner and connection is not None:
                connection.place = place  # to be ended again
            raise

    def take_back(self, thread: int) -> None:
        """End the turns of a thread that no method of it uses, as an exception came in between."""
        used = connections_in_use(thread, self)
        if used is None:
            return
        in_use = [connection.place for connection in used]
        for place in self._places.places:
            if place.owner == thread and place not in in_use:
                self.end(place, None)

    def busy(self) -> bool:
        """Whether another thread uses a database of which the child will have a copy."""
        return self.copied_by_fork and self._holder not in {None, threading.get_ident()}

    def after_fork_in_child(self) -> None:
        """Free all places, but for a caller in this thread that goes on in its own copy."""
        if self._copy is None or self._holder is None:
            self._places = places(self.limit, refuse_nested)
        elif self._holder == threading.get_ident():
            self._places = places(0, refuse_nested)
        else:
            # the copy may be half changed, and closing it may wait for a thread of the parent
            self._refused = True
            fork.leak_deliberately(self._copy())


_shared_turns: weakref.WeakKeyDictionary[StaticPool, Turns] = weakref.WeakKeyDictionary()


def _turns_of(pool: StaticPool, *, in_memory: bool) -> Turns:
    """The turns of all repositories on a pool that has a single connection."""
    return _shared_turns.setdefault(pool, Turns(1, pool if in_memory else None))


class MemoryConnection:
    """The connection of a database in memory, which all repositories on its engine share."""

    copied_by_fork: ClassVar[bool] = True
    limit: ClassVar[int] = 1

    def __init__(self, engine: Engine, backend: Backend, *, wait: float) -> None:
        """Use the connection of ``engine``.

        Args:
            engine: an engine of ``create_engine`` on a database in memory.
            backend: what differs by database.
            wait: seconds to wait for the turn.
        """
        self._engine = engine
        self._backend = backend
        self._wait = wait
        self._pool = cast("StaticPool", engine.pool)
        self._turns = _turns_of(self._pool, in_memory=True)
        self.blocks: OpenBlocks = self._turns.blocks
        self._connection: DriverConnection | None = None
        self._changes = 0
        self._closed = False

    @property
    def turns(self) -> object:
        """What the callers of the same connections have in common."""
        return self._turns

    def at_once(self, max_bytes: int) -> None:
        """Nothing: who has the only connection may hold it for long."""
        del max_bytes

    def acquire(self) -> DriverConnection:
        """Wait for the connection.

        Raises:
            StoreError: the repository is closed.
            StoreBusyError: others used the connection for longer than ``busy_timeout``.
        """
        if self._closed:
            raise StoreError(CLOSED)
        place = self._turns.begin(self._wait)
        connection: DriverConnection | None = None
        try:
            connection = self._connection or self._connect()
            connection.place = place
            driver_connection = connection.driver_connection
            if driver_connection.in_transaction:
                _wait_for_transaction(driver_connection, self._wait)
            # what others change over the same connection does not change its data_version
            if (
                connection.row_cache is not None
                and driver_connection.total_changes != self._changes
            ):
                connection.row_cache.clear()
                self._changes = driver_connection.total_changes
        except BaseException:
            self._turns.end(place, connection)
            raise
        return connection

    def release(self, connection: DriverConnection) -> None:
        """Give the connection back. It is never replaced, as it holds the data."""
        place = connection.place
        if place is None or place.owner is None:
            return
        try:
            connection.broken = False
            connection.holder = None
            if connection.driver_connection.in_transaction:  # an exception came during a rollback
                connection.rollback()
        finally:
            self._turns.end(place, connection)

    def take_back(self, thread: int) -> None:
        """Put back what a thread got and no method of it uses."""
        self._turns.take_back(thread)

    def holds(self, connection: DriverConnection, owner: object) -> bool:
        """Whether the connection is in use by ``owner``."""
        return connection.place is not None and connection.place.owner == owner

    def hand_over(self, connection: DriverConnection, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""
        assert connection.place is not None  # noqa: S101 - it is in use
        connection.place.owner = owner

    def close(self) -> None:
        """Give out no more connections; the engine's owner closes the connection."""
        self._closed = True

    def _connect(self) -> DriverConnection:
        self._connection = DriverConnection(
            only_connection(self._pool),
            self._engine.dialect,
            self._backend,
            watch=None,
        )
        return self._connection


class BorrowedConnections:
    """Connections of a user's engine, from its own pool and with its own settings."""

    def __init__(self, engine: Engine, backend: Backend, *, limit: int, wait: float) -> None:
        """Check connections of ``engine`` out and in.

        Args:
            engine: the user's engine.
            backend: what differs by database.
            limit: how many connections to use at once, or fewer if its pool has fewer.
            wait: seconds to wait for a connection.
        """
        self._engine = engine
        self._backend = backend
        self._wait = wait
        self._closed = False
        in_memory = not backend.remote and backend.file_path(engine.url) is None
        # a StaticPool gives its one connection to every thread
        self._static = engine.pool if isinstance(engine.pool, StaticPool) else None
        self._turns = (
            Turns(pool_limit(engine.pool, limit))
            if self._static is None
            else _turns_of(self._static, in_memory=in_memory)
        )
        self.blocks: OpenBlocks = (
            self._turns.blocks if in_memory else blocks_of_file(backend.file_path(engine.url))
        )

    @property
    def limit(self) -> int:
        """How many connections are used at once."""
        return self._turns.limit

    @property
    def copied_by_fork(self) -> bool:
        """Whether a forked child has a copy of the database."""
        return self._turns.copied_by_fork

    @property
    def turns(self) -> object:
        """What the callers of the same connections have in common."""
        return self._turns

    def at_once(self, max_bytes: int) -> None:
        """Nothing: the user's engine may do anything."""
        del max_bytes

    def acquire(self) -> SqlAlchemyConnection:
        """A connection of the pool.

        Raises:
            StoreError: the repository is closed, or must not use the file after a fork.
            StoreBusyError: other callers used the connections for longer than ``busy_timeout``.
        """
        if self._closed:
            raise StoreError(CLOSED)
        check_file_of(self._engine, self._backend)
        place = self._turns.begin(self._wait)
        connection: SqlAlchemyConnection | None = None
        try:
            if self._static is not None and not self._backend.remote:
                # looked at before a checkout, which would end with a rollback
                _wait_for_transaction(only_connection(self._static), self._wait)
            connection = SqlAlchemyConnection(
                self._engine.connect(), self._backend, copied_by_fork=self.copied_by_fork
            )
            connection.place = place
        except BaseException:
            if connection is not None:
                connection.connection.close()
            self._turns.end(place, connection)
            raise
        return connection

    def release(self, connection: ConnectionAdapter) -> None:
        """Give the connection back to its pool, which drops a broken one."""
        assert isinstance(connection, SqlAlchemyConnection)  # noqa: S101 - what acquire returned
        if connection.inherited:
            fork.leak_deliberately(connection)
            return
        place = connection.place
        if place is None or place.owner is None:
            return
        try:
            if connection.broken:
                connection.connection.invalidate()
            connection.connection.close()
        finally:
            self._turns.end(place, connection)

    def take_back(self, thread: int) -> None:
        """Put back what a thread got and no method of it uses."""
        if not self._engine.dialect.is_async:  # a thread has many tasks
            self._turns.take_back(thread)

    def holds(self, connection: ConnectionAdapter, owner: object) -> bool:
        """Whether the connection is in use by ``owner``."""
        assert isinstance(connection, SqlAlchemyConnection)  # noqa: S101 - what acquire returned
        return connection.place is not None and connection.place.owner == owner

    def hand_over(self, connection: ConnectionAdapter, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""
        assert isinstance(connection, SqlAlchemyConnection)  # noqa: S101 - what acquire returned
        assert connection.place is not None  # noqa: S101 - it is in use
        connection.place.owner = owner

    def close(self) -> None:
        """Give out no more connections; the engine stays the user's."""
        self._closed = True


def _wait_for_transaction(driver_connection: Any, limit: float) -> None:
    """Wait until a user of the engine has ended a transaction on its only connection.

    Raises:
        StoreBusyError: it was open for longer than ``limit`` seconds.
    """
    backoff = Backoff(limit)
    while driver_connection.in_transaction:
        if not backoff.wait():
            message = (
                f"a transaction on the engine's only connection was open for more than {limit} s."
                " Nothing was written; commit or roll it back first."
            )
            raise StoreBusyError(message)
