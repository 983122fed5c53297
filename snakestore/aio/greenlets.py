"""Runs synchronous code for asyncio in SQLAlchemy's greenlets, on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
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

    def __init__(
        self, call: Callable[[], R], create: Callable[[Callable[[], Any]], asyncio.Task[Any]]
    ) -> None:
        # the task takes it when it begins, and so does one that gives up: the first decides
        self._calls = [call]
        self._create = create
        self._task: asyncio.Task[R] | None = None
        self._given_up = False

    def start(self) -> None:
        """Start the call, see ``Job``."""
        self._task = self._create(self._run)

    def _run(self) -> R | None:
        return self._calls.pop()() if self._calls else None

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the end of the call, see ``Job``."""
        assert self._task is not None  # noqa: S101 - it was started
        if not self._task.done():
            await loop_time.wait_until_done(self._task, seconds)

    @property
    def ended(self) -> bool:
        """Whether there is an outcome, or none will come."""
        return self._given_up or (self._task is not None and self._task.done())

    def outcome(self) -> R:
        """Return or raise what the call did, see ``Job``."""
        assert self._task is not None  # noqa: S101 - it was started
        return self._task.result()

    def abandon(self, then: Callable[[], None]) -> None:
        """Clean up with ``then`` at the end of the call, see ``Job``."""
        if self._calls:
            self._given_up = True
            self._calls.clear()
        self.when_ended(then)

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call ``then`` when the call has ended, or now if it has."""
        if self.ended:
            then()
        elif self._task is not None:
            self._task.add_done_callback(partial(_end, then))

    @property
    def begun(self) -> bool:
        """Whether the call was begun."""
        return not self._calls

    def cancel(self) -> None:
        """Cancel the task, and so the driver."""
        if self._task is not None:
            self._task.cancel()


def _end(then: Callable[[], None], task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # or asyncio reports that nobody retrieved it
    then()


class _StartedJob(_TaskJob[R]):
    """A task that was started elsewhere, as a job."""

    def __init__(self, task: asyncio.Task[R]) -> None:
        self._calls = []
        self._task = task
        self._given_up = False


def job_of(task: asyncio.Task[R]) -> Job[R]:
    """A task as a call that was started."""
    return _StartedJob(task)


class GreenletExecutor:
    """Runs calls in SQLAlchemy's greenlets, on the event loop, for binds of the user's."""

    def __init__(self, *, remote: bool) -> None:
        """Run calls.

        Args:
            remote: whether the database is a server, whose drivers can be interrupted.
        """
        self._remote = remote
        self._tasks: set[asyncio.Task[object]] = set()

    def job(self, call: Callable[[], R], caller: object) -> Job[R]:
        """A call that is to be started in a greenlet."""
        return _TaskJob(call, partial(self._create, caller))

    def _create(self, caller: object, run: Callable[[], Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(greenlet_spawn(run_for, caller, run))
        self._tasks.add(task)  # the event loop refers to it weakly
        task.add_done_callback(self._tasks.discard)
        return task

    def start(self, call: Callable[[], R], caller: object) -> Job[R]:
        """Make a job of a call, and start it, see ``Executor``."""
        job = self.job(call, caller)
        job.start()
        return job

    def start_unattended(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        """Start a call that nobody waits for, if an event loop is running here."""
        job = _TaskJob(call, partial(self._create, None))
        try:
            job.start()
        except RuntimeError:
            logger.warning("a transaction() was abandoned after its event loop ended")
            then()
        else:
            job.when_ended(partial(self._end_unattended, job, call, then))

    def _end_unattended(
        self, job: _TaskJob[Any], call: Callable[[], object], then: Callable[[], None]
    ) -> None:
        if job.begun:
            then()
        else:  # asyncio.run has cancelled all tasks
            self.start_unattended(call, then)

    def interrupt(self, job: Job[Any], runner: Runner) -> Job[None] | None:
        """Cancel the driver. SQLAlchemy then drops the connection."""
        del runner
        if self._remote and isinstance(job, _TaskJob):
            job.cancel()  # aiosqlite cannot be interrupted, and its waits are bounded
        return None

    def close(self) -> None:
        """Nothing is kept."""
