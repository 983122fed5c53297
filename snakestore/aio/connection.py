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
    session_of,
    text_of,
)
from snakestore.aio.executors import SECONDS_TO_END, Executor, Job, outcome_of, persist
from snakestore.aio.line import WITHOUT_LIMIT, Line
from snakestore.aio.scheduler import Permit, Scheduler, guarded
from snakestore.repository import SessionRepository
from snakestore.storage.execution import loop_time
from snakestore.storage.execution.after_commit import giving_up
from snakestore.storage.execution.ownership import current_task_caller
from snakestore.storage.execution.runner import Runner

R = TypeVar("R")

Cancelled = asyncio.CancelledError | None


class _Use:
    """The use of one connection: what waits for it, and what runs on it."""

    def __init__(self, executor: Executor, runner: Runner) -> None:
        self._executor = executor
        self._runner = runner
        self._line = Line(1, "the connection is in use")
        self._interruption: Job[None] | None = None
        self.job: Job[Any] | None = None

    async def enter(self, user: Permit) -> None:
        """Wait for the calls that came before."""
        if not user.enter_at_once(self._line):
            await self._line.enter(user, WITHOUT_LIMIT)

    def start(self, user: Permit, call: Callable[[], R], caller: object) -> Job[R]:
        """Start a call of ``user``, whose turn it is."""
        job = self._executor.job(call, caller)
        user.job = self.job = job
        job.start()
        return job

    def start_unattended(self, call: Callable[[], object], then: Callable[[], None]) -> None:
        """Start a call that nobody waits for, after the calls that came before. From any thread."""
        user = Permit(in_task=False)

        def leave() -> None:
            """Give back the connection before ``then`` gives back the rest."""
            self.leave(user)
            then()

        user.call(self._line, partial(self._executor.start_unattended, call, leave))

    def leave(self, user: Permit) -> None:
        """Let the next call use the connection, if that was not done before."""
        if user in self._line.holders:
            self.job = None
        user.leave()

    async def persist(self, start: Callable[[], Awaitable[None]]) -> Cancelled:
        """Wait despite cancellations, but not long for a statement that waits for others."""
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
        self._use = _Use(executor, repository._runner)  # noqa: SLF001 - its async form

    async def read(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method that reads, after those that were called before."""
        return await self._run(partial(method, self.repository, *args, **kwargs))

    async def write(
        self, method: Method[R], args: Arguments, kwargs: Keywords, *, alone: bool = False
    ) -> R:
        """Run a method that writes, after those that were called before."""
        del alone  # here all are in one transaction
        call = partial(method, self.repository, *args, **kwargs)
        return await self._run(call, session=text_of(session_of(args, kwargs)))

    async def in_steps(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method, whose transactions are all part of this one."""
        return await self._run(partial(method, self.repository, *args, **kwargs))

    def take_over(self, block: Block) -> None:
        """Have a block that no task can leave left after what runs on the connection."""
        block.start_unattended = self._use.start_unattended

    async def begin(self, block: Block) -> ConnectionDispatcher:
        """Begin a savepoint."""
        user = Permit()
        self.take_over(block)
        release = partial(user.release, then=partial(self._leave_block, user, block))
        return await guarded(partial(self._begin, user, block), release)

    async def _begin(self, user: Permit, block: Block) -> ConnectionDispatcher:
        await self._use.enter(user)
        job = self._use.start(user, partial(block.enter, self.repository), self)
        cancelled = await persist(job.wait)
        self._use.leave(user)
        inside = ConnectionDispatcher(
            outcome_of(job, cancelled),
            self.executor,
            permit=self._permit,
            scheduler=self._scheduler,
            limit=self._limit,
        )
        inside._use = self._use
        if cancelled is not None:
            await inside.end(block, cancelled)
            raise cancelled
        return inside

    async def end(self, block: Block, error: BaseException | None) -> None:
        """End a block after what runs in it, also if its task is cancelled meanwhile."""
        user = Permit()
        release = partial(user.release, then=partial(self._leave_block, user, block))
        await guarded(partial(self._end, user, block, error), release)

    async def _end(self, user: Permit, block: Block, error: BaseException | None) -> None:
        block.when_ending()
        wait = persist if error is None else self._use.persist
        cancelled = await wait(partial(self._use.enter, user))
        job = self._use.start(user, partial(self._leave_transaction, block, error), block)
        cancelled = await persist(job.wait) or cancelled
        self._leave_block(user, block)
        outcome_of(job, cancelled)
        if cancelled is not None and not isinstance(error, asyncio.CancelledError):
            raise cancelled

    def _leave_transaction(self, block: Block, error: BaseException | None) -> None:
        """Leave a block. While the disk syncs what it has committed, it keeps no turn."""
        leave = partial(block.leave, error)
        if self._scheduler is None or self._permit is None:
            leave()
        else:
            giving_up(partial(self._scheduler.leave_turn, self._permit), leave)

    async def close(self) -> None:
        """Run no more methods. The connection stays open."""
        self.repository.close()

    async def _run(self, call: Callable[[], R], *, session: str | None = None) -> R:
        user = Permit()
        run = partial(self._run_in_turn, user, call, current_task_caller(), session)
        return await guarded(run, partial(user.release, then=partial(self._leave, user)))

    async def _run_in_turn(
        self, user: Permit, call: Callable[[], R], caller: object, session: str | None
    ) -> R:
        await self._use.enter(user)
        if self._scheduler is not None and self._permit is not None:
            await self._scheduler.write_in_block(self._permit, session, self._limit)
        job = self._use.start(user, call, caller)
        try:
            await job.wait()
        except asyncio.CancelledError:
            if self._permit is None:
                # the caller goes on with its connection, which must not be in use then
                await self._use.persist(job.wait)
            raise
        self._leave(user)
        return job.outcome()

    def _leave(self, user: Permit) -> None:
        if self._permit is not None and user.job is not None:
            self._permit.moved()
        self._use.leave(user)

    def _leave_block(self, user: Permit, block: Block) -> None:
        self._use.leave(user)
        block.discard()
