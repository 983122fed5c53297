"""A caller that waits for an item of a queue, and how it is woken.

A thread is blocked; an asyncio task in a greenlet is suspended.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from snakestore.storage.execution.ownership import current_caller
from snakestore.storage.sqlalchemy_internals import in_greenlet, wait_for

T = TypeVar("T")


class Waiter(Generic[T]):
    """A caller that waits, and the item that it is given."""

    __slots__ = ("caller", "item", "signal")

    def __init__(self) -> None:
        """The present caller, without an item."""
        self.caller = current_caller()
        self.item: T | None = None
        self.signal = new_signal()


class _Signal(Protocol):
    """Wakes one caller."""

    def wait(self, timeout: float) -> bool:
        """Wait until ``set`` is called, or for ``timeout`` seconds. Returns whether it was."""

    def set(self) -> bool:
        """Wake the caller, from any thread. Returns False if its event loop is closed."""


def new_signal() -> _Signal:
    """A signal for the present thread, or task in a greenlet."""
    return _TaskSignal() if in_greenlet() else _ThreadSignal()


class _ThreadSignal:
    """Blocks a thread."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wait(self, timeout: float) -> bool:
        """Block the thread."""
        return self._lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX))

    def set(self) -> bool:
        """Wake the thread."""
        with suppress(RuntimeError):  # it was woken before
            self._lock.release()
        return True


class _TaskSignal:
    """Suspends an asyncio task, in a greenlet."""

    __slots__ = ("_future", "_loop")

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415 - loaded where there is such a greenlet

        self._loop = asyncio.get_running_loop()
        self._future = self._loop.create_future()

    def wait(self, timeout: float) -> bool:
        """Suspend the task."""
        from snakestore.storage.execution import loop_time  # noqa: PLC0415 - it loads asyncio

        wait_for(loop_time.wait_until_done(self._future, timeout))
        return self._future.done()

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
