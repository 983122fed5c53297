"""``AsyncLease``: holds a variable for an ``async with`` block, and renews meanwhile in a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from snakestore.aio.dispatcher import Dispatcher, Method
from snakestore.aio.executors import persist_for_a_while
from snakestore.aio.greenlets import job_of
from snakestore.clock import steady_seconds
from snakestore.errors import NotFoundError, SnakeStoreError, StoreError, VariableLockedError
from snakestore.repository import SessionRepository
from snakestore.repository.variables.grant import Grant, HeldVariable
from snakestore.repository.variables.held_lease import (
    ENTERED_TWICE,
    NO_RENEWAL_HERE,
    renewal_failed,
    renewal_refused,
)
from snakestore.repository.variables.lease_operations import extend, release, start
from snakestore.storage.execution.runner import Runner
from snakestore.variable import Variable

R = TypeVar("R")


class AsyncLease(HeldVariable):
    """A variable that is held for the length of an ``async with`` block.

    ``AsyncSessionRepository.lease()`` returns it. It is a ``Lease`` whose methods are awaited, and
    which is renewed by a task.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        sid: str,
        identifier: str,
        *,
        seconds: float | timedelta,
        optimizer_id: str | None,
        renew: bool,
    ) -> None:
        """Use ``AsyncSessionRepository.lease`` instead."""
        runner: Runner = dispatcher.repository._runner  # noqa: SLF001 - its async form
        self._dispatcher = dispatcher
        self._grant = Grant(sid, identifier, seconds, optimizer_id, runner.clock_time)
        self._commits = runner.commits
        self._renewing = renew
        self._entered = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError(ENTERED_TWICE)
        self._entered = True
        if self._renewing and not self._commits:
            raise StoreError(NO_RENEWAL_HERE)
        grant, sent = self._grant, steady_seconds()
        try:
            grant.begin(await self._write(_start, *grant.terms), sent)
            if self._renewing:
                self._task = asyncio.get_running_loop().create_task(self._keep_renewing())
        except BaseException as error:
            if grant.may_be_granted(error):
                # a write whose work has begun goes on when it is cancelled; this one follows it
                await persist_for_a_while(job_of(self._start_release()))
            grant.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        job = job_of(self._start_release())
        cancelled = await persist_for_a_while(job)  # if it takes longer, it ends by itself
        refusal = job.outcome()
        problem = self._grant.settle(refusal)
        if cancelled is not None and not isinstance(error, asyncio.CancelledError):
            error = cancelled
        if problem is not None and error is not None:
            self._grant.add_note(error, problem)
        elif problem is not None:
            raise problem from (None if problem is refusal else refusal)
        if cancelled is error and cancelled is not None:
            raise cancelled

    async def update(
        self,
        value: Any,
        *,
        expected_version: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
    ) -> Variable:
        """Replace the variable's value, as ``update_variable`` does.

        Raises:
            LeaseLostError: if the lease is lost. Nothing was written.
            SnakeStoreError: whatever else ``update_variable`` refuses.
        """
        grant = self._grant
        with grant.refusals():
            return grant.saw(
                await self._write(
                    SessionRepository.update_variable,
                    *grant.key,
                    value,
                    expected_version=expected_version,
                    metadata=metadata,
                    source=source,
                    optimizer_id=grant.optimizer_id,
                )
            )

    async def modify(
        self,
        fn: Callable[[Any], Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
    ) -> Variable:
        """Replace the variable's value by ``fn(value)``, as ``modify_variable`` does.

        Raises:
            LeaseLostError: if the lease is lost. Nothing was written.
            SnakeStoreError, Exception: whatever else ``modify_variable`` or ``fn`` raises.
        """
        grant = self._grant
        with grant.refusals():
            return grant.saw(
                await self._write(
                    SessionRepository.modify_variable,
                    *grant.key,
                    fn,
                    metadata=metadata,
                    source=source,
                    optimizer_id=grant.optimizer_id,
                )
            )

    async def renew(self) -> Variable:
        """Renew the lease now, for its whole length. Returns the variable as it is.

        Raises:
            LeaseLostError: if the lease is lost.
        """
        grant, sent = self._grant, steady_seconds()
        with grant.refusals():
            variable = await self._write(
                SessionRepository.renew_optimization,
                *grant.key,
                grant.optimizer_id,
                lease=grant.length,
            )
        grant.renewed(variable.optimization_status.expires_at, sent)
        return grant.saw(variable)

    async def _write(self, method: Method[R], *args: Any, **kwargs: Any) -> R:
        return await self._dispatcher.write(method, args, kwargs)

    @staticmethod
    async def _sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)  # tests have a way that needs no time

    async def _keep_renewing(self) -> None:
        pause: float | None = self._grant.interval
        while pause is not None:
            await self._sleep(pause)
            pause = await self._renew_once()

    async def _renew_once(self) -> float | None:
        """Renew. Returns the seconds until the next time, or None if the lease is gone."""
        grant, sent = self._grant, steady_seconds()
        try:
            expires_at = await self._write(_extend, *grant.key, grant.optimizer_id, grant.length)
        except (VariableLockedError, NotFoundError) as refusal:
            renewal_refused(grant, refusal)
            return None
        except Exception as error:  # noqa: BLE001 - nothing else may end it while the lease lasts
            return renewal_failed(grant, error)
        grant.renewed(expires_at, sent)
        return grant.interval

    def _start_release(self) -> asyncio.Task[SnakeStoreError | None]:
        """A task that stops renewing, and ends the optimisation. It returns a refusal."""
        task = asyncio.get_running_loop().create_task(self._release())
        _releases.add(task)
        task.add_done_callback(_releases.discard)
        return task

    async def _release(self) -> SnakeStoreError | None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        grant = self._grant
        if grant.to_release:
            try:
                await self._write(_end, *grant.key, grant.optimizer_id)
            except SnakeStoreError as refusal:
                return refusal
        return None


_releases: set[asyncio.Task[SnakeStoreError | None]] = set()
"""Tasks at work: an event loop refers to its tasks weakly."""


def _start(repository: SessionRepository, *terms: Any) -> Variable:
    return repository._runner.write(start, *terms, endless=False)  # noqa: SLF001 - its async form


def _extend(repository: SessionRepository, *args: Any) -> Any:
    return repository._runner.write(extend, *args)  # noqa: SLF001 - likewise


def _end(repository: SessionRepository, *args: Any) -> None:
    repository._runner.write(release, *args)  # noqa: SLF001 - likewise
