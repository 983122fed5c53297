"""What an async repository is bound to, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine, orm

from snakestore.aio.connection import ConnectionDispatcher
from snakestore.aio.dispatcher import Dispatcher
from snakestore.aio.engine import EngineDispatcher, runner_of
from snakestore.aio.executors import persist_for_a_while
from snakestore.aio.greenlets import GreenletExecutor
from snakestore.aio.scheduler import Scheduler, scheduler_of
from snakestore.aio.threads import ThreadExecutor
from snakestore.errors import StoreError
from snakestore.repository import SessionRepository
from snakestore.repository.options import RepositoryOptions
from snakestore.storage.sqlalchemy_internals import greenlet_error


class _Closing(Protocol):
    async def close(self) -> None: ...


if TYPE_CHECKING or greenlet_error() is None:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

    AsyncBind = AsyncEngine | AsyncConnection | AsyncSession
else:  # then SQLAlchemy refuses that import
    AsyncBind = Any

A = TypeVar("A", bound=_Closing)


class Opening(Generic[A]):
    """A store that is about to be opened: ``await`` it, or use it in an ``async with``."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, A]]) -> None:
        self._start = start
        self._opened: A | None = None

    def __await__(self) -> Generator[Any, None, A]:
        return self._start().__await__()

    async def __aenter__(self) -> A:
        self._opened = await self._start()
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            await self._opened.close()


async def open_in_thread(open_repository: Callable[[], SessionRepository]) -> Dispatcher:
    """Open a repository whose methods run in worker threads."""
    executor = ThreadExecutor()
    opened: list[SessionRepository] = []

    def close() -> None:
        """Close what was opened meanwhile, where nobody waits for it any more."""
        for repository in opened:
            executor.start_unattended(repository.close, executor.close)

    job = executor.job(lambda: opened.append(open_repository()), executor)
    try:
        job.start()
        cancelled = await persist_for_a_while(job)
    except BaseException:
        job.abandon(close)
        raise
    try:
        job.outcome()
    except BaseException:
        executor.close()
        raise
    [repository] = opened
    runner = runner_of(repository)
    scheduler = Scheduler(runner.connection_limit, locks_rows=runner.backend.locks_rows)
    groups = not runner.backend.locks_rows and not runner.sole
    dispatcher = EngineDispatcher(repository, executor, scheduler, groups=groups)
    if cancelled is not None:
        await dispatcher.close()
        raise cancelled
    return dispatcher


def dispatcher_on(bind: AsyncBind, options: RepositoryOptions) -> Dispatcher:
    """What runs the methods of a repository on a bind that the caller owns.

    Raises:
        StoreError: it is not such a bind, an AsyncConnection that was not started, or greenlet is
            missing.
        ValidationError: a value of an option is not allowed, or not with this bind.
    """
    synchronous = _synchronous(bind)
    repository = SessionRepository(synchronous, **options)
    backend = repository._runner.backend  # noqa: SLF001 - its async form
    executor = GreenletExecutor(remote=backend.remote)
    if not isinstance(synchronous, Engine):
        return ConnectionDispatcher(repository, executor)
    connections = runner_of(repository).connection_limit
    scheduler = scheduler_of(synchronous, connections, locks_rows=backend.locks_rows)
    return EngineDispatcher(repository, executor, scheduler)


def _synchronous(bind: object) -> Engine | Connection | orm.Session:
    """The synchronous object under an async bind.

    Raises:
        StoreError: it is not such a bind, an AsyncConnection that was not started, or greenlet is
            missing.
    """
    missing = greenlet_error()
    if missing is not None:
        message = (
            "an async repository binds to an AsyncEngine, AsyncConnection or AsyncSession, which"
            f" need the package greenlet ({missing}): pip install 'snakestore[asyncio]'. open()"
            " takes paths and URLs without it."
        )
        raise StoreError(message)
    if isinstance(bind, AsyncEngine):
        return bind.sync_engine
    if isinstance(bind, AsyncSession):
        return bind.sync_session
    if not isinstance(bind, AsyncConnection):
        message = (
            "an async repository binds to an AsyncEngine, AsyncConnection or AsyncSession, not"
            f" {type(bind).__name__}. open() takes paths and URLs."
        )
        raise StoreError(message)
    if bind.sync_connection is None:
        message = (
            "this AsyncConnection was not started: await engine.connect() first, or use it in an"
            " async with"
        )
        raise StoreError(message)
    return bind.sync_connection
