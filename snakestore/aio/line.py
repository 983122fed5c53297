"""A line of asyncio tasks that wait for a place: first come, first served.

An exception from outside (a signal handler's, ``KeyboardInterrupt``) may come after any call. No
place is lost then. Only the set of holders says which places are taken. Leaving twice is harmless.
Each ``enter`` and ``leave``, and every half second while a task waits, gives out the free places
again, and so completes what an exception interrupted.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, Protocol

from snakestore.aio.executors import Work
from snakestore.aio.watch import Watch
from snakestore.clock import steady_seconds
from snakestore.errors import StoreBusyError
from snakestore.storage import fork
from snakestore.storage.execution.group_commit import Companion

WITHOUT_LIMIT = float("inf")
MAX_OVERTAKEN = 10
"""How many urgent tasks pass before the others."""
LOOK_AGAIN = 0.5
"""How often waiting tasks are looked after, in seconds."""


class _State(Enum):
    WAITING, SERVED, JOINED, GONE = range(4)


_WAITING = _State.WAITING
"""A constant: a member of an Enum takes as long to look up as a call."""


class Holder(Protocol):
    """What has places, and may wait for more."""

    awaited: Line | None
    """The line in which it waits."""

    @property
    def lost(self) -> bool:
        """Whether it no longer needs its places, and nothing else will give them up."""

    @property
    def job(self) -> Work | None:
        """What runs for it."""

    def join(self) -> Companion[Any] | None:
        """Let the holder of a place do the work, where that is possible. Returns the work then."""

    def part(self) -> None:
        """Wait again after ``join``, for a place of its own."""


class Ticket:
    """A task in a line, and the future by which it is woken."""

    __slots__ = ("future", "holder", "limit", "loop", "since", "state", "thread")

    def __init__(self, holder: Holder, limit: float) -> None:
        self.holder = holder
        self.limit = limit
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.future = self.loop.create_future()
        self.since = steady_seconds()
        self.state = _WAITING

    @property
    def waits(self) -> bool:
        """Whether the task still waits for a place."""
        return self.state is _WAITING and not self.future.done() and not self.holder.lost

    def wake(self) -> bool:
        """Wake the task, if it was not woken. Returns False if its event loop is closed."""
        if self.loop.is_closed():
            return False
        if self.thread == threading.get_ident():
            self.resolve()
            return True
        try:
            self.loop.call_soon_threadsafe(self.resolve)
        except RuntimeError:  # it was closed just now
            return False
        return True

    def resolve(self) -> None:
        """Wake the task. In its thread."""
        if not self.future.done():
            self.future.set_result(None)


class _Call:
    """A call that waits in a line, and is made once."""

    def __init__(self, holder: Holder, call: Callable[[], None]) -> None:
        self.holder = holder
        self.state = _WAITING
        self._calls = [call]

    @property
    def waits(self) -> bool:
        """Whether it still waits for a place."""
        return self.state is _WAITING

    def wake(self) -> bool:
        """Make the call, if it was not made."""
        if self._calls:
            self._calls.pop()()
        return True


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
        self._busy = busy
        self._waiting: deque[Ticket | _Call] = deque()
        self._urgent: deque[Ticket | _Call] = deque()
        self._watch: Watch[Ticket] | None = None
        """Looks after the tasks of one event loop, that which came last."""
        self._overtaken = 0
        self._mutex = threading.RLock()  # reentrant: a finalizer may leave at any time
        self._fork_depth = fork.depth
        self.places = places
        self.moved = steady_seconds()
        """When something was last done in a place of this line."""
        self.holders: set[Holder] = set()
        """What has a place."""

    def enter_at_once(self, holder: Holder) -> bool:
        """Take a place if one is free. Returns whether it was."""
        if self._fork_depth != fork.depth:
            return True
        with self._mutex:
            free = len(self.holders) < self.places
            if free:
                self.holders.add(holder)
        return free

    async def enter(self, holder: Holder, limit: float, *, urgent: bool = False) -> None:
        """Take a place, after all tasks that came before.

        Args:
            holder: who gets it.
            limit: seconds for which the line may stand still meanwhile.
            urgent: whether to overtake tasks that are not urgent. Some of those pass in between.

        Raises:
            StoreBusyError: nothing was done in any place of the line for ``limit`` seconds.
        """
        ticket = Ticket(holder, limit)
        watch = self._watch
        if watch is None or watch.loop is not ticket.loop:
            watch = self._watch = Watch(ticket.loop, self._look, LOOK_AGAIN)
        try:
            holder.awaited = self
            with self._mutex:
                (self._urgent if urgent else self._waiting).append(ticket)
                self._serve()  # a place may be free since a moment ago, by another thread
            watch.add(ticket, ticket.since, min(limit, LOOK_AGAIN))
            await ticket.future
        except BaseException:
            ticket.state = _State.GONE
            self.leave(holder, moved=False)
            raise
        finally:
            holder.awaited = None
            watch.discard(ticket)
            if not watch.waiting and self._watch is watch:
                self._watch = None  # no cycle, so that a line is collected at once

    def call(self, holder: Holder, call: Callable[[], None]) -> None:
        """Make a call that starts something, as soon as ``holder`` has a place for it."""
        if self._fork_depth != fork.depth:
            call()
            return
        with self._mutex:
            self._waiting.append(_Call(holder, call))
            self._serve()

    def leave(self, holder: Holder, *, moved: bool = True) -> None:
        """Give the holder's place, if it has one, to the task that has waited longest.

        ``moved`` says whether something was done in it.
        """
        if self._fork_depth != fork.depth:
            return
        with self._mutex:
            if moved and holder in self.holders:
                self.moved = steady_seconds()
            self.holders.discard(holder)
            if (self._urgent or self._waiting) and len(self.holders) < self.places:
                self._serve()

    def take_companion(self, taken: list[tuple[Ticket, Companion[Any]]]) -> bool:
        """Move the task that waits first to ``taken``, if the holder of the place can do its work.

        The task waits until ``wake_all`` wakes it. From any thread.
        """
        with self._mutex:
            while self._waiting and not self._urgent:
                ticket = self._waiting[0]
                if ticket.waits:
                    companion = ticket.holder.join() if isinstance(ticket, Ticket) else None
                    if companion is None:
                        break
                    assert isinstance(ticket, Ticket)  # noqa: S101 - only such can join
                    taken.append((ticket, companion))
                    ticket.state = _State.JOINED
                    self._waiting.popleft()
                    return True
                if ticket.state is _State.SERVED:
                    break
                self._waiting.popleft()
        return False

    def has_companion(self) -> bool:
        """Whether anything waits whose work the holder of the place may be able to do too."""
        return bool(self._waiting)

    def put_back(self, waiting: Sequence[Ticket]) -> None:
        """Let tasks that were taken out wait again, first in the line and in their order."""
        with self._mutex:
            for ticket in reversed(waiting):
                ticket.holder.part()
                ticket.state = _State.WAITING
                if ticket not in self._waiting:  # it may be repeated
                    self._waiting.appendleft(ticket)

    def wake_all(self, waiting: Sequence[Ticket]) -> None:
        """Wake tasks of any event loops, from any thread. One that is not woken looks itself."""
        by_loop: dict[asyncio.AbstractEventLoop, list[Ticket]] = {}
        for ticket in waiting:
            by_loop.setdefault(ticket.loop, []).append(ticket)
        for loop, those in by_loop.items():
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(_resolve_all, those)

    def _serve(self) -> None:
        """Give free places to tasks that wait. With the mutex, and again after an exception."""
        holders = self.holders
        for holder in list(holders):
            if holder.lost:
                holders.discard(holder)
        while self._urgent or self._waiting:
            urgent = self._urgent and not (self._waiting and self._overtaken >= MAX_OVERTAKEN)
            queue = self._urgent if urgent else self._waiting
            ticket = queue[0]  # it is taken out when it has been woken
            if len(holders) >= self.places and ticket.holder not in holders:
                return
            if ticket.waits:
                holders.add(ticket.holder)
                ticket.holder.awaited = None
                ticket.state = _State.SERVED
                self._overtaken = self._overtaken + 1 if urgent else 0
            if ticket.state is _State.SERVED and not ticket.wake():
                holders.discard(ticket.holder)
            queue.popleft()

    def _last_moved(self, seen: set[Line]) -> float:
        """When something was last done in this line, or where those wait who have a place of it."""
        seen.add(self)
        last = self.moved
        for holder in list(self.holders):
            line = holder.awaited
            if line is not None and line not in seen:
                last = max(last, line._last_moved(seen))  # noqa: SLF001 - of the same class
        return last

    def _look(self, watch: Watch[Ticket]) -> float:
        """Look after the tasks of one event loop that wait. Returns for how many seconds."""
        with self._mutex:
            self._serve()
        moved = self._last_moved(set())
        seconds = LOOK_AGAIN
        for ticket in list(watch.waiting):
            if ticket.future.done() or ticket.state is _State.GONE:
                watch.discard(ticket)
            else:
                seconds = min(seconds, self._look_after(ticket, moved))
        return seconds

    def _look_after(self, ticket: Ticket, moved: float) -> float:
        if ticket.state is _State.JOINED:
            if ticket.holder.job is not None and ticket.holder.job.ended:
                ticket.wake()
            return LOOK_AGAIN
        if ticket.state is _State.SERVED:
            ticket.wake()
            return LOOK_AGAIN
        left = max(moved, ticket.since) + ticket.limit - steady_seconds()
        if left > 0:
            return min(left, LOOK_AGAIN)
        with self._mutex:
            gave_up = ticket.state is _State.WAITING
            if gave_up:
                ticket.state = _State.GONE
        if gave_up and not ticket.future.done():  # else it was served or taken out just now
            ticket.future.set_exception(StoreBusyError(self._busy))
        return LOOK_AGAIN


def _resolve_all(tickets: list[Ticket]) -> None:
    for ticket in tickets:
        ticket.resolve()
