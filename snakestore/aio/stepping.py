"""A runner for methods of several transactions: it waits on the event loop before each of them.

Such a method runs in a greenlet, or where greenlet is not installed, in a worker thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from threading import get_ident
from typing import Any, ClassVar, Concatenate, NoReturn, ParamSpec, Protocol, TypeVar

from snakestore.aio.executors import Executor, persist
from snakestore.errors import StoreError
from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.ownership import current_task_caller
from snakestore.storage.execution.runner import Runner
from snakestore.storage.sqlalchemy_internals import greenlet_error, greenlet_spawn, wait_for

P = ParamSpec("P")
R = TypeVar("R")


class Steps(Protocol):
    """Runs single transactions for asyncio."""

    def run_read(self, call: Callable[[], R]) -> Awaitable[R]:
        """Run a call that reads."""

    def run_write(self, call: Callable[[AutocommitRunner], R], session: object) -> Awaitable[R]:
        """Run a call that writes by the runner that it gets."""


class Waiter(Protocol):
    """Runs synchronous code that waits for asyncio."""

    def wait_for(self, awaitable: Awaitable[R], /) -> R:
        """Await in the synchronous code."""

    async def run(self, call: Callable[[], R]) -> R:
        """Run the code. Once."""


def new_waiter(executor: Executor) -> Waiter:
    """What runs one method of several transactions."""
    return _InGreenlet() if greenlet_error() is None else _InThread(executor)


class _InGreenlet:
    """Runs the code on the event loop, which goes on while the code waits."""

    wait_for = staticmethod(wait_for)

    async def run(self, call: Callable[[], R]) -> R:
        """Run the code, see ``Waiter``."""
        return await greenlet_spawn(call)


class _InThread:
    """Runs the code in a worker thread. The task awaits what the thread waits for."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._loop_thread = get_ident()
        self._steps: asyncio.Queue[tuple[Awaitable[Any], Future[Any]] | None] = asyncio.Queue()
        self._answer: Future[Any] | None = None
        """What the thread waits for."""
        self._ended = False

    def wait_for(self, awaitable: Awaitable[R], /) -> R:
        """Have the task await. In the thread."""
        answer: Future[R] = Future()
        self._answer = answer  # before the task can end without a look at it
        try:
            if self._ended:
                raise asyncio.CancelledError
            self._loop.call_soon_threadsafe(self._steps.put_nowait, (awaitable, answer))
            return answer.result()
        finally:
            self._answer = None
            del answer  # no cycle of an error and the frames it came through
            if isinstance(awaitable, Coroutine):
                awaitable.close()  # it was not awaited where the task or the event loop has ended

    async def run(self, call: Callable[[], R]) -> R:
        """Run the code, see ``Waiter``."""
        job = self._executor.job(partial(self._work, call), current_task_caller())
        try:
            job.start()
            cancelled = await self._await_steps()
            cancelled = await persist(job.wait) or cancelled  # it ends at once
        except BaseException:
            job.abandon(lambda: None)
            self._end()
            raise
        result = job.outcome()
        if cancelled is not None:
            raise cancelled
        return result

    def _end(self) -> None:
        """Let the thread end, which no task awaits any more."""
        self._ended = True
        answer = self._answer
        if answer is not None and not answer.done():
            answer.set_exception(asyncio.CancelledError())

    async def _await_steps(self) -> asyncio.CancelledError | None:
        """Await what the thread waits for, until its end.

        A cancellation between two steps is raised by the next one. Returns it if there is none.
        """
        step: tuple[Awaitable[Any], Future[Any]] | None = None

        async def get() -> None:
            """Get the next step, or None at the end."""
            nonlocal step
            step = await self._steps.get()

        while True:
            cancelled = await persist(get)
            if step is None:
                return cancelled
            awaitable, answer = step
            if cancelled is not None:
                answer.set_exception(cancelled)
                continue
            try:
                result = await awaitable
            except BaseException as error:  # noqa: BLE001 - the thread raises it, and ends
                answer.set_exception(error)
            else:
                answer.set_result(result)

    def _work(self, call: Callable[[], R]) -> R:
        try:
            if get_ident() == self._loop_thread:
                message = (
                    "no thread can be started now, which this method needs where greenlet is not"
                    " installed: pip install 'snakestore[asyncio]'"
                )
                raise StoreError(message)
            return call()
        finally:
            self._loop.call_soon_threadsafe(self._steps.put_nowait, None)


class SteppingRunner(Runner):
    """Runs each operation as the dispatcher does. In synchronous code that waits meanwhile."""

    commits: ClassVar[bool] = True

    def __init__(self, steps: Steps, runner: AutocommitRunner, waiter: Waiter) -> None:
        """Run operations by ``runner``, when ``steps`` lets them pass."""
        super().__init__(runner.settings)
        self._steps = steps
        self._runner = runner
        self._wait_for = waiter.wait_for

    def lookup(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that reads with one statement."""
        return self._wait_for(
            self._steps.run_read(partial(self._runner.lookup, operation, *args, **kwargs))
        )

    def read(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation on one snapshot."""
        return self._wait_for(
            self._steps.run_read(partial(self._runner.read, operation, *args, **kwargs))
        )

    def write(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes. The first argument is the session, if it has one."""

        def call(runner: AutocommitRunner) -> R:
            """Run the operation by the runner of one try."""
            return runner.write(operation, *args, **kwargs)

        return self._wait_for(self._steps.run_write(call, args[0] if args else None))

    def transaction(self, *, read_only: bool) -> NoReturn:
        """No method of several transactions uses blocks."""
        message = f"a method of several transactions opened a block (read_only={read_only})"
        raise RuntimeError(message)

    def close(self) -> None:
        """Nothing is held."""
