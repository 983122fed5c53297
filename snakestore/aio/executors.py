"""The interface by which asyncio runs synchronous code: ``threads`` and ``greenlets`` implement it.

A call that was started runs to its end, even if the task that started it is cancelled. So a
cancellation never reaches a driver in the middle of a statement.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any, Protocol, TypeVar

from snakestore.clock import steady_seconds
from snakestore.storage.execution.runner import Runner

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

SECONDS_TO_END = 0.5
"""How long a task that is cancelled waits for a call that itself waits for others."""


class Work(Protocol):
    """Something that runs, or is to be run."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""

    def abandon(self, then: Callable[[], None]) -> None:
        """Have ``then`` called once it has ended, in any thread. Nothing waits for it then.

        ``then`` may be called repeatedly. What has not begun will not be run.
        """


class Job(Work, Protocol[R_co]):
    """A call that runs, or is to be run."""

    def start(self) -> None:
        """Start the call. If an exception comes meanwhile, ``abandon`` is to be called."""

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until the call has ended, or for some seconds. May be cancelled and repeated."""

    def outcome(self) -> R_co:
        """Return what the call returned, or raise what it raised. Once, when it has ended."""


class Executor(Protocol):
    """Runs synchronous code."""

    def job(self, call: Callable[[], R], caller: object) -> Job[R]:
        """A call that is to be started, as a part of what ``caller`` does."""

    def start(self, call: Callable[[], R], caller: object) -> Job[R]:
        """Make a job of a call, and start it."""

    def start_unattended(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        """Start a call that nobody waits for, from any thread. ``then`` is called at its end."""

    def interrupt(self, job: Job[Any], runner: Runner) -> Job[None] | None:
        """End a statement of ``job`` that waits for another client of a server.

        Returns what to wait for before anything else is done with the connection of ``runner``.
        """

    def close(self) -> None:
        """Keep no thread that waits for calls."""


def outcome_of(job: Job[R], cancelled: asyncio.CancelledError | None) -> R:
    """What a call returned or raised, after a wait that outlasted a cancellation, if it did.

    A KeyboardInterrupt in a greenlet has ended the event loop then, whose end cancels the others.
    Another one would interrupt that.
    """
    try:
        return job.outcome()
    except (KeyboardInterrupt, SystemExit):
        if cancelled is None:
            raise
        raise cancelled from None


async def persist(start: Callable[[], Awaitable[None]]) -> asyncio.CancelledError | None:
    """Await ``start()``, again after each cancellation, until it ends by itself.

    Returns the last cancellation, which the caller raises when it has cleaned up.
    """
    cancelled: asyncio.CancelledError | None = None
    with ExitStack() as stack:
        while True:
            try:
                await start()
            except asyncio.CancelledError as error:
                if cancelled is None and "anyio" in sys.modules:
                    # a cancelled scope of anyio cancels anew in each turn of the event loop
                    from anyio import CancelScope  # noqa: PLC0415 - optional

                    stack.enter_context(CancelScope(shield=True))
                cancelled = error
            else:
                return cancelled


async def persist_for_a_while(job: Job[Any]) -> asyncio.CancelledError | None:
    """Wait for a call, and once it is cancelled, for at most half a second more.

    Returns the cancellation.

    Raises:
        CancelledError: the call has not ended by then. It waits for something itself.
    """
    try:
        await job.wait()
    except asyncio.CancelledError as error:
        deadline = steady_seconds() + SECONDS_TO_END
        await persist(lambda: job.wait(max(0.0, deadline - steady_seconds())))
        if not job.ended:
            raise
        return error
    return None
