"""Who waits for whom: turns at the write lock or at a session, and connections."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence

from sqlalchemy import Engine

from snakestore.aio.line import Line
from snakestore.clock import steady_seconds
from snakestore.errors import StoreBusyError
from snakestore.storage import fork

_NO_TURN = (
    "other tasks hold the write lock, and nothing was done there for busy_timeout. Nothing was"
    " written. Keep transaction() blocks short, or increase busy_timeout."
)
_NO_CONNECTION = (
    "other tasks use all connections, and nothing was done on any for busy_timeout. Keep"
    " transaction() blocks short, or increase max_connections or busy_timeout."
)


class Permit:
    """The places that a method or block has taken."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self.turns: set[str] = set()
        """Sessions at which it is the holder's turn."""
        self.awaited: Line | None = None
        """The line in which it waits."""

    async def enter(self, line: Line, limit: float, *, urgent: bool = False) -> None:
        """Take a place of one more line.

        Raises:
            StoreBusyError: the line stood still for ``limit`` seconds.
        """
        self.awaited = line
        try:
            await line.enter(limit, urgent=urgent)
        finally:
            self.awaited = None
        self._take(line)

    def enter_at_once(self, line: Line) -> bool:
        """Take a place of one more line, if one is free. Returns whether it was."""
        if not line.enter_at_once():
            return False
        self._take(line)
        return True

    def moved(self) -> None:
        """Note that something was done, so that those who wait in the same lines go on waiting."""
        now = steady_seconds()
        for line in self._lines:
            line.moved = now

    def leave(self, *, moved: bool = True) -> None:
        """Give up all places."""
        lines, self._lines = self._lines, []
        for line in reversed(lines):
            line.holders.discard(self)
            line.leave(moved=moved)

    def _take(self, line: Line) -> None:
        line.holders.add(self)
        self._lines.append(line)


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
        self._locks_rows = locks_rows
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
        self._for_blocks = [Line(in_blocks, _NO_CONNECTION), *self._for_writes]
        self._mutex = threading.Lock()
        self._sessions: weakref.WeakValueDictionary[str, Line] = weakref.WeakValueDictionary()
        # a writer that has its turn must find a connection that no waiting block can occupy
        self._turn_first = not self._locks_rows or in_blocks < others

    async def read(self, limit: float) -> Permit:
        """Let a single read pass. If there is one connection for all, it waits for its holder."""
        line = self._turn if self._alone else self._all
        return await self._enter([line], limit, urgent=True)

    async def write(self, session: str | None, limit: float) -> Permit:
        """Let a single write pass. ``session`` is the one whose row it locks, if it is one."""
        if self._alone:
            return await self._enter([self._turn], limit)
        if not self._locks_rows:
            return await self._enter([self._turn, *self._for_writes], limit)
        turn = [] if session is None else [self._session(session)]
        return await self._enter(
            [*turn, *self._for_writes] if self._turn_first else [*self._for_writes, *turn], limit
        )

    async def block(self, *, read_only: bool, limit: float) -> Permit:
        """Let a ``transaction()`` block pass."""
        if self._alone:
            return await self._enter([self._turn], limit)
        if self._locks_rows or read_only:
            return await self._enter(self._for_blocks, limit)
        return await self._enter([self._turn, *self._for_writes], limit)

    async def write_in_block(self, permit: Permit, session: str | None, limit: float) -> None:
        """Let a write in a block pass, which keeps its turn at the session until the block ends.

        Raises:
            StoreBusyError: the block that has its turn there waits, directly or not, for this one.
        """
        if not self._locks_rows or session is None or session in permit.turns:
            return
        line = self._session(session)
        self._refuse_deadlock(permit, line)
        await permit.enter(line, limit)
        permit.turns.add(session)

    @property
    def _alone(self) -> bool:
        """Whether there is one connection for all. Also starts anew in a forked child."""
        if self._fork_depth != fork.depth:
            self._start_anew()
        return self._count == 1

    @staticmethod
    async def _enter(lines: Sequence[Line], limit: float, *, urgent: bool = False) -> Permit:
        permit = Permit()
        try:
            for line in lines:
                if not permit.enter_at_once(line):
                    await permit.enter(line, limit, urgent=urgent)
        except BaseException:
            permit.leave(moved=False)
            raise
        return permit

    def _session(self, session: str) -> Line:
        with self._mutex:
            line = self._sessions.get(session)
            if line is None:
                line = self._sessions[session] = Line(1, _NO_TURN)
            return line

    @staticmethod
    def _refuse_deadlock(permit: Permit, line: Line | None) -> None:
        """Refuse to wait at a session for one who waits, at another one, for ``permit``."""
        while line is not None and line.places == 1:
            if permit in line.holders:
                message = (
                    "deadlock: two transaction() blocks wait for each other's sessions. Nothing of"
                    " this one was written; run it again, and write to sessions in one order."
                )
                raise StoreBusyError(message)
            line = next((holder.awaited for holder in list(line.holders)), None)


_shared: weakref.WeakKeyDictionary[Engine, Scheduler] = weakref.WeakKeyDictionary()


def scheduler_of(engine: Engine, connections: int, *, locks_rows: bool) -> Scheduler:
    """The scheduler of a user's engine, which all repositories on it share."""
    scheduler = _shared.get(engine)
    if scheduler is None:
        scheduler = _shared[engine] = Scheduler(connections, locks_rows=locks_rows)
    return scheduler
