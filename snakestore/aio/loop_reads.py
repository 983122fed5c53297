"""Small reads that run on the event loop's own thread.

A read of SQLite in WAL mode waits for nobody, and takes less time than handing it to a thread and
back. It runs on the event loop where an idle connection is open, the file need not be looked at,
and the answer is small. Otherwise, and whenever anything goes wrong, it runs in a thread as all
other methods do, and raises its errors there.

Two things would hold the event loop for longer than such a read takes:

- Pages that are not in memory. So the first read of a session in a while, and the first call of a
  method, which compiles its statement, run in a thread. A read that waited for the disk all the
  same sends the next ones to threads for a while.
- Tasks that await one read after the other, and never suspend. So after about a millisecond of them
  in one turn of the event loop, they wait for a later one (``loop_turns``).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Final

from snakestore.aio.dispatcher import Arguments, Keywords, Method
from snakestore.aio.loop_turns import LoopTurns
from snakestore.clock import steady_seconds
from snakestore.errors import StoreError
from snakestore.repository import SessionRepository
from snakestore.storage.execution.connection_source import NotAtOnceError
from snakestore.storage.execution.open_blocks import OpenBlocks
from snakestore.storage.execution.ownership import current_task_caller, run_for
from snakestore.storage.execution.retry import RetryLater

MAX_BYTES: Final = 64 * 2**10
"""The largest answer that is decoded on the event loop."""
MAX_ROWS: Final = 100
"""The most rows that are read there."""
SLOW_SECONDS: Final = 0.0005
"""A read that takes longer may have waited for the disk."""
MAX_SECONDS: Final = 0.002
"""A read that takes longer may have, where the system does not tell whether a thread did."""
FIRST_PAUSE, MAX_PAUSE = 0.05, 2.0
"""Seconds without reads on the event loop after such a read; twice as long if it was not enough."""
SECONDS_WARM: Final = 30.0
"""After so long, or twice, a session that was not read is read in a thread first."""
MAX_WARM: Final = 10_000
"""Likewise after so many other sessions, or twice."""

ELSEWHERE: Final = object()
"""Returned by ``attempt`` for a read that is to run in a thread."""
AFTER_OTHERS: Final = object()
"""Returned by ``attempt`` for a read that is to be attempted again in another turn of the loop."""


def _always(args: Arguments, kwargs: Keywords) -> bool:
    """Of methods that read one row, or a few at most."""
    del args, kwargs
    return True


def _few(*names: str, positional: int = 1) -> Callable[[Arguments, Keywords], bool]:
    """Tells by the arguments of a method whether it reads few rows, which an index has together.

    Args:
        *names: the arguments with which that can be so, of which "limit" or "last" says how few.
        positional: how many arguments before them may be given by position.
    """
    allowed = frozenset({"sid", "identifier", "program_id", "log", *names})

    def _is_few(args: Arguments, kwargs: Keywords) -> bool:
        count = kwargs.get("limit")
        if count is None:
            count = kwargs.get("last")
        return (
            type(count) is int
            and count <= MAX_ROWS
            and len(args) <= positional
            and allowed.issuperset(kwargs)
        )

    return _is_few


_NAMES = _few("limit", "prefix", "after", "reverse")
_VERSIONS = _few("limit", positional=2)
_ONE_ROW = (
    "get_session",
    "session_exists",
    "expired",
    "get_variable",
    "get_value",
    "has_variable",
    "get_variable_version",
    "get_program",
    "get_program_record",
    "has_program",
    "get_program_version",
    "log_length",
    "has_log",
)
SMALL: Final[dict[str, Callable[[Arguments, Keywords], bool]]] = {
    **dict.fromkeys(_ONE_ROW, _always),
    "variable_names": _NAMES,
    "program_ids": _NAMES,
    "list_variables": _few("limit", "reverse"),
    "variable_history": _VERSIONS,
    "program_history": _VERSIONS,
    "read_log": _few("limit", "last", "after", "before", positional=2),
}
"""The methods that may run on the event loop, and what tells by the arguments of a call."""


def _never(args: Arguments, kwargs: Keywords) -> bool:
    """Of methods that were not called yet, and of those that may read much."""
    del args, kwargs
    return False


class _Here(threading.local):
    """What is counted for the event loop of each thread."""

    def __init__(self) -> None:
        self.turns = LoopTurns(None)
        self.disk_reads = _disk_reads()


class LoopReads:
    """Runs reads at once, where nothing makes them wait."""

    def __init__(self, repository: SessionRepository, blocks: OpenBlocks) -> None:
        """Run methods of ``repository``, whose runner is an ``AutocommitRunner.at_once``.

        Args:
            repository: the repository.
            blocks: the open blocks of the database.
        """
        self._repository = repository
        self._blocks = blocks
        self._here = _Here()
        self._calls: dict[Hashable, Callable[[Arguments, Keywords], bool]] = {}
        """Methods that were called, with the arguments on which their statements depend."""
        self._refused: set[Hashable] = set()
        """Lists that were too large lately."""
        self._warm: set[str] = set()
        """Sessions that were read lately, and those of the time before."""
        self._less_warm: set[str] = set()
        self._warm_until = steady_seconds() + SECONDS_WARM
        self._pause = 0.0
        self._paused_until = 0.0

    def attempt(
        self, method: Method[Any], args: Arguments, kwargs: Keywords, *, waited: bool = False
    ) -> Any:
        """Run a method that reads little. Never waits.

        Returns its result, or ELSEWHERE or, unless the task has ``waited``, AFTER_OTHERS.

        Raises:
            SnakeStoreError: as the method, if that has to do with what is stored.
        """
        turns, began = self._here.turns, steady_seconds()
        if (
            began < self._paused_until
            or not self._calls.get(_shape(method, kwargs), _never)(args, kwargs)
            or not self._is_warm(_session(args, kwargs), began)
            or (self._refused and _list(method, args, kwargs) in self._refused)
        ):
            return ELSEWHERE
        if turns.used_up and not waited:
            return AFTER_OTHERS
        try:
            if self._blocks:  # which one is the caller's matters
                call = partial(method, self._repository, *args, **kwargs)
                return run_for(current_task_caller(), call)
            return method(self._repository, *args, **kwargs)
        except (NotAtOnceError, RetryLater):
            return ELSEWHERE
        except StoreError:
            if SMALL.get(method.__name__) is not _always:
                self._refused.add(_list(method, args, kwargs))
            return ELSEWHERE
        finally:
            ended = steady_seconds()
            turns.reads += 1
            turns.seconds += ended - began
            if ended - began > SLOW_SECONDS:
                self._note_slow(began, ended)

    async def wait(self) -> None:
        """Wait for a turn of the event loop in which the task may read."""
        here, loop = self._here, asyncio.get_running_loop()
        if here.turns.loop is None:
            here.turns.loop = loop
        elif here.turns.loop is not loop:
            here.turns = LoopTurns(loop)
        await here.turns.wait()

    def note(self, method: Method[Any], args: Arguments, kwargs: Keywords) -> None:
        """Note that a read ran in a thread, so that the next of its kind need not."""
        is_small = SMALL.get(method.__name__)
        if is_small is None:
            return
        self._calls[_shape(method, kwargs)] = is_small
        session = _session(args, kwargs)
        if session is not None:
            self._add_warm(session)

    def _is_warm(self, session: str | None, now: float) -> bool:
        if now >= self._warm_until:
            self._cool(now)
        if session in self._warm:
            return True
        if session is None or session not in self._less_warm:
            return False
        self._add_warm(session)
        return True

    def _add_warm(self, session: str) -> None:
        if len(self._warm) >= MAX_WARM:
            self._less_warm, self._warm = self._warm, set()
        self._warm.add(session)

    def _cool(self, now: float) -> None:
        """Forget the sessions that were not read for a while."""
        idle = now >= self._warm_until + SECONDS_WARM
        self._less_warm = set() if idle else self._warm
        self._warm = set()
        self._warm_until = now + SECONDS_WARM
        self._refused = set()

    def _note_slow(self, began: float, ended: float) -> None:
        """Read in threads for a while, if a slow read waited for the disk."""
        here = self._here
        before, here.disk_reads = here.disk_reads, _disk_reads()
        if before == here.disk_reads and (before is not None or ended - began < MAX_SECONDS):
            return  # this thread did not get the processor, or the interpreter
        soon = ended < self._paused_until + MAX_PAUSE
        self._pause = min(2 * self._pause, MAX_PAUSE) if soon else FIRST_PAUSE
        self._paused_until = ended + self._pause
        self._warm, self._less_warm = set(), set()


def _session(args: Arguments, kwargs: Keywords) -> str | None:
    session = args[0] if args else kwargs.get("sid")
    return session if type(session) is str else None


def _shape(method: Method[Any], kwargs: Keywords) -> Hashable:
    """What the statements of a call depend on."""
    return (method, *kwargs, bool(kwargs.get("reverse"))) if kwargs else method


def _list(method: Method[Any], args: Arguments, kwargs: Keywords) -> Hashable:
    """Which list a call reads, without its bounds other than the number of rows."""
    return method, _session(args, kwargs), kwargs.get("limit"), kwargs.get("last")


def _disk_reads() -> int | None:
    """How often this thread has read from a disk; None where the system does not tell."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        return resource.getrusage(resource.RUSAGE_THREAD).ru_inblock
    except (ImportError, AttributeError):
        return None
