"""A queue of free items that callers take in turns: first come, first served.

An item that is put back goes directly to the caller that has waited longest; nobody polls. While
nobody waits, ``get`` and ``put`` cost one operation of a deque. The operating system measures the
time, so waiting also ends where a test tool has stopped Python's clocks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar, cast

from snakestore.storage.sqlalchemy_internals import in_greenlet, wait_for

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Free items, and the callers that wait for one."""

    def __init__(self, items: Iterable[T]) -> None:
        """Start with ``items``, of which the last one is given out first."""
        self._free: deque[T] = deque(items)
        self._waiters: deque[_Waiter[T]] = deque()
        self._mutex = threading.RLock()  # reentrant: a finalizer may put an item back at any time
        self._held_back = False
        self._direct = True
        """Whether an item may be taken without queueing: nobody waits and nothing is held back."""

    def get(self, timeout: float) -> T:
        """Take an item, after all callers that have waited longer.

        Raises:
            TimeoutError: none was free within ``timeout`` seconds.
        """
        if self._direct:
            try:
                return self._free.pop()
            except IndexError:
                pass  # none is free
        return self._wait(timeout)

    def put(self, item: T) -> None:
        """Put an item back, to be given out next."""
        self._free.append(item)
        if not self._direct:
            self._serve()

    def put_last(self, item: T) -> None:
        """Put an item back, to be given out after all others."""
        self._free.appendleft(item)
        if not self._direct:
            self._serve()

    def free(self) -> list[T]:
        """The items that are free now. They stay free."""
        return list(self._free)

    def remove(self, item: T) -> bool:
        """Take this very item, if it is free. Returns whether it was."""
        try:
            self._free.remove(item)
        except ValueError:
            return False
        return True

    def hold_back(self) -> list[T]:
        """Take all free items, and give out nothing until ``resume``."""
        with self._mutex:
            self._held_back = True
            self._direct = False
            items: list[T] = []
            with suppress(IndexError):
                while True:
                    items.append(self._free.pop())
            return items

    def resume(self, items: Iterable[T]) -> None:
        """Put ``items`` back, and give out items again."""
        with self._mutex:
            self._held_back = False
            self._free.extendleft(items)
            self._serve()

    def _serve(self) -> None:
        """Give free items to waiting callers."""
        with self._mutex:
            while self._waiters and not self._held_back:
                try:
                    item = self._free.pop()
                except IndexError:
                    break
                if not self._waiters.popleft().give(item):
                    self._free.append(item)
            self._direct = not (self._waiters or self._held_back)

    def _wait(self, timeout: float) -> T:
        waiter: _Waiter[T] = _Waiter()
        try:
            with self._mutex:
                self._direct = False
                self._waiters.append(waiter)
                self._serve()  # an item may have been put back since get looked for one
            waiter.signal.wait(timeout)
        except BaseException:
            if not self._leave(waiter):
                self.put(cast("T", waiter.item))
            raise
        if self._leave(waiter):
            raise TimeoutError
        return cast("T", waiter.item)

    def _leave(self, waiter: _Waiter[T]) -> bool:
        """Stop waiting. Returns False if the waiter has got an item."""
        with self._mutex:
            if waiter.served:
                return False
            with suppress(ValueError):
                self._waiters.remove(waiter)
            self._serve()
            return True


class _Waiter(Generic[T]):
    """A caller that waits, and the item that it is given."""

    __slots__ = ("item", "served", "signal")

    def __init__(self) -> None:
        self.item: T | None = None
        self.served = False
        self.signal: _Signal = _TaskSignal() if in_greenlet() else _ThreadSignal()

    def give(self, item: T) -> bool:
        """Hand over an item. Returns False if the caller can no longer take it."""
        self.item = item
        self.served = self.signal.set()
        return self.served


class _Signal(Protocol):
    """Wakes one caller."""

    def wait(self, timeout: float) -> None:
        """Wait until ``set`` is called, or for ``timeout`` seconds."""

    def set(self) -> bool:
        """Wake the caller, from any thread. Returns False if its event loop is closed."""


class _ThreadSignal:
    """Blocks a thread."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self, timeout: float) -> None:
        """Block the thread."""
        self._lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX))

    def set(self) -> bool:
        """Wake the thread."""
        self._lock.release()
        return True


class _TaskSignal:
    """Suspends an asyncio task, in a greenlet."""

    __slots__ = ("_future", "_loop")

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415 - loaded where there is such a greenlet

        self._loop = asyncio.get_running_loop()
        self._future = self._loop.create_future()

    def wait(self, timeout: float) -> None:
        """Suspend the task."""
        import asyncio  # noqa: PLC0415 - loaded where there is such a greenlet

        wait_for(asyncio.wait([self._future], timeout=timeout))

    def set(self) -> bool:
        """Wake the task."""
        try:
            self._loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _resolve(self) -> None:
        if not self._future.done():
            self._future.set_result(None)
