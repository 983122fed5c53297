"""The methods of an async repository over one connection: a block's, or a caller's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from snakestore.aio.dispatcher import (
    Arguments,
    Block,
    BlockDispatcher,
    Keywords,
    Method,
    discard,
    session_of,
    text_of,
)
from snakestore.aio.executors import SECONDS_TO_END, Executor, Job, persist
from snakestore.aio.line import WITHOUT_LIMIT, Line
from snakestore.aio.scheduler import Permit, Scheduler
from snakestore.repository import SessionRepository
from snakestore.storage.execution import loop_time
from snakestore.storage.execution.ownership import current_task_caller
from snakestore.storage.execution.runner import Runner

R = TypeVar("R")

Cancelled = asyncio.CancelledError | None


class _Use:
    """The use of one connection: who waits for it, and what runs on it."""

    def __init__(self, executor: Executor, runner: Runner) -> None:
        self._executor = executor
        self._runner = runner
        self._line = Line(1, "the connection is in use")
        self._interruption: Job[None] | None = None
        self.job: Job[Any] | None = None

    async def enter(self) -> None:
        """Wait for the calls that came before."""
        await self._line.enter(WITHOUT_LIMIT)

    def leave(self) -> None:
        """Let the next call use the connection."""
        self.job = None
        self._line.leave()

    async def persist(self, start: Callable[[], Awaitable[None]]) -> Cancelled:
        """Wait whatever is cancelled, and not long for a statement that waits for others."""
        loop = asyncio.get_running_loop()
        timer = loop_time.call_later(loop, SECONDS_TO_END, self._interrupt)
        try:
            cancelled = await persist(start)
        finally:
            timer.cancel()
        interruption, self._interruption = self._interruption, None
        if interruption is not None:
            cancelled = await persist(interruption.wait) or cancelled
            interruption.outcome()
        return cancelled

    def _interrupt(self) -> None:
        if self.job is not None:
            self._interruption = self._executor.interrupt(self.job, self._runner)


class ConnectionDispatcher(BlockDispatcher):
    """Runs methods over one connection, one after the other, in the order of their calls."""

    def __init__(
        self,
        repository: SessionRepository,
        executor: Executor,
        *,
        permit: Permit | None = None,
        scheduler: Scheduler | None = None,
        limit: float = WITHOUT_LIMIT,
    ) -> None:
        """Run the methods of ``repository``.

        Args:
            repository: a repository on one connection.
            executor: where its methods run.
            permit: what the block holds until it ends; None: the connection is the caller's.
            scheduler: where a block takes its turns at sessions.
            limit: seconds for which a task waits there while nothing moves.
        """
        super().__init__(repository, executor)
        self._permit = permit
        self._scheduler = scheduler
        self._limit = limit
        self._use = _Use(executor, repository._runner)  # noqa: SLF001 - its other face
        self._nested = False
        self.when_ending: Callable[[], object] = _nothing

    async def read(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method that reads, after those that were called before."""
        return await self._run(partial(method, self.repository, *args, **kwargs))

    async def write(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method that writes, after those that were called before."""
        call = partial(method, self.repository, *args, **kwargs)
        return await self._run(call, session=text_of(session_of(args, kwargs)))

    async def in_steps(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method, whose transactions are all part of this one."""
        return await self._run(partial(method, self.repository, *args, **kwargs))

    async def begin(self, block: Block) -> ConnectionDispatcher:
        """Begin a savepoint."""
        await self._use.enter()
        job = self._use.job = self.executor.start(partial(block.enter, self.repository), self)
        try:
            cancelled = await persist(job.wait)
        except BaseException:
            job.abandon(self._use.leave)
            raise
        self._use.leave()
        inside = ConnectionDispatcher(
            job.outcome(),
            self.executor,
            permit=self._permit,
            scheduler=self._scheduler,
            limit=self._limit,
        )
        inside._use, inside._nested = self._use, True
        if cancelled is not None:
            await inside.end(block, cancelled)
            raise cancelled
        return inside

    async def end(self, block: Block, error: BaseException | None) -> None:
        """End a block after what runs in it, whatever is cancelled meanwhile."""
        self.when_ending()
        job: Job[None] | None = None
        try:
            wait = persist if error is None else self._use.persist
            cancelled = await wait(self._use.enter)
            job = self._use.job = self.executor.start(partial(block.leave, error), block)
            cancelled = await persist(job.wait) or cancelled
        except BaseException:
            if job is None:
                self.discard(block)
            else:
                job.abandon(self._leave_block)
            raise
        self._leave_block()
        job.outcome()
        if cancelled is not None and not isinstance(error, asyncio.CancelledError):
            raise cancelled

    def discard(self, block: Block) -> None:
        """Roll back a block that no task can leave any more. From any thread."""
        self.when_ending()
        discard(self.executor, block, self._give_back)

    async def close(self) -> None:
        """Run no more methods. The connection stays open."""
        self.repository.close()

    async def _run(self, call: Callable[[], R], *, session: str | None = None) -> R:
        caller = current_task_caller()
        await self._use.enter()
        try:
            if self._scheduler is not None and self._permit is not None:
                await self._scheduler.write_in_block(self._permit, session, self._limit)
            job: Job[R] = self.executor.start(call, caller)
            self._use.job = job
        except BaseException:
            self._use.leave()
            raise
        try:
            await job.wait()
        except BaseException as error:
            if self._permit is None and isinstance(error, asyncio.CancelledError):
                # the caller goes on with its connection, which must not be in use then
                await self._use.persist(job.wait)
            job.abandon(self._leave)
            raise
        self._leave()
        return job.outcome()

    def _leave(self) -> None:
        if self._permit is not None:
            self._permit.moved()
        self._use.leave()

    def _leave_block(self) -> None:
        self._use.leave()
        self._give_back()

    def _give_back(self) -> None:
        """Give up what the block holds, unless it belongs to an outer one."""
        if self._permit is not None and not self._nested:
            self._permit.leave()


def _nothing() -> None:
    """No block is noted."""
