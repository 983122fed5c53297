"""A queue of free items that callers take in turns: first come, first served.

An item that is put back goes directly to the caller that has waited longest. While nobody waits,
``get`` and ``put`` cost one operation of a deque. The operating system measures the time, so
waiting also ends where a test tool has stopped Python's clocks.

An exception from outside (a signal handler's, ``KeyboardInterrupt``) may come after any call. It
loses no item: popping, storing and noting the owner is one statement without a call, and an item
that has an owner is put back by it, or taken back from it. A place that is lost nevertheless comes
back when it is collected. Waiters look for items a few times a second, in case an exception came to
the caller that should have woken them.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import get_ident
from typing import Any, Generic, Protocol, TypeVar

from snakestore.storage import fork
from snakestore.storage.execution.waiter import Waiter

LOOK_AGAIN = 0.25
"""How often a waiter looks for items itself, in seconds."""


class Item(Protocol):
    """What a queue gives out."""

    owner: object | None
    """Who has it: a thread, by its number, or a ``transaction()``; None where it is free."""


T = TypeVar("T", bound=Item)


class NoneFreeError(Exception):
    """No item was free in time. Not a TimeoutError, which a signal handler may raise."""


class DeadlockError(Exception):
    """Every item is held by a caller that waits here for another one."""


class BlockOwner:
    """Stands for a ``transaction()`` block as the owner of what it uses."""

    __slots__ = ("opener",)

    def __init__(self) -> None:
        self.opener: object = None
        """The caller that opened the block, and alone can end it."""


class Place:
    """An item that stands for one use of something. A place that is lost comes back."""

    __slots__ = ("__weakref__", "_queue", "owner")

    def __init__(self, queue: FairQueue[Any]) -> None:
        """A free place of ``queue``, to be put there."""
        self.owner: object | None = None
        self._queue = weakref.ref(queue)

    def __del__(self) -> None:
        queue = self._queue()
        if queue is not None:
            queue.add(Place(queue))


class _Items(deque[T]):
    __slots__ = ()
    popped = property(deque.pop)
    """Pops the last item. This is no call of Python's, after which an exception may come."""


