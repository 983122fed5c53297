"""The turns of threads at SQLite's write lock: first come, first served.

Threads that each ask SQLite for its lock until they get it cost more than they write. So one thread
of a repository asks at a time, and the others wait for their turn, or until the thread whose turn
it is has done their write with its own (``group_commit``).

SQLite's lock alone keeps writes apart. The turn only saves work, so a thread need not rely on it:
one that has waited for long while nothing moved takes the turn. That is also what becomes of a turn
that exceptions from outside have kept from ending.

There is no mutex, which such an exception could leave locked. Each step is one operation of a list,
deque or dict. Who moves the entry of a waiting thread decides what becomes of it, and moving it is
one statement without a call of Python code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from snakestore.storage import fork
from snakestore.storage.execution.group_commit import Companion
from snakestore.storage.execution.runner import Runner
from snakestore.storage.execution.waiter import Waiter, new_signal

R = TypeVar("R")

LOOK_AGAIN = 0.25
"""How often a thread that waits looks itself whether it is its turn, in seconds."""
PATIENCE = 0.5
"""How long a thread waits while the turn does not change, in seconds."""
TURN: Final = "turn"
"""The only key of ``WriteTurn.holder``."""
_INTERRUPTIONS = (None,) * 100
"""How many exceptions from outside do not end a wait. A tuple: calls may be interrupted."""
_pop = list.pop


class OutOfTimeError(Exception):
    """It was not the thread's turn in time. Nothing was written."""


class WaitingWrite(Waiter[R]):
    """A thread that waits for its turn, and its write.

    Its entry is in ``free`` while it waits, in ``served`` when it has got its turn, in
    ``withdrawn`` when it has given up, and with another thread while that does the write.
    """

    __slots__ = ("companion", "free", "gone", "served", "withdrawn")

    def __init__(self, write: Callable[[Runner], R], *, alone: bool) -> None:
        """The present thread, or task in a greenlet, with a write of its own."""
        super().__init__()
        self.companion: Companion[R] = Companion(write, self.caller, alone=alone)
        self.free: list[Entry] = [(self, self.companion)]
        self.served: list[Entry] = []
        self.withdrawn: list[Entry] = []
        self.gone = False
        """Whether it waits no more, and needs no turn."""


Entry = tuple[WaitingWrite[Any], Companion[Any]]


class WriteTurn(fork.Participant):
    """Which thread of one repository may ask for the write lock."""

    def __init__(self) -> None:
        self.holder: dict[str, object] = {}
        """What has the turn, if anything: a ``WaitingWrite``, or a list of the thread that came
        when nobody waited. To take it, ``setdefault`` is one step."""
        self.waiting: deque[WaitingWrite[Any]] = deque()
        fork.register(self)

    def after_fork_in_child(self) -> None:
        """Forget the threads of the parent, which are not in the child."""
        self.holder.clear()
        self.waiting.clear()

    def has_come(self, caller: object) -> bool:
        """Whether a caller has the turn, or waits for it, and so must not wait again.

        That is, a signal handler or finalizer has interrupted it there.
        """
        holder = self.holder.get(TURN)
        came = [*self.waiting, holder] if isinstance(holder, WaitingWrite) else [*self.waiting]
        return holder == [caller] or any(each.caller == caller for each in came)

    def end(self, holder: object) -> None:
        """Let the thread that waits first have the turn, if ``holder`` has it. May be repeated."""
        self._free(holder)
        if self.waiting:
            self.serve()

    def leave(self, waiting: WaitingWrite[Any]) -> None:
        """End the turn of a thread that has waited, and comes back no more. May be repeated."""
        waiting.gone = True
        self.end(waiting)

    def wait(self, waiting: WaitingWrite[Any], limit: float) -> float:
        """Wait until it is the thread's turn, or its write has ended.

        Returns how many of ``limit`` seconds are left.

        Raises:
            OutOfTimeError: neither was so within ``limit`` seconds.
        """
        try:
            self.waiting.append(waiting)
            self.serve()  # the turn may have ended a moment ago
            return self._wait(waiting, limit)
        except BaseException:
            self._withdraw(waiting)
            raise

    def _wait(self, waiting: WaitingWrite[Any], left: float) -> float:
        seen: object = None
        patience = PATIENCE
        while not (waiting.served or waiting.companion.ended):
            if left <= 0 and _moved(waiting, waiting.withdrawn):
                raise OutOfTimeError
            holder = self.holder.get(TURN)
            if holder is not seen:
                seen, patience = holder, PATIENCE
            elif patience <= 0 and _moved(waiting, waiting.served):
                self.holder[TURN] = waiting
                break
            seconds = min(max(left, 0.001), LOOK_AGAIN)
            if not waiting.signal.wait(seconds):
                left -= seconds
                patience -= seconds
            if waiting.free and waiting not in self.waiting:
                waiting.signal = new_signal()
                self.waiting.appendleft(waiting)
            self.serve()
        return left

    def _withdraw(self, waiting: WaitingWrite[Any]) -> None:
        """Write nothing any more, or wait until what another thread has begun has ended."""
        for _ in _INTERRUPTIONS:
            try:
                while not (
                    waiting.served
                    or waiting.withdrawn
                    or _moved(waiting, waiting.withdrawn)
                    or waiting.companion.ended
                ):
                    waiting.signal.wait(LOOK_AGAIN)
                self._discard(waiting)
                break
            except BaseException:  # noqa: BLE001, S112 - the first one is raised
                continue

    def take_companion(self, taken: list[Entry]) -> bool:
        """Move the thread that waits first to ``taken``, see ``group_commit.Waiting``."""
        while (first := self._first()) is not None:
            if first.companion.alone and first.free:
                break
            moved = _moved(first, taken)
            self._discard(first)
            if moved:
                return True
        return False

    def put_back(self, waiting: Sequence[WaitingWrite[Any]]) -> None:
        """Let threads wait again, first and in their order."""
        for each in reversed(waiting):
            if not each.free:
                each.free.append((each, each.companion))
            if each not in self.waiting:
                self.waiting.appendleft(each)

    def wake_all(self, waiting: Sequence[WaitingWrite[Any]]) -> None:
        """Wake threads whose write has ended."""
        for each in waiting:
            each.signal.set()

    def serve(self) -> None:
        """Give the turn, if it is free, to the thread that waits first."""
        while (first := self._first()) is not None:
            if first.free:
                if self.holder.setdefault(TURN, first) is not first:
                    return
                if _moved(first, first.served):
                    first.signal.set()
            if first.gone or not first.served:  # it was moved meanwhile
                self._free(first)
            self._discard(first)

    def _first(self) -> WaitingWrite[Any] | None:
        try:
            return self.waiting[0]
        except IndexError:
            return None

    def _free(self, holder: object) -> None:
        if self.holder.get(TURN) is holder:
            self.holder.pop(TURN, None)

    def _discard(self, waiting: WaitingWrite[Any]) -> None:
        with suppress(ValueError):
            self.waiting.remove(waiting)


def _moved(waiting: WaitingWrite[Any], target: list[Entry]) -> bool:
    """Move the entry of a thread that waits to ``target``. Returns False if it was moved before."""
    try:
        target.extend(map(_pop, (waiting.free,)))
    except IndexError:
        return False
    return True
