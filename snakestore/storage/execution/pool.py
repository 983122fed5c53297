"""Connection pools. A checkout is a pop of a deque; QueuePool takes 5 us, as long as a read."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from snakestore.errors import StoreBusyError, StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection_source import NotAtOnceError
from snakestore.storage.execution.driver_connection import DriverConnection
from snakestore.storage.execution.fair_queue import (
    DeadlockError,
    FairQueue,
    NoneFreeError,
    Place,
    places,
)
from snakestore.storage.execution.idle import PERIODS, closer
from snakestore.storage.execution.nesting import NESTED, connections_in_use, refuse_nested
from snakestore.storage.execution.open_blocks import OpenBlocks, blocks_of_file, held_by_waiting
from snakestore.storage.execution.pipelined import PipelinedConnection

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import Connector

CLOSED = "the repository is closed. Open it again to use it."
CONNECTED = object()
"""The owner of a place at which a connection is open."""


class OwnedConnections(fork.Participant):
    """At most ``limit`` connections that only snakestore uses, and uses again."""

    copied_by_fork: ClassVar[bool] = False

    def __init__(self, connector: Connector, backend: Backend, *, limit: int, wait: float) -> None:
        """Open connections as they are needed.

        Args:
            connector: opens them, as an engine of ``create_engine`` would.
            backend: what differs by database.
            limit: how many connections may be open at once.
            wait: seconds to wait for a free one.
        """
        self._connector = connector
        self._backend = backend
        self.limit = limit
        self._wait = wait
        self._closed = False
        self.syncs = False
        """Whether commits are followed by a sync of the log, see ``LogSync``."""
        self.blocks: OpenBlocks = blocks_of_file(backend.file_path(connector.url))
        self._start_anew()
        fork.register(self)
        if connector.has_opened:
            self.release(self.acquire())  # the one that has inspected the file

    def _start_anew(self) -> None:
        # a slot is an idle connection, or a place where one may be opened
        self._slots: FairQueue[DriverConnection | Place] = places(
            self.limit, refuse_nested, self._owners
        )
        self._items = self._slots.items
        self._open: fork.WeakRegistry[DriverConnection] = fork.WeakRegistry()
        self._held_back: list[Place] = []
        self._period = 0

    @property
    def turns(self) -> object:
        """What the callers of the same connections have in common."""
        return self

    @property
    def closed(self) -> bool:
        """Whether no more connections are given out."""
        return self._closed

    @property
    def idle(self) -> list[DriverConnection]:
        """The connections that are open and not in use; the last one is used next."""
        return [slot for slot in self._slots.free() if isinstance(slot, DriverConnection)]

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
        if len(self._items) != self.limit:
            self.refuse_nested()
        try:
            slot = self._slots.get(self._wait)
        except NoneFreeError:
            message = (
                f"all {self.limit} connections of this repository were in use for more than"
                f" {self._wait} s. Nothing was written; retry, or increase max_connections or"
                " busy_timeout."
            )
            raise StoreBusyError(message) from None
        except DeadlockError:
            raise held_by_waiting(self.limit) from None
        if isinstance(slot, Place):
            return self._connect(slot)
        watch = slot.watch
        if watch is None or monotonic() <= watch.next_check or not slot.outdated():
            if slot.bounded:
                slot.unbound()
            return slot
        # it reads a file as unchanging that has changed
        slot.broken = True
        self.release(slot)
        return self.acquire()

    def at_once(self, max_bytes: int) -> Callable[[], DriverConnection] | None:
        """What gives an idle connection for a small read, see ``ConnectionSource``."""
        return (
            None if self._backend.in_process is None else partial(self._acquire_at_once, max_bytes)
        )

    def _acquire_at_once(self, max_bytes: int) -> DriverConnection:
        """An idle connection that is open, and whose file need not be looked at.

        Raises:
            NotAtOnceError: there is none, or others wait for one.
        """
        slot = None if self._closed else self._slots.get_at_once()
        if isinstance(slot, Place):
            self._slots.put_last(slot)
            raise NotAtOnceError
        if slot is None:
            raise NotAtOnceError
        if slot.watch is not None and monotonic() > slot.watch.next_check:
            self._slots.put(slot)
            raise NotAtOnceError
        if slot.bounded_cursor is None:
            slot.bound(max_bytes)
        return slot

    def _owners(self) -> list[object]:
        """Who uses each connection; None where it is free, or may still be opened."""
        unopened = self.limit - len(self._open)
        return [None] * unopened + [each.owner for each in self._open]

    def take_back(self, thread: int) -> None:
        """Put back what a thread got and no method of it uses, as an exception came in between."""
        used = connections_in_use(thread, self)
        if used is None:
            return
        for connection in self._open:
            if connection.owner == thread and connection not in used:
                if connection.in_transaction:
                    connection.broken = True  # an exception came when it was to be rolled back
                self.release(connection)
        for place in self._slots.places:
            if place.owner == thread:
                self._slots.put_last(place)

    def holds(self, connection: DriverConnection, owner: object) -> bool:
        """Whether the connection is in use by ``owner``."""
        return connection.owner == owner

    def hand_over(self, connection: DriverConnection, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""
        connection.owner = owner

    def refuse_nested(self) -> None:
        """Refuse a call from a signal handler or finalizer within a method of this thread.

        Raises:
            StoreBusyError: it is one.
        """
        here = threading.get_ident()
        if self._used_by(here):
            self.take_back(here)
            if self._used_by(here):
                raise StoreBusyError(NESTED)

    def _used_by(self, thread: int) -> bool:
        return any(each.owner == thread and each.holder != thread for each in self._open)

    def release(self, connection: DriverConnection) -> None:
        """Give a connection back; a broken one is closed, and any one after ``close``.

        Does nothing if it was given back.
        """
        if connection.owner is None:
            return
        if connection.broken or self._closed:
            self._discard(connection)
            return
        connection.holder = None
        connection.period = self._period
        self._slots.put(connection)
        if self._closed:
            self._close_idle()

    def close(self) -> None:
        """Close idle connections now, those in use when they are released."""
        self._closed = True
        closer.forget(self)
        self._close_idle()
        self._connector.close()

    def begin_period(self) -> None:
        """Count a period, and close connections that were idle for ``PERIODS`` of them."""
        self._period += 1
        for connection in self.idle:
            if self._period - connection.period >= PERIODS and self._slots.remove(connection):
                self._close(connection)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(CLOSED)

    def _connect(self, place: Place) -> DriverConnection:
        slots = self._slots
        connection: DriverConnection | None = None
        try:
            self._check_open()  # it may have been closed while this call waited for its turn
            driver_connection, info = self._connector.connect()
            dialect = self._connector.dialect
            settings = self._backend.begin_settings(info)
            if self._backend.can_pipeline(driver_connection):
                connection = PipelinedConnection(
                    driver_connection, dialect, self._backend, settings=settings
                )
            else:
                connection = DriverConnection(
                    driver_connection,
                    dialect,
                    self._backend,
                    watch=self._backend.file_watch(info),
                    settings=settings,
                    log_sync=self._backend.log_sync(info, driver_connection),
                )
            connection.close_when_collected(_free_slot, weakref.ref(slots), place)
            connection.owner, place.owner = place.owner, CONNECTED
            self._open.add(connection)
            self.syncs = connection.log_sync is not None
            if len(self._open) > 1:
                closer.watch(self)
        except BaseException:
            if connection is not None:
                connection.close()
            if place.owner == threading.get_ident():
                slots.put_last(place)
            raise
        return connection

    def _discard(self, connection: DriverConnection) -> None:
        if connection.inherited:
            return  # it was left to the parent, and has no slot here
        lost = connection.lost
        self._close(connection)
        connection.owner = None
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
            if isinstance(slot, Place):
                self._held_back.append(slot)
            else:
                self._close(slot)  # which leaves a free slot

    def busy(self) -> bool:
        """Whether another thread uses a connection to a SQLite file."""
        if self._backend.remote:
            return False
        empty = len(self._held_back) + sum(isinstance(slot, Place) for slot in self._slots.free())
        here = threading.get_ident()
        return self.limit - empty > sum(connection.holder == here for connection in self._open)

    def after_fork_in_parent(self) -> None:
        """Give out connections again."""
        held_back, self._held_back = self._held_back, []
        self._slots.resume(held_back)

    def after_fork_in_child(self) -> None:
        """Leave the parent's connections alone."""
        for connection in self._open:
            connection.abandon()
        self._start_anew()


def _free_slot(reference: weakref.ref[FairQueue[DriverConnection | Place]], place: Place) -> None:
    slots = reference()  # weak, because the slots refer to the connection
    if slots is not None and place.owner is CONNECTED:
        slots.put_last(place)
