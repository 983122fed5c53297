"""How steps are run: by calling the methods of a repository, or by awaiting them."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

from snakestore.errors import StoreError
from snakestore.integrations.langgraph.steps import (
    Steps,
    run,
    run_at_once,
    run_awaiting,
    run_awaiting_at_once,
)
from snakestore.integrations.opening import AsyncHandle, Handle

T = TypeVar("T")


class Runner(Protocol):
    """Runs steps. With ``at_once`` they are one transaction, else each is its own."""

    def run(self, steps: Steps[T], *, at_once: bool = False) -> T:
        """Run steps and return their result."""

    async def arun(self, steps: Steps[T], *, at_once: bool = False) -> T:
        """As ``run``, awaited."""


class CallingRunner:
    """Calls the methods of a SessionRepository, awaited ones in a worker thread."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def run(self, steps: Steps[T], *, at_once: bool = False) -> T:
        """Run steps in this thread."""
        return (run_at_once if at_once else run)(self._handle.repository, steps)

    async def arun(self, steps: Steps[T], *, at_once: bool = False) -> T:
        """Run steps in a worker thread."""
        return await asyncio.to_thread(self.run, steps, at_once=at_once)


class AwaitingRunner:
    """Awaits the methods of an AsyncSessionRepository."""

    def __init__(self, handle: AsyncHandle) -> None:
        self._handle = handle

    async def arun(self, steps: Steps[T], *, at_once: bool = False) -> T:
        """Run steps on the event loop."""
        repository = await self._handle.repository()
        return await (run_awaiting_at_once if at_once else run_awaiting)(repository, steps)

    def run(self, steps: Steps[T], *, at_once: bool = False) -> T:
        """Run steps in a thread that has no event loop.

        Raises:
            StoreError: if the thread has one.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.arun(steps, at_once=at_once))
        message = (
            "a method that is not awaited was called on the event loop, which it would block."
            " Await the one whose name starts with 'a' (ainvoke, aget_state, aput), or use a"
            " SessionRepository."
        )
        raise StoreError(message)
