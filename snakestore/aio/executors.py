"""Where synchronous code runs for asyncio: in worker threads, or in SQLAlchemy's greenlets.

A call that was started goes on to its end, whatever becomes of the task that started it. So a
cancellation never reaches a driver in the middle of a statement.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from snakestore.storage import fork
from snakestore.storage.execution.joined import TransactionBlockRunner
from snakestore.storage.execution.ownership import run_for
from snakestore.storage.execution.runner import Runner
from snakestore.storage.sqlalchemy_internals import greenlet_spawn

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

IDLE_SECONDS = 30.0
"""How long a worker thread waits for a call before it ends."""
SECONDS_TO_END = 0.5
"""How long a task that is cancelled waits for a call that itself waits for others."""

logger = logging.getLogger("snakestore.aio")


class Job(Protocol[R_co]):
    """A call that was started."""

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until the call has ended, or for some seconds. May be cancelled and repeated."""

    @property
    def ended(self) -> bool:
        """Whether the call has ended."""

    def outcome(self) -> R_co:
        """Return what the call returned, or raise what it raised. Once, when it has ended."""

    def abandon(self, then: Callable[[], None]) -> None:
        """Have ``then`` called once the call has ended, in whatever thread. Nobody waits then."""


class Executor(Protocol):
    """Runs synchronous code."""

    def start(self, call: Callable[[], R], caller: object) -> Job[R]:
        """Start a call, as a part of what ``caller`` does."""

    def start_unattended(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        """Start a call that nobody waits for, from any thread. ``then`` is called at its end."""

    def interrupt(self, job: Job[Any], runner: Runner) -> Job[None] | None:
        """End a statement of ``job`` that waits for another client of a server.

        Returns what to wait for before anything else is done with the connection of ``runner``.
        """

    def close(self) -> None:
        """Keep no thread that waits for calls."""


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
        deadline = time.monotonic() + SECONDS_TO_END
        await persist(lambda: job.wait(max(0.0, deadline - time.monotonic())))
        if not job.ended:
            raise
        return error
    return None


# --- worker threads


class _ThreadJob(Generic[R]):
    """A call that runs in a worker thread."""

    __slots__ = ("_call", "_caller", "_claim", "_context", "_loop", "_outcome", "_then", "_waiter")

    def __init__(self, call: Callable[[], R], caller: object) -> None:
        self._call: Callable[[], R] | None = call
        self._caller = caller
        self._context = contextvars.copy_context()
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._outcome: tuple[R | None, BaseException | None] | None = None
        self._then: Callable[[], None] | None = None
        # the worker takes it at the end, and so does a task that gives up: the second cleans up
        self._claim = [None]

    async def wait(self, seconds: float | None = None) -> None:
        if self._outcome is not None:
            return
        self._waiter = self._loop.create_future()
        if seconds is None:
            await self._waiter
        else:
            await asyncio.wait([self._waiter], timeout=seconds)

    @property
    def ended(self) -> bool:
        return self._outcome is not None

    def outcome(self) -> R:
        assert self._outcome is not None  # noqa: S101 - it has ended
        result, error = self._outcome
        if error is not None:
            try:
                raise error
            finally:
                del error, self._outcome  # no cycle of the error and the frames it came through
        return result  # type: ignore[return-value] # there was no error

    def abandon(self, then: Callable[[], None]) -> None:
        self._then = then
        try:
            self._claim.pop()
        except IndexError:
            then()

    def run(self) -> None:
        """Run the call. In a worker thread."""
        call, self._call = self._call, None
        assert call is not None  # noqa: S101 - it runs once
        outcome: tuple[R | None, BaseException | None]
        try:
            outcome = self._context.run(run_for, self._caller, call), None
        except BaseException as error:  # noqa: BLE001 - the task that waits gets it
            outcome = None, error
        try:
            self._claim.pop()
            self._loop.call_soon_threadsafe(self._deliver, outcome)
        except IndexError:
            if self._then is not None:
                self._then()
        except RuntimeError:
            logger.debug("a call ended after its event loop was closed")
        finally:
            del call, outcome  # no cycle of an error and the frames it came through

    def _deliver(self, outcome: tuple[R | None, BaseException | None]) -> None:
        self._outcome = outcome
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _UnattendedJob:
    """A call that nobody waits for."""

    def __init__(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        self._call = call
        self._then = then

    def run(self) -> None:
        """Run the call. In a worker thread."""
        try:
            self._call()
        except Exception as error:  # noqa: BLE001 - there is nobody to raise it to
            logger.warning("cleaning up after an abandoned call failed: %s", error)
        finally:
            self._then()


class _Workers:
    """The worker threads of an executor that wait for a call."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()
        self.idle: list[_Worker] = []
        self.closed = False

    def take(self) -> _Worker | None:
        """A thread that waits: the one that worked last. None if all are at work."""
        with self.mutex:
            return self.idle.pop() if self.idle else None

    def end_idle(self) -> list[_Worker]:
        """Let the threads that wait end, and return them."""
        with self.mutex:
            workers, self.idle = self.idle, []
        for worker in workers:
            worker.jobs.put(None)
        return workers

    def close(self) -> None:
        """Let each thread end, those at work after their call."""
        self.closed = True
        self.end_idle()


class _Worker:
    """A thread that runs one call after the other, until none comes for a while."""

    def __init__(self, workers: _Workers, job: _ThreadJob[Any] | _UnattendedJob) -> None:
        self._workers = workers
        self.jobs: SimpleQueue[_ThreadJob[Any] | _UnattendedJob | None] = SimpleQueue()
        self.jobs.put(job)
        # a daemon: a thread that waits for a call must not keep the interpreter from ending
        self.thread = threading.Thread(target=self._work, name="snakestore", daemon=True)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job.run()
            del job
            with self._workers.mutex:
                if self._workers.closed:
                    return
                self._workers.idle.append(self)

    def _next(self) -> _ThreadJob[Any] | _UnattendedJob | None:
        while True:
            try:
                return self.jobs.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._workers.mutex:
                    if self in self._workers.idle:
                        self._workers.idle.remove(self)
                        return None
                # it was taken at this moment, and gets a call


class ThreadExecutor(fork.Participant):
    """Runs calls in worker threads, as many as there are calls at the same time.

    The number of connections bounds them. Calls also run in an ``atexit`` function. Where no thread
    can be started, a call runs in the caller's.
    """

    def __init__(self) -> None:
        self._start_anew()
        fork.register(self)

    def _start_anew(self) -> None:
        self._workers = _Workers()
        weakref.finalize(self, self._workers.close).atexit = False

    def start(self, call: Callable[[], R], caller: object) -> Job[R]:
        """Start a call in a worker thread, with a copy of the present context."""
        job = _ThreadJob(call, caller)
        self._run(job)
        return job

    def start_unattended(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        """Start a call that nobody waits for."""
        self._run(_UnattendedJob(call, then))

    def _run(self, job: _ThreadJob[Any] | _UnattendedJob) -> None:
        worker = self._workers.take()
        if worker is not None:
            worker.jobs.put(job)
            return
        try:
            _Worker(self._workers, job).thread.start()
        except RuntimeError:  # the interpreter ends, or there are too many threads
            job.run()

    def interrupt(self, job: Job[Any], runner: Runner) -> Job[None] | None:
        """Ask the server to cancel, in another thread."""
        del job
        if not isinstance(runner, TransactionBlockRunner):
            return None
        return self.start(runner.interrupt, self)

    def close(self) -> None:
        """End idle threads, and the others after their call. Later calls start threads anew."""
        self._workers.close()

    def before_fork(self) -> None:
        """End idle threads: a process with threads should not fork."""
        for worker in self._workers.end_idle():
            worker.thread.join()

    def after_fork_in_child(self) -> None:
        """Start new threads: those of the parent are not in the child."""
        self._start_anew()


# --- greenlets


class _TaskJob(Generic[R]):
    """A call that runs in a greenlet, in a task of its own."""

    def __init__(self, task: asyncio.Task[R]) -> None:
        self._task = task

    async def wait(self, seconds: float | None = None) -> None:
        if not self._task.done():
            await asyncio.wait([self._task], timeout=seconds)

    @property
    def ended(self) -> bool:
        return self._task.done()

    def outcome(self) -> R:
        return self._task.result()

    def abandon(self, then: Callable[[], None]) -> None:
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