class FairQueue(Generic[T]):
    """Free items, and the callers that wait for one."""

    def __init__(
        self,
        before_wait: Callable[[], None] | None = None,
        owners: Callable[[], list[object]] | None = None,
    ) -> None:
        """Start without items.

        Args:
            before_wait: called before a caller waits, and may raise.
            owners: the owners of all items, where these are not the ones that were added. None: of
                those.
        """
        self.items: _Items[T] = _Items()
        """The free items, of which the last one is given out first."""
        self.places: fork.WeakRegistry[T] = fork.WeakRegistry()
        """The items that were added, free or not."""
        self._waiters: deque[Waiter[T]] = deque()
        self._mutex = threading.RLock()  # reentrant: a finalizer may put an item back at any time
        self._before_wait = before_wait
        self._owners = owners or (lambda: [each.owner for each in self.places])
        self._held_back = False
        self._direct = True
        """Whether an item may be taken without queueing: nobody waits and nothing is held back."""

    def get(self, timeout: float) -> T:
        """Take an item, after all callers that have waited longer. The thread becomes its owner.

        Raises:
            NoneFreeError: none was free within ``timeout`` seconds.
            DeadlockError: none will be before a caller that waits gives up.
        """
        here = get_ident()
        item: T
        if self._direct:
            try:
                item, item.owner = self.items.popped, here
            except IndexError:
                pass  # none is free
            else:
                return item
        return self._wait(timeout, here)

    def get_at_once(self) -> T | None:
        """Take an item if one is free and nobody waits; else None."""
        if not self._direct:
            return None
        here = get_ident()  # first: no call may come between popping and noting the owner
        item: T
        try:
            item, item.owner = self.items.popped, here
        except IndexError:
            return None
        return item

    def put(self, item: T) -> None:
        """Put an item back, to be given out next. Does nothing if it was put back."""
        owner = item.owner
        if owner is None:
            return
        try:
            item.owner = None
            self.items.append(item)
        except BaseException:
            self._restore(item, owner)
            raise
        if not self._direct:
            self._serve()

    def _restore(self, item: T, owner: object) -> None:
        """Let the owner put back an item again, if an exception came before it was free."""
        if item.owner is None and item not in self.items:
            item.owner = owner

    def put_last(self, item: T) -> None:
        """Put an item back, to be given out after all others."""
        owner = item.owner
        if owner is None:
            return
        try:
            item.owner = None
            self.items.appendleft(item)
        except BaseException:
            self._restore(item, owner)
            raise
        if not self._direct:
            self._serve()

    def add(self, item: T) -> None:
        """Put a new item, to be given out after all others."""
        self.places.add(item)
        self.items.appendleft(item)
        if not self._direct:
            self._serve()

    def free(self) -> list[T]:
        """The items that are free now. They stay free."""
        return list(self.items)

    def remove(self, item: T) -> bool:
        """Take this very item, if it is free. Returns whether it was."""
        try:
            self.items.remove(item)
            item.owner = get_ident()
        except ValueError:
            return False
        return True

    def hold_back(self) -> list[T]:
        """Take all free items, and give out nothing until ``resume``."""
        with self._mutex:
            self._held_back = True
            self._direct = False
            taken: list[T] = []
            with suppress(IndexError):
                while True:
                    item, item.owner = self.items.popped, self
                    taken.append(item)
            return taken

    def resume(self, items: Iterable[T]) -> None:
        """Put ``items`` back, and give out items again."""
        with self._mutex:
            self._held_back = False
            for item in items:
                item.owner = None
                self.items.appendleft(item)
            self._serve()

    def _serve(self) -> None:
        """Give free items to waiting callers."""
        with self._mutex:
            while self._waiters and not self._held_back:
                waiter = self._waiters[0]
                if waiter.item is None:
                    try:
                        waiter.item, waiter.item.owner = self.items.popped, waiter
                    except IndexError:
                        break
                if not waiter.signal.set():
                    item, waiter.item = waiter.item, None
                    item.owner = None
                    self.items.append(item)
                with suppress(ValueError):
                    self._waiters.remove(waiter)
            self._direct = not (self._waiters or self._held_back)

    def _wait(self, timeout: float, here: int) -> T:
        if self._before_wait is not None:
            self._before_wait()
        waiter: Waiter[T] = Waiter()
        try:
            with self._mutex:
                self._direct = False
                self._waiters.append(waiter)
                self._serve()  # an item may have been put back since get looked for one
                if waiter.item is None:
                    self._refuse_deadlock()
            while waiter.item is None:
                waiter.signal.wait(min(timeout, LOOK_AGAIN))
                timeout -= LOOK_AGAIN
                if waiter.item is None and timeout <= 0:
                    self._leave(waiter)
                    break
                self._serve()
            if waiter.item is not None:
                waiter.item.owner = here
                return waiter.item
        except BaseException:
            self._leave(waiter)
            if waiter.item is not None:
                self.put(waiter.item)
            raise
        raise NoneFreeError

    def _refuse_deadlock(self) -> None:
        """Refuse to wait where every item is held by a caller that waits for another one.

        Raises:
            DeadlockError: so it is.
        """
        waiting = [each.caller for each in self._waiters]
        holders = [
            owner.opener if isinstance(owner, BlockOwner) else owner for owner in self._owners()
        ]
        if holders and all(holder is not None and holder in waiting for holder in holders):
            raise DeadlockError

    def _leave(self, waiter: Waiter[T]) -> None:
        """Stop waiting. Afterwards the waiter gets no item."""
        with self._mutex:
            with suppress(ValueError):
                self._waiters.remove(waiter)
            self._serve()


def places(
    count: int,
    before_wait: Callable[[], None] | None = None,
    owners: Callable[[], list[object]] | None = None,
) -> FairQueue[Any]:
    """A queue of ``count`` places; the other arguments are those of ``FairQueue``."""
    queue: FairQueue[Any] = FairQueue(before_wait, owners)
    for _ in range(count):
        queue.add(Place(queue))
    return queue
