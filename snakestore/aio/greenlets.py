"""Runs synchronous code for asyncio in SQLAlchemy's greenlets, on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from snakestore.aio.executors import Job
from snakestore.storage.execution import loop_time
from snakestore.storage.execution.ownership import run_for
from snakestore.storage.execution.runner import Runner
from snakestore.storage.sqlalchemy_internals import greenlet_spawn

R = TypeVar("R")

logger = logging.getLogger("snakestore.aio")


class _TaskJob(Generic[R]):
    """A call that runs in a greenlet, in a task of its own."""

    def __init__(self, task: asyncio.Task[R]) -> None:
        self._task = task

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the end of the call, see ``Job``."""
        if not self._task.done():
            await loop_time.wait_until_done(self._task, seconds)

    @property
    def ended(self) -> bool:
        """Whether there is an outcome."""
        return self._task.done()

    def outcome(self) -> R:
        """Return or raise what the call did, see ``Job``."""
        return self._task.result()

    def abandon(self, then: Callable[[], None]) -> None:
        """Clean up with ``then`` at the end of the call, see ``Job``."""

        def end(task: asyncio.Task[R]) -> None:
            if not task.cancelled():
                task.exception()  # or asyncio reports that nobody retrieved it
            then()

        self._task.add_done_callback(end)

    def cancel(self) -> None:
        """Cancel the task, and so the driver."""
        self._task.cancel()


def job_of(task: asyncio.Task[R]) -> Job[R]:
    """A task as a call that was started."""
    return _TaskJob(task)


class GreenletExecutor:
    """Runs calls in SQLAlchemy's greenlets, on the event loop, for binds of the user's."""

    def __init__(self, *, remote: bool) -> None:
        """Run calls.

        Args:
            remote: whether the database is a server, whose drivers can be interrupted.
        """
        self._remote = remote
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self, call: Callable[[], R], caller: object) -> Job[R]:
        """Start a call in a greenlet."""
        task = asyncio.get_running_loop().create_task(greenlet_spawn(run_for, caller, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return _TaskJob(task)

    def start_unattended(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        """Start a call that nobody waits for, if an event loop is running here."""
        try:
            job = self.start(call, None)
        except RuntimeError:
            logger.warning("a transaction() was abandoned after its event loop ended")
            then()
        else:
            job.abandon(then)

    def interrupt(self, job: Job[Any], runner: Runner) -> Job[None] | None:
        """Cancel the driver. SQLAlchemy then drops the connection."""
        del runner
        if self._remote and isinstance(job, _TaskJob):
            job.cancel()  # aiosqlite cannot be interrupted, and its waits are bounded
        return None

    def close(self) -> None:
        """Nothing is kept."""
