"""Runs synchronous code for asyncio in worker threads."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from snakestore.aio.executors import Job
from snakestore.storage import fork
from snakestore.storage.execution import loop_time
from snakestore.storage.execution.joined import TransactionBlockRunner
from snakestore.storage.execution.ownership import run_for
from snakestore.storage.execution.runner import Runner

R = TypeVar("R")

IDLE_SECONDS = 30.0
"""How long a worker thread waits for a call before it ends."""

logger = logging.getLogger("snakestore.aio")


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
        """Wait for the end of the call, see ``Job``."""
        if self._outcome is not None:
            return
        self._waiter = self._loop.create_future()
        if seconds is None:
            await self._waiter
        else:
            await loop_time.wait_until_done(self._waiter, seconds)

    @property
    def ended(self) -> bool:
        """Whether there is an outcome."""
        return self._outcome is not None

    def outcome(self) -> R:
        """Return or raise what the call did, see ``Job``."""
        assert self._outcome is not None  # noqa: S101 - it has ended
        result, error = self._outcome
        if error is not None:
            try:
                raise error
            finally:
                del error, self._outcome  # no cycle of the error and the frames it came through
        return result  # type: ignore[return-value] # there was no error

    def abandon(self, then: Callable[[], None]) -> None:
        """Clean up with ``then`` at the end of the call, see ``Job``."""
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
