"""A hand-written store awaited through ``asyncio.to_thread``, with a connection for each thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from benchmarks.work import Bench, read_by, written_by
from benchmarks.workload import NAMES, READS, UPDATED, UPDATES


class Store(Protocol):
    """The operations of a hand-written store."""

    def get_value(self, sid: str, identifier: str, /) -> Any:
        """Read a value."""

    def update(self, sid: str, identifier: str, value: Any, /) -> Any:
        """Update a value."""

    def close(self) -> None:
        """Close its connection."""


class ThreadedStore:
    """The store, awaited."""

    def __init__(self, opener: Callable[[], Store]) -> None:
        self._opener = opener
        self._held = threading.local()
        self._opened: list[Store] = []

    async def get_value(self, sid: str, name: str) -> Any:
        """Read a value."""
        return await asyncio.to_thread(self._get_value, sid, name)

    async def update(self, sid: str, name: str, value: Any) -> Any:
        """Update a value."""
        return await asyncio.to_thread(self._update, sid, name, value)

    def close(self) -> None:
        """Close the connections of all threads."""
        for store in self._opened:
            store.close()

    def _mine(self) -> Store:
        if not hasattr(self._held, "store"):
            self._held.store = self._opener()
            self._opened.append(self._held.store)
        store: Store = self._held.store
        return store

    def _get_value(self, sid: str, name: str) -> Any:
        return self._mine().get_value(sid, name)

    def _update(self, sid: str, name: str, value: Any) -> Any:
        return self._mine().update(sid, name, value)


def threaded(opener: Callable[[], Store], rows: str) -> Bench:
    """The implementation for the rows whose keys start with ``rows``."""
    loop = asyncio.new_event_loop()
    store = ThreadedStore(opener)
    makers = {
        f"{rows}-get": lambda: read_by(loop, store.get_value, READS, NAMES),
        f"{rows}-update": lambda: written_by(loop, store.update, UPDATES, UPDATED),
    }
    return Bench(makers, [lambda: close_loop(loop), store.close])


def close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that are left, end the worker threads of the loop, then the loop."""
    loop.run_until_complete(_ended(asyncio.all_tasks(loop)))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
