"""The order in which tasks get turns, at the write lock or at a session, and connections."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Engine

from snakestore.aio.executors import Work
from snakestore.aio.line import Line
from snakestore.clock import steady_seconds
from snakestore.errors import StoreBusyError
from snakestore.storage import fork
from snakestore.storage.execution.group_commit import Companion

R = TypeVar("R")

_NO_TURN = (
    "other tasks hold the write lock, and nothing was done there for busy_timeout. Nothing was"
    " written. Keep transaction() blocks short, or increase busy_timeout."
)
_NO_CONNECTION = (
    "other tasks use all connections, and nothing was done on any for busy_timeout. Keep"
    " transaction() blocks short, or increase max_connections or busy_timeout."
)

_RELEASES = (None,) * 100
"""How often to try to give up places. A tuple, as exceptions may come to calls of functions."""


class Permit:
    """The places that a method or block takes, and the call that needs them."""

    __slots__ = ("_lines", "_loop", "_moved", "_released", "awaited", "companion", "job")

    def __init__(self, *, in_task: bool = True) -> None:
        """Begin without places. ``in_task`` says whether a task of the running loop takes them."""
        self._lines: list[Line] = []
        self._loop = asyncio.get_running_loop() if in_task else None
        self._released = False
        self._moved = True
        self.awaited: Line | None = None
        """The line in which it waits."""
        self.job: Work | None = None
        """The call that runs in these places, or for it in those of another."""
        self.companion: Companion[Any] | None = None
        """The write that may be done in the turn of another."""

    @property
    def lost(self) -> bool:
        """Whether nothing runs in these places, and nothing else will give them up."""
        left = self._released or (self._loop is not None and self._loop.is_closed())
        return left and (self.job is None or self.job.ended)

    def enter_at_once(self, line: Line) -> bool:
        """Take a place of one more line, if one is free. Otherwise call ``line.enter``."""
        self._lines.append(line)  # before it has a place, which is therefore given up in any case
        return line.enter_at_once(self)

    def join(self) -> Companion[Any] | None:
        """Let the holder of the turn do the work, where that is possible. Returns the work then."""
        if self.companion is None or self.companion.alone:
            return None
        self.job = self.companion
        return self.companion

    @property
    def joined(self) -> bool:
        """Whether the work is or was done in the turn of another."""
        return self.job is not None and self.job is self.companion

    def part(self) -> None:
        """Wait again after ``join``, for a turn of its own."""
        self.job = None

    def call(self, line: Line, call: Callable[[], None]) -> None:
        """Make a call that starts something, as soon as there is a place of a line for it."""
        self._lines.append(line)
        line.call(self, call)

    def moved(self) -> None:
        """Note that something was done, so that those who wait in the same lines go on waiting."""
        now = steady_seconds()
        for line in self._lines:
            line.moved = now

    def leave_line(self, line: Line) -> None:
        """Give up the place of one line. From any thread."""
        line.leave(self)

    def leave(self) -> None:
        """Give up all places that were not given up before."""
        for line in reversed(self._lines):
            line.leave(self, moved=self._moved)
        self._lines.clear()

    def release(self, error: BaseException, then: Callable[[], None] | None = None) -> None:
        """Give up all places because of ``error``, at the end of the call that runs in them.

        Args:
            error: what ended the task, or its wait.
            then: what to call instead of ``leave``. It may be called repeatedly, in any thread.
        """
        self._released = True
        job, then = self.job, then or self.leave
        if job is None or isinstance(error, StoreBusyError):
            self._moved = False  # nothing was done
        if job is None or job.ended:
            then()
        else:
            job.abandon(then)


async def guarded(work: Callable[[], Awaitable[R]], release: Callable[[BaseException], None]) -> R:
    """Await ``work()``. If an exception comes, call ``release``, again while others come then."""
    try:
        try:
            return await work()
        except BaseException as error:
            release(error)
            raise
    except BaseException as error:  # noqa: BLE001 - it is raised below
        problem = error
        try:
            for _ in _RELEASES:
                try:
                    release(problem)
                    break
                except BaseException as another:  # noqa: BLE001 - it is raised below
                    problem = another
            raise problem
        finally:
            del problem  # no cycle of the error and the frames it came through


class Scheduler:
    """Gives out turns and connections, each in the order in which tasks ask.

    A task first waits for its turn: at the write lock of SQLite, or at its session on a server.
    Then it waits for a connection. Some connections are kept free for single reads, and some for
    single writes, so that neither waits behind ``transaction()`` blocks. A block on a server takes
    its turn at a session with its first write there, and keeps it until it ends.
    """

    def __init__(self, connections: int, *, locks_rows: bool) -> None:
        """Schedule the work on one engine.

        Args:
            connections: how many connections there may be. If there is one, reads wait for writers.
            locks_rows: whether writers of different sessions run at the same time (a server).
        """
        self._count = connections
        self.locks_rows = locks_rows
        """Whether writers of different sessions run at the same time."""
        self._start_anew()

    def _start_anew(self) -> None:
        count = self._count
        kept = max(1, count // 4)
        others = max(1, count - kept)
        in_blocks = max(1, others - kept)
        self._fork_depth = fork.depth
        self._turn = Line(1, _NO_TURN)
        self._all = Line(count, _NO_CONNECTION)
        self._for_writes = [Line(others, _NO_CONNECTION), self._all]
        self._for_turns = [self._turn, *self._for_writes]
        self._for_blocks = [Line(in_blocks, _NO_CONNECTION), *self._for_writes]
        self._mutex = threading.RLock()
        self._sessions: weakref.WeakValueDictionary[str, Line] = weakref.WeakValueDictionary()
        # a writer that has its turn must find a connection that no waiting block can occupy
        self._turn_first = not self.locks_rows or in_blocks < others

    @property
    def turn(self) -> Line:
        """The line at the write lock."""
        return self._turn

    async def read(self, permit: Permit, limit: float) -> None:
        """Let a single read pass. If there is one connection for all, it waits for its holder."""
        line = self._turn if self._alone else self._all
        if not permit.enter_at_once(line):
            await line.enter(permit, limit, urgent=True)

    def lines_of_write(self, session: str | None) -> Sequence[Line]:
        """Where a single write waits, one after the other. What has joined another waits no more.

        ``session`` is the one whose row it locks, if it is one.
        """
        if self._alone:
            return [self._turn]
        if not self.locks_rows:
            return self._for_turns
        turn = [] if session is None else [self._session(session)]
        return [*turn, *self._for_writes] if self._turn_first else [*self._for_writes, *turn]

    def block(self, permit: Permit, *, read_only: bool, limit: float) -> Awaitable[None]:
        """Let a ``transaction()`` block pass."""
        lines: Sequence[Line]
        if self._alone:
            lines = [self._turn]
        elif self.locks_rows or read_only:
            lines = self._for_blocks
        else:
            lines = self._for_turns
        return self._enter(permit, lines, limit)

    def leave_turn(self, permit: Permit) -> None:
        """Let the next writer use the write lock, which is free. From any thread."""
        if not self.locks_rows and self._count != 1:  # a connection is kept
            permit.leave_line(self._turn)

    async def write_in_block(self, permit: Permit, session: str | None, limit: float) -> None:
        """Let a write in a block pass, which keeps its turn at the session until the block ends.

        Raises:
            StoreBusyError: the block that has its turn there waits, directly or not, for this one.
        """
        if not self.locks_rows or session is None:
            return
        line = self._session(session)
        if permit in line.holders:
            return
        self._refuse_deadlock(permit, line)
        await self._enter(permit, [line], limit)

    @property
    def _alone(self) -> bool:
        """Whether there is one connection for all. Also starts anew in a forked child."""
        if self._fork_depth != fork.depth:
            self._start_anew()
        return self._count == 1

    @staticmethod
    async def _enter(permit: Permit, lines: Sequence[Line], limit: float) -> None:
        for line in lines:
            if not permit.enter_at_once(line):
                await line.enter(permit, limit)

    def _session(self, session: str) -> Line:
        with self._mutex:
            line = self._sessions.get(session)
            if line is None:
                line = self._sessions[session] = Line(1, _NO_TURN)
        return line

    @staticmethod
    def _refuse_deadlock(permit: Permit, line: Line | None) -> None:
        """Refuse to wait at a session for one who waits, at another one, for ``permit``."""
        seen: set[Line] = set()
        while line is not None and line.places == 1 and line not in seen:
            if permit in line.holders:
                message = (
                    "deadlock: two transaction() blocks wait for each other's sessions. Nothing of"
                    " this one was written; run it again, and write to sessions in one order."
                )
                raise StoreBusyError(message)
            seen.add(line)
            line = next((holder.awaited for holder in list(line.holders)), None)


_shared: weakref.WeakKeyDictionary[Engine, Scheduler] = weakref.WeakKeyDictionary()


def scheduler_of(engine: Engine, connections: int, *, locks_rows: bool) -> Scheduler:
    """The scheduler of a user's engine, which all repositories on it share."""
    scheduler = _shared.get(engine)
    if scheduler is None:
        scheduler = _shared[engine] = Scheduler(connections, locks_rows=locks_rows)
    return scheduler
