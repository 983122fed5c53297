"""Turns at the connections of an engine that are shared with others."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from sqlalchemy.pool import StaticPool

from snakestore.errors import StoreBusyError
from snakestore.storage import fork
from snakestore.storage.execution.driver_connection import DriverConnection
from snakestore.storage.execution.fair_queue import DeadlockError, NoneFreeError, Place, places
from snakestore.storage.execution.nesting import connections_in_use, refuse_nested
from snakestore.storage.execution.open_blocks import OpenBlocks, held_by_waiting
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection

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

    @property
    def in_use(self) -> bool:
        """Whether the last one who got a turn has not ended it: with a limit of one, who has it."""
        return self._holder is not None

    def begin(self, wait: float, undo: Callable[[Place], None] | None = None) -> Place:
        """Wait for the turn. Returns what ``end`` needs.

        Args:
            wait: seconds to wait.
            undo: see ``take_back``.

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
            self.take_back(threading.get_ident(), undo)
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

    def take_back(self, thread: int, undo: Callable[[Place], None] | None = None) -> None:
        """End the turns of a thread that no method of it uses, as an exception came in between.

        ``undo`` ends what was begun in such a turn.
        """
        used = connections_in_use(thread, self)
        if used is None:
            return
        in_use = [connection.place for connection in used]
        for place in self._places.places:
            if place.owner == thread and place not in in_use:
                if undo is not None:
                    undo(place)
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


def turns_of(pool: StaticPool, *, in_memory: bool) -> Turns:
    """The turns of all repositories on a pool that has a single connection."""
    return _shared_turns.setdefault(pool, Turns(1, pool if in_memory else None))
