"""Runs synchronous code for asyncio in worker threads."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from snakestore.aio.executors import Job
from snakestore.storage import fork
from snakestore.storage.execution import loop_time
from snakestore.storage.execution.joined import TransactionBlockRunner
from snakestore.storage.execution.offered_call import OfferedCall
from snakestore.storage.execution.ownership import run_for
from snakestore.storage.execution.runner import Runner

R = TypeVar("R")

REMIND_SECONDS = 0.25
"""How long a worker thread waits until it wakes the task of its last call again."""
IDLE_SECONDS = 30.0
"""How long a worker thread waits for a call before it ends."""

logger = logging.getLogger("snakestore.aio")


class _ThreadJob(OfferedCall[Callable[[], R], R]):
    """A call that runs in a worker thread."""

    __slots__ = ("_loop", "_submit", "_waiter")

    def __init__(
        self,
        call: Callable[[], R],
        caller: object,
        submit: Callable[[_ThreadJob[Any]], None],
    ) -> None:
        super().__init__(call, caller)
        self._submit = submit
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Start the call, see ``Job``."""
        self._submit(self)

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for the end of the call, see ``Job``."""
        if self.ended:
            return
        self._waiter = self._loop.create_future()
        if seconds is None:
            await self._waiter
        else:
            await loop_time.wait_until_done(self._waiter, seconds)

    def run(self) -> None:
        """Run the call. In a worker thread."""
        with suppress(IndexError):  # it was given up
            self._outcome = self._outcome_of(self._calls.pop())
        self.ended = True
        if self._then is not None:
            self._then()
        else:
            self.wake()

    def _outcome_of(self, call: Callable[[], R]) -> tuple[R | None, BaseException | None]:
        try:
            return self._context.run(run_for, self._caller, call), None
        except BaseException as error:  # noqa: BLE001 - the task that waits gets it
            return None, error

    def wake(self) -> None:
        """Wake the task that waits, if one does. From any thread."""
        try:
            self._loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:
            logger.debug("a call ended after its event loop was closed")

    def remind(self) -> None:
        """Wake the task again, where an exception came when it was to be woken."""
        if self._outcome is not None and self._then is None:
            self.wake()

    def _resolve(self) -> None:
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

    def remind(self) -> None:
        """Do nothing: no task waits that could be woken."""


class _Workers:
    """The worker threads of an executor that wait for a call."""

    def __init__(self) -> None:
        self.mutex = threading.RLock()  # reentrant: a finalizer may start a job at any time
        self.idle: list[_Worker] = []
        self.closed = False

    def give(self, job: _ThreadJob[Any] | _UnattendedJob) -> bool:
        """Give a job to the thread that worked last. Returns False if all are at work."""
        with self.mutex:
            given = bool(self.idle)
            if given:
                self.idle[-1].jobs.put(job)  # before it is taken out, or an exception loses it
                self.idle.pop()
        return given

    def remove(self, worker: _Worker) -> None:
        """Take out a thread that works, if it is among those that wait."""
        with self.mutex:
            if worker in self.idle:
                self.idle.remove(worker)

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
        self._last: _ThreadJob[Any] | _UnattendedJob | None = None
        """The last call, for a moment."""
        # a daemon: a thread that waits for a call must not keep the interpreter from ending
        self.thread = threading.Thread(target=self._work, name="snakestore", daemon=True)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._remind()
            if self in self._workers.idle:  # an exception came when it was taken out
                self._workers.remove(self)
            job.run()
            self._last = job
            del job
            with self._workers.mutex:
                if self._workers.closed:
                    return
                self._workers.idle.append(self)

    def _remind(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.remind()

    def _next(self) -> _ThreadJob[Any] | _UnattendedJob | None:
        with suppress(Empty):
            return self.jobs.get(timeout=REMIND_SECONDS)
        self._remind()
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

    def job(self, call: Callable[[], R], caller: object) -> Job[R]:
        """A call that is to be started in a worker thread, with a copy of the present context."""
        return _ThreadJob(call, caller, self._run)

    def start(self, call: Callable[[], R], caller: object) -> Job[R]:
        """Make a job of a call, and start it, see ``Executor``."""
        job = self.job(call, caller)
        job.start()
        return job

    def start_unattended(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        """Start a call that nobody waits for."""
        self._run(_UnattendedJob(call, then))

    def _run(self, job: _ThreadJob[Any] | _UnattendedJob) -> None:
        if self._workers.give(job):
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
