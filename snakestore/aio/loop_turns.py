"""Shares an event loop between the reads that run on it and everything else.

A read on the event loop does not suspend its task. So after about a millisecond of reads in one
turn of the loop, of one task or of many, the tasks that read wait for a later turn, first come,
first served. Each turn admits as many of them as fit into a millisecond, about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

MAX_SECONDS: Final = 0.001
"""How long reads take of a turn, about."""
MAX_READS: Final = 100
"""How many they are at most, about. Test tools may stop the clock, hence a number."""
LOOK_AGAIN: Final = 0.5
"""Seconds until tasks are admitted again that an exception from outside has left waiting."""
ALARMS: Final = (1, 2, 3)
"""After how many times that."""


class LoopTurns:
    """Who may read in which turn of an event loop."""

    __slots__ = (
        "_alarm",
        "_due",
        "_early",
        "_max_reads",
        "_max_seconds",
        "_used",
        "_waiting",
        "loop",
        "reads",
        "seconds",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Share the turns of ``loop``. None: of one that is not known yet, and nobody waits."""
        self.loop = loop
        self.reads = 0
        """How many reads there were since a task was admitted."""
        self.seconds = 0.0
        """How long they took."""
        self._max_reads = MAX_READS
        """How many reads each task that is admitted may make, one after the other."""
        self._max_seconds = MAX_SECONDS
        self._used = 0.0
        """How long reads took in this turn, without those that ``seconds`` counts."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._early: deque[asyncio.Future[None]] = deque()
        """Those that were admitted before, to a turn that was used up."""
        self._due: asyncio.Handle | None = None
        """What admits tasks in the next turn."""
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def used_up(self) -> bool:
        """Whether a read has to wait for another turn."""
        return self.reads >= self._max_reads or self.seconds >= self._max_seconds

    async def wait(self) -> None:
        """Let others run, and those read that have waited longer."""
        await self._wait_in(self._waiting)
        while self._used + self.seconds >= MAX_SECONDS:
            await self._wait_in(self._early)
        self._used += self.seconds
        self.reads, self.seconds = 0, 0.0

    async def _wait_in(self, queue: deque[asyncio.Future[None]]) -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        queue.append(future)
        self._admit_later(loop)
        await future

    def _admit_later(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have ``_admit`` called in the next turn, and again where an exception came before."""
        if self._alarm is None or self._alarm.when() <= loop.time():
            # more than one, because an exception may come to what it calls
            self._alarm, *_ = [
                loop.call_later(times * LOOK_AGAIN, self._renew, loop) for times in ALARMS
            ]
        if self._due is None:
            self._due = loop.call_soon(self._admit, loop)

    def _renew(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have ``_admit`` called in the next turn, whatever became of the call that was due.

        Not at once: where the loop is late, more than one alarm comes in the same turn.
        """
        if self._due is not None:
            self._due.cancel()
        self._due = loop.call_soon(self._admit, loop)

    def _admit(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a turn: wake the tasks that may read in it."""
        self._due = None
        self.reads, self.seconds, self._used = 0, 0.0, 0.0
        if not (self._early or self._waiting):
            return
        self._admit_later(loop)
        admitted = 0
        for queue in (self._early, self._waiting):
            while queue and admitted < MAX_READS:
                future = queue[0]  # it is taken out when it has been woken
                if not future.done():  # its task was not cancelled
                    future.set_result(None)
                    admitted += 1
                queue.popleft()
        self._max_reads = MAX_READS // max(1, admitted)
        self._max_seconds = MAX_SECONDS / max(1, admitted)
