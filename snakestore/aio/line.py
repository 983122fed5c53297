"""A line of asyncio tasks that wait for a place: first come, first served."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from enum import Enum
from typing import Protocol

from snakestore.clock import steady_seconds
from snakestore.errors import StoreBusyError
from snakestore.storage import fork
from snakestore.storage.execution import loop_time

WITHOUT_LIMIT = float("inf")
MAX_OVERTAKEN = 10
"""How many urgent tasks pass before the others."""


class _State(Enum):
    WAITING, SERVED, GONE = range(3)


class _Ticket:
    """A task in a line, and the future by which it is woken."""

    __slots__ = ("future", "loop", "since", "state", "thread", "timer")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.future = self.loop.create_future()
        self.since = steady_seconds()
        self.state = _State.WAITING
        self.timer: loop_time.Timer | None = None

    def wake(self) -> bool:
        """Wake the task. Returns False if its event loop is closed."""
        if self.loop.is_closed():
            return False
        if self.thread == threading.get_ident():
            self._resolve()
            return True
        try:
            self.loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:  # it was closed just now
            return False
        return True

    def _resolve(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Holder(Protocol):
    """Who has places, and may wait for more."""

    awaited: Line | None
    """The line in which it waits."""


class Line:
    """Places that tasks take in turns. A task that waits here occupies nothing else.

    Tasks of several event loops, in several threads, may share a line. In a forked child the
    parent's lines are inert: they let everyone pass.
    """

    def __init__(self, places: int, busy: str) -> None:
        """Let ``places`` tasks pass at once.

        Args:
            places: how many.
            busy: the message for a task that gave up.
        """
        self._free = places
        self._busy = busy
        self._waiting: deque[_Ticket] = deque()
        self._urgent: deque[_Ticket] = deque()
        self._overtaken = 0
        self._mutex = threading.Lock()
        self._fork_depth = fork.depth
        self.places = places
        self.moved = steady_seconds()
        """When something was last done in a place of this line."""
        self.holders: set[Holder] = set()
        """Who has a place."""

    def enter_at_once(self) -> bool:
        """Take a place if one is free. Returns whether it was."""
        if self._fork_depth != fork.depth:
            return True
        with self._mutex:
            entered = self._free > 0
            self._free -= entered
            return entered

    async def enter(self, limit: float, *, urgent: bool = False) -> None:
        """Take a place, after all tasks that came before.

        Args:
            limit: seconds for which the line may stand still meanwhile.
            urgent: whether to overtake tasks that are not urgent. Some of those pass in between.

        Raises:
            StoreBusyError: nothing was done in any place of the line for ``limit`` seconds.
        """
        if self.enter_at_once():
            return
        ticket = _Ticket()
        with self._mutex:
            if self._free:  # since a moment ago, by another thread
                self._free -= 1
                return
            (self._urgent if urgent else self._waiting).append(ticket)
        if limit != WITHOUT_LIMIT:
            self._look_after(ticket, limit, limit)
        try:
            await ticket.future
        except BaseException:
            self._withdraw(ticket)
            raise
        finally:
            if ticket.timer is not None:
                ticket.timer.cancel()

    def leave(self, *, moved: bool = True) -> None:
        """Give the place to the task that has waited longest.

        ``moved`` says whether something was done in it.
        """
        if self._fork_depth != fork.depth:
            return
        if moved:
            self.moved = steady_seconds()
        while (ticket := self._next()) is not None and not ticket.wake():
            pass

    def _next(self) -> _Ticket | None:
        """The next task to pass; None if nobody waits, and the place is free."""
        with self._mutex:
            while self._urgent or self._waiting:
                urgent = self._urgent and not (self._waiting and self._overtaken >= MAX_OVERTAKEN)
                ticket = (self._urgent if urgent else self._waiting).popleft()
                if ticket.state is _State.WAITING:
                    self._overtaken = self._overtaken + 1 if urgent else 0
                    ticket.state = _State.SERVED
                    return ticket
            self._free += 1
            return None

    def _withdraw(self, ticket: _Ticket) -> None:
        with self._mutex:
            served, ticket.state = ticket.state is _State.SERVED, _State.GONE
        if served:
            self.leave(moved=False)

    def _last_moved(self, seen: set[Line]) -> float:
        """When something was last done in this line, or where those wait who have a place of it."""
        seen.add(self)
        last = self.moved
        for holder in list(self.holders):
            line = holder.awaited
            if line is not None and line not in seen:
                last = max(last, line._last_moved(seen))  # noqa: SLF001 - of the same class
        return last

    def _look_after(self, ticket: _Ticket, limit: float, seconds: float) -> None:
        """Look again after some seconds whether the line has stood still for ``limit``."""
        ticket.timer = loop_time.call_later(ticket.loop, seconds, self._look, ticket, limit)

    def _look(self, ticket: _Ticket, limit: float) -> None:
        left = max(self._last_moved(set()), ticket.since) + limit - steady_seconds()
        if left > 0:
            self._look_after(ticket, limit, left)
            return
        with self._mutex:
            if ticket.state is not _State.WAITING:
                return
            ticket.state = _State.GONE
        if not ticket.future.done():
            ticket.future.set_exception(StoreBusyError(self._busy))
