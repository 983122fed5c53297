"""Connections that are shared with others: a database in memory, and a user's engine."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from snakestore.errors import StoreBusyError, StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.driver_connection import DriverConnection
from snakestore.storage.execution.fair_queue import Place
from snakestore.storage.execution.open_blocks import OpenBlocks, blocks_of_file
from snakestore.storage.execution.pool import CLOSED
from snakestore.storage.execution.retry import Backoff
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection, check_file_of
from snakestore.storage.execution.turns import Turns, turns_of
from snakestore.storage.sqlalchemy_internals import only_connection, pool_limit


class MemoryConnection:
    """The connection of a database in memory, which all repositories on its engine share."""

    copied_by_fork: ClassVar[bool] = True
    limit: ClassVar[int] = 1

    def __init__(self, engine: Engine, backend: Backend, *, wait: float, owned: bool) -> None:
        """Use the connection of ``engine``.

        Args:
            engine: an engine of ``create_engine`` on a database in memory.
            backend: what differs by database.
            wait: seconds to wait for the turn.
            owned: whether nobody else uses the engine, so that ``close`` disposes of it.
        """
        self._engine = engine
        self._owned = owned
        self._backend = backend
        self._wait = wait
        self._pool = cast("StaticPool", engine.pool)
        self._turns = turns_of(self._pool, in_memory=True)
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
        self._check_open()
        place = self._turns.begin(self._wait, self._undo)
        connection: DriverConnection | None = None
        try:
            self._check_open()  # it may have been closed while this call waited for its turn
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
            if self._closed:
                self._dispose()

    def take_back(self, thread: int) -> None:
        """Put back what a thread got and no method of it uses."""
        self._turns.take_back(thread, self._undo)

    def _undo(self, place: Place) -> None:
        """Roll back what was begun in a turn that an exception has kept from ending."""
        connection = self._connection
        if connection is not None and connection.place is place:
            connection.rollback()
            connection.place = None

    def holds(self, connection: DriverConnection, owner: object) -> bool:
        """Whether the connection is in use by ``owner``."""
        return connection.place is not None and connection.place.owner == owner

    def hand_over(self, connection: DriverConnection, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""
        assert connection.place is not None  # noqa: S101 - it is in use
        connection.place.owner = owner

    def close(self) -> None:
        """Give out the connection no more, and close it if it is owned: once nobody uses it."""
        self._closed = True
        self._dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(CLOSED)

    def _dispose(self) -> None:
        # called again by who gives the connection back
        if self._owned and not self._turns.in_use:
            self._engine.dispose()

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
            else turns_of(self._static, in_memory=in_memory)
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
