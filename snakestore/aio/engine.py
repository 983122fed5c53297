"""The methods of an async repository on an engine: each is a transaction of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any, TypeVar, cast

from snakestore.aio.connection import ConnectionDispatcher
from snakestore.aio.dispatcher import (
    Arguments,
    Block,
    Dispatcher,
    Keywords,
    Method,
    repeatable,
    session_of,
    text_of,
)
from snakestore.aio.executors import Executor, Job, outcome_of, persist, persist_for_a_while
from snakestore.aio.loop_reads import AFTER_OTHERS, ELSEWHERE, MAX_BYTES, LoopReads
from snakestore.aio.scheduler import Permit, Scheduler, guarded
from snakestore.aio.stepping import SteppingRunner, new_waiter
from snakestore.errors import StoreBusyError, StoreError
from snakestore.repository import SessionRepository
from snakestore.storage.execution import loop_time
from snakestore.storage.execution.after_commit import giving_up
from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.group_commit import Companion, GroupCommit
from snakestore.storage.execution.ownership import current_task_caller, run_for
from snakestore.storage.execution.pool import CLOSED
from snakestore.storage.execution.retry import RetryLater
from snakestore.storage.execution.runner import Runner
from snakestore.storage.execution.small_arguments import are_small

R = TypeVar("R")

_LOOP_TURNS = 3
"""Turns of the event loop after which a block has begun to end that ``break`` has left."""


class EngineDispatcher(Dispatcher):
    """Runs each method in a transaction of its own."""

    def __init__(
        self,
        repository: SessionRepository,
        executor: Executor,
        scheduler: Scheduler,
        *,
        groups: bool = False,
    ) -> None:
        """Run methods of a repository on an engine when the scheduler lets them pass.

        ``groups`` says whether to commit single writes of several tasks together.
        """
        super().__init__(repository, executor)
        self._scheduler = scheduler
        self._runner = runner_of(repository)
        self._limit = self._runner.busy_timeout
        """Seconds for which a task waits while nothing moves."""
        # the methods that write pause on the event loop, the others need not
        self._deferring = self._runner.deferring()
        self._deferring_repository = _on(repository, self._deferring)
        self._groups = groups
        self._closed = False
        at_once = self._runner.at_once(MAX_BYTES)
        self._loop_reads = (
            None if at_once is None else LoopReads(_on(repository, at_once), at_once.blocks)
        )

    async def read(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method that reads. It waits for no writer.

        A small read runs at once where nothing can make it wait.
        """
        loop_reads = self._loop_reads
        if loop_reads is None:
            return await self.run_read(partial(method, self.repository, *args, **kwargs))
        found = loop_reads.attempt(method, args, kwargs)
        if found is AFTER_OTHERS:
            await loop_reads.wait()
            found = loop_reads.attempt(method, args, kwargs, waited=True)
        if found is not ELSEWHERE:
            return cast("R", found)
        try:
            return await self.run_read(partial(method, self.repository, *args, **kwargs))
        finally:
            loop_reads.note(method, args, kwargs)

    async def run_read(self, call: Callable[[], R]) -> R:
        """Run a call that reads."""
        caller = await self._admit(write=False)
        permit = Permit()
        return await guarded(partial(self._read, call, caller, permit), permit.release)

    async def _read(self, call: Callable[[], R], caller: object, permit: Permit) -> R:
        await self._scheduler.read(permit, self._limit)
        job: Job[R] = self.executor.job(call, caller)
        permit.job = job
        job.start()
        await job.wait()
        permit.leave()
        return job.outcome()

    async def write(
        self, method: Method[R], args: Arguments, kwargs: Keywords, *, alone: bool = False
    ) -> R:
        """Run a method that writes, when it is its turn."""
        small = are_small(args, kwargs)
        if not small:
            args, kwargs = repeatable(args, kwargs)
            small = are_small(args, kwargs)
        call = partial(self._call_by, method, args, kwargs)
        permit = Permit()
        grouped = small and self._groups and not alone
        write = partial(self._write, call, permit, session_of(args, kwargs), grouped=grouped)
        return await guarded(write, permit.release)

    async def run_write(self, call: Callable[[AutocommitRunner], R], session: object) -> R:
        """Run a call that writes by the runner that it gets, in a transaction of its own.

        Args:
            call: may be called again, if another try may help.
            session: the id of the session whose row it locks, if it is one.
        """
        permit = Permit()
        write = partial(self._write, call, permit, session, grouped=False)
        return await guarded(write, permit.release)

    def _call_by(self, method: Method[R], args: Arguments, kwargs: Keywords, runner: Runner) -> R:
        """Run a method on a repository whose runner is ``runner``."""
        return method(self._repository_on(runner), *args, **kwargs)

    def _lead(self, companion: Companion[R], loop_thread: int, runner: AutocommitRunner) -> R:
        """Write, in one transaction with the tasks that wait next. In a thread."""
        line = self._scheduler.turn
        # where no thread could be started, this is the event loop's, which signals interrupt
        if companion.alone or not line.has_companion() or get_ident() == loop_thread:
            return companion.write(runner)
        return GroupCommit(line, lambda: self._closed).lead(companion, runner)

    async def _write(
        self, call: Callable[[Any], R], permit: Permit, session: object, *, grouped: bool
    ) -> R:
        caller = await self._admit(write=True) if self._runner.blocks else self._caller()
        companion = permit.companion = Companion(call, caller) if grouped else None
        scheduler = self._scheduler
        locked = text_of(session) if scheduler.locks_rows else None
        for line in scheduler.lines_of_write(locked):
            if not permit.enter_at_once(line):
                await line.enter(permit, self._limit)
                if companion is not None and permit.joined:
                    permit.leave()
                    outcome: R = companion.outcome()
                    return outcome
        if companion is not None:
            call = partial(self._lead, companion, get_ident())
        result, _ = await self._attempt(call, caller, permit)
        permit.leave()
        return result

    async def in_steps(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method of several transactions. Each of them waits as a method does."""
        self._refuse_closed()
        waiter = new_waiter(self.executor)
        repository = self._repository_on(SteppingRunner(self, self._runner, waiter))
        return await waiter.run(partial(method, repository, *args, **kwargs))

    async def begin(self, block: Block) -> ConnectionDispatcher:
        """Begin a transaction, when it is its turn."""
        caller = await self._admit(write=not block.read_only)
        permit = Permit()
        block.start_unattended, block.let_go = self.executor.start_unattended, permit.leave
        release = partial(permit.release, then=block.discard)
        return await guarded(partial(self._begin, block, caller, permit), release)

    async def _begin(self, block: Block, caller: object, permit: Permit) -> ConnectionDispatcher:
        def call(runner: AutocommitRunner) -> SessionRepository:
            """Enter the block on a repository that tries once."""
            return block.enter(self._repository_on(runner))

        await self._scheduler.block(permit, read_only=block.read_only, limit=self._limit)
        # the block itself is the caller, for it is entered and left in any thread
        repository, cancelled = await self._attempt(call, block, permit, in_block=True)
        inside = ConnectionDispatcher(
            repository, self.executor, permit=permit, scheduler=self._scheduler, limit=self._limit
        )
        inside.take_over(block)
        if cancelled is not None:
            await inside.end(block, cancelled)
            raise cancelled
        if self._runner.sole or not block.read_only:
            block.noted_in = self._runner.blocks
            self._runner.note_block(block, caller)
        return inside

    async def close(self) -> None:
        """Run no more methods, and close what the repository opened."""
        self._closed = True
        self._loop_reads = None
        job = self.executor.start(self.repository.close, self)
        cancelled = await persist(job.wait)
        self.executor.close()
        job.outcome()
        if cancelled is not None:
            raise cancelled

    async def _attempt(
        self,
        call: Callable[[AutocommitRunner], R],
        caller: object,
        permit: Permit,
        *,
        in_block: bool = False,
    ) -> tuple[R, asyncio.CancelledError | None]:
        """Run a call until it succeeds, or another try does not help.

        Between two tries it keeps its turn, but no thread and no connection. While the disk syncs
        what it has committed, it keeps its connection, but no turn. A call that enters a
        block is waited for a while even when cancelled; then the cancellation is returned too.
        """
        runner = self._deferring
        leave_turn = partial(self._scheduler.leave_turn, permit)
        while True:
            attempt = partial(giving_up, leave_turn, partial(call, runner))
            job = permit.job = self.executor.job(attempt, caller)
            job.start()
            cancelled: asyncio.CancelledError | None = None
            if in_block:
                cancelled = await persist_for_a_while(job)
            else:
                await job.wait()
            try:
                return outcome_of(job, cancelled), cancelled
            except RetryLater as later:
                delay, policy = later.delay, later.policy
            if cancelled is not None:
                raise cancelled
            await loop_time.sleep(delay)
            runner = self._runner.deferring(policy)

    def _caller(self) -> object:
        """The present caller.

        Raises:
            StoreError: the repository is closed.
        """
        self._refuse_closed()
        return current_task_caller()

    async def _admit(self, *, write: bool) -> object:
        """The caller, unless the repository is closed or the caller would wait for itself."""
        caller = self._caller()
        if self._runner.blocks:
            check = partial(self._runner.refuse_deadlock, write=write)
            for _ in range(_LOOP_TURNS):
                try:
                    run_for(caller, check)
                except StoreBusyError:
                    await asyncio.sleep(0)
                else:
                    return caller
            run_for(caller, check)
        return caller

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError(CLOSED)

    def _repository_on(self, runner: Runner) -> SessionRepository:
        if runner is self._deferring:
            return self._deferring_repository
        return _on(self.repository, runner)


def runner_of(repository: SessionRepository) -> AutocommitRunner:
    """The runner of a repository on an engine."""
    runner = repository._runner  # noqa: SLF001 - its async form
    assert isinstance(runner, AutocommitRunner)  # noqa: S101 - it is bound to an engine
    return runner


def _on(repository: SessionRepository, runner: Runner) -> SessionRepository:
    """The same repository by another runner."""
    return repository._on(repository._options, runner, bind=repository._bind)  # noqa: SLF001 - likewise
