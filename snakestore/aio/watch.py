"""Looks after the tasks of one event loop that wait in a line, again and again.

One timer serves all of them. A timer for each of a hundred tasks that write together would take a
quarter of the time that the event loop spends on them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from snakestore.clock import steady_seconds
from snakestore.storage.execution import loop_time

T = TypeVar("T")


class Watch(Generic[T]):
    """What waits on one event loop, and the timer that looks after it. For the loop's thread only.

    An exception from outside may come at any instant. If it comes when the timer is to be set
    again, the next task that begins to wait sets it.
    """

    __slots__ = ("_due", "_look", "_period", "_timer", "loop", "waiting")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        look: Callable[[Watch[T]], float],
        period: float,
    ) -> None:
        """Watch nothing yet.

        Args:
            loop: the running event loop.
            look: looks after all that waits, and discards what does not wait any more. Returns for
                how many seconds that is enough.
            period: seconds after which it looks again at the latest.
        """
        self.loop = loop
        self.waiting: dict[T, None] = {}
        """What waits, in the order in which it came."""
        self._look = look
        self._period = period
        self._timer: loop_time.Timer | None = None
        self._due = 0.0

    def add(self, item: T, now: float, seconds: float) -> None:
        """Look after ``item`` too, in at most ``seconds`` from ``now`` for the first time."""
        self.waiting[item] = None
        if self._timer is None or now + seconds < self._due or now > self._due + self._period:
            self._set(seconds)

    def discard(self, item: T) -> None:
        """Look after ``item`` no more."""
        self.waiting.pop(item, None)
        if not self.waiting:
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()

    def _set(self, seconds: float) -> None:
        before, due, now = self._timer, self._due, steady_seconds()
        self._timer = loop_time.call_later(self.loop, seconds, self._ring)
        self._due = now + seconds
        if before is not None and due > now:  # else it rings at any moment, where the loop is late
            before.cancel()

    def _ring(self) -> None:
        if not self.waiting:  # an exception came before it was cancelled
            self._timer = None
            return
        self._set(self._period)  # first, for an exception may come below
        enough = self._look(self)
        if enough < self._period and self.waiting:
            self._set(enough)
