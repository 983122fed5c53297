"""Connection pools. A checkout is a pop of a deque; QueuePool takes 5 us, as long as a read."""

from __future__ import annotations

import threading
import weakref
from time import monotonic
from typing import ClassVar

from sqlalchemy import Engine

from snakestore.errors import StoreBusyError, StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import DriverConnection
from snakestore.storage.execution.fair_queue import FairQueue
from snakestore.storage.execution.idle import PERIODS, closer

CLOSED = "the repository is closed. Open it again to use it."


class OwnedConnections(fork.Participant):
    """At most ``limit`` connections of an engine of ``create_engine``, which are used again."""

    copied_by_fork: ClassVar[bool] = False

    def __init__(self, engine: Engine, backend: Backend, *, limit: int, wait: float) -> None:
        """Open connections of ``engine`` as they are needed.

        Args:
            engine: an engine of ``create_engine``.
            backend: what differs by database.
            limit: how many connections may be open at once.
            wait: seconds to wait for a free one.
        """
        self._engine = engine
        self._backend = backend
        self.limit = limit
        self._wait = wait
        self._closed = False
        self._start_anew()
        fork.register(self)

    def _start_anew(self) -> None:
        # a slot is an idle connection, or None where one may be opened
        self._slots: FairQueue[DriverConnection | None] = FairQueue([None] * self.limit)
        self._open: fork.WeakRegistry[DriverConnection] = fork.WeakRegistry()
        self._held_back = 0
        self._period = 0

    @property
    def idle(self) -> list[DriverConnection]:
        """The connections that are open and not in use; the last one is used next."""
        return [slot for slot in self._slots.free() if slot is not None]

    @property
    def open_count(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def acquire(self) -> DriverConnection:
        """An idle connection, or a new one.

        Raises:
            StoreError: the repository is closed, or the database cannot be opened.
            StoreBusyError: all connections were in use for longer than ``busy_timeout``.
        """
        if self._closed:
            self._check_open()
        try:
            connection = self._slots.get(self._wait)
        except TimeoutError:
            message = (
                f"all {self.limit} connections of this repository were in use for more than"
                f" {self._wait} s. Nothing was written; retry, or increase max_connections or"
                " busy_timeout."
            )
            raise StoreBusyError(message) from None
        if connection is None:
            return self._connect()
        watch = connection.watch
        if watch is not None and monotonic() > watch.next_check:
            return self._checked(connection)
        return connection

    def release(self, connection: DriverConnection) -> None:
        """Give a connection back; a broken one is closed, and any one after ``close``."""
        if connection.broken or self._closed:
            self._discard(connection)
            return
        connection.period = self._period
        self._slots.put(connection)
        if self._closed:
            self._close_idle()

    def close(self) -> None:
        """Close idle connections now, those in use when they are released."""
        self._closed = True
        self._close_idle()

    def begin_period(self) -> None:
        """Count a period, and close connections that were idle for ``PERIODS`` of them."""
        self._period += 1
        for connection in self.idle:
            if self._period - connection.period >= PERIODS and self._slots.remove(connection):
                self._close(connection)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(CLOSED)

    def _connect(self) -> DriverConnection:
        slots = self._slots
        try:
            self._check_open()  # it may have been closed while this call waited for its turn
            proxied = self._engine.raw_connection()
            watch = self._backend.file_watch(proxied.info)
            driver_connection = proxied.driver_connection
            # SQLAlchemy's pool would reset the connection, and give it to others
            proxied.detach()
            connection = DriverConnection(
                driver_connection, self._engine.dialect, self._backend, watch=watch
            )
        except BaseException:
            slots.put_last(None)
            raise
        connection.close_when_collected(_free_slot, weakref.ref(slots))
        self._open.add(connection)
        if len(self._open) > 1:
            closer.watch(self)
        return connection

    def _checked(self, connection: DriverConnection) -> DriverConnection:
        """The connection, or another one if it reads a file as unchanging that has changed."""
        try:
            outdated = connection.outdated()
        except BaseException:
            self._close(connection)
            raise
        if not outdated:
            return connection
        self._close(connection)
        return self.acquire()

    def _discard(self, connection: DriverConnection) -> None:
        if connection.inherited:
            return  # it was left to the parent, and has no slot here
        lost = connection.lost
        self._close(connection)
        if lost:
            self._close_idle()  # a server that was restarted has dropped the others too

    def _close_idle(self) -> None:
        for connection in self.idle:
            if self._slots.remove(connection):
                self._close(connection)

    def _close(self, connection: DriverConnection) -> None:
        self._open.discard(connection)
        connection.close()

    # --- forks

    def before_fork(self) -> None:
        """Give out no connections, and close idle ones."""
        for slot in self._slots.hold_back():
            if slot is None:
                self._held_back += 1
            else:
                self._close(slot)  # which leaves a free slot

    def busy(self) -> bool:
        """Whether another thread uses a connection to a SQLite file."""
        if self._backend.remote:
            return False
        empty = self._held_back + self._slots.free().count(None)
        here = threading.get_ident()
        return self.limit - empty > sum(connection.holder == here for connection in self._open)

    def after_fork_in_parent(self) -> None:
        """Give out connections again."""
        held_back, self._held_back = self._held_back, 0
        self._slots.resume([None] * held_back)

    def after_fork_in_child(self) -> None:
        """Leave the parent's connections alone."""
        for connection in self._open:
            connection.abandon()
        self._start_anew()


def _free_slot(reference: weakref.ref[FairQueue[DriverConnection | None]]) -> None:
    slots = reference()  # weak, because the slots refer to the connection
    if slots is not None:
        slots.put_last(None)
