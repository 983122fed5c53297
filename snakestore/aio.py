"""The same verbs, awaited: one body of SQL, run in a thread or in SQLAlchemy's asyncio.

A store that ``open`` opened runs its verbs in worker threads on the driver's own connections, which
is the quickest way to SQLite, and the event loop never waits for the disk. On an AsyncEngine,
AsyncConnection or AsyncSession of yours the verbs run in SQLAlchemy's greenlets, on your pool and
in your transaction.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, Unpack, cast

from sqlalchemy import URL, Connection, Engine, orm
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from snakestore.errors import StoreError
from snakestore.repository import SessionRepository
from snakestore.repository.naming import lists_methods_of, named
from snakestore.repository.options import RepositoryOptions, check_option_names, show_options
from snakestore.storage.execution.ownership import run_for
from snakestore.storage.sqlalchemy_internals import greenlet_spawn

P = ParamSpec("P")
R = TypeVar("R")

WORKERS = 8
"""Threads of a store that ``open`` opened; SQLite has one writer at a time and reads take
microseconds, so more gain nothing.
"""

AsyncBind = AsyncEngine | AsyncConnection | AsyncSession
A = TypeVar("A", bound="AsyncSessionRepository")


class Opening(Generic[A]):
    """A store that is about to be opened: ``await`` it for the repository, or use it in an ``async with``, which closes it."""

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


class _Way(Protocol):
    """How a synchronous call is awaited."""

    async def run(self, call: Callable[[], R]) -> R:
        """Run ``call``; cancelled, it may go on to its end by itself, whole."""

    async def run_to_end(self, call: Callable[[], R]) -> R:
        """Run ``call``, and let a cancellation out only after its end; what it sets in the context is set for the task."""

    def close(self) -> None:
        """Run no more."""


class _Threads:
    """In a worker thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="snakestore")

    def _submit(self, context: contextvars.Context, call: Callable[[], R]) -> Future[R]:
        try:
            return self._pool.submit(context.run, run_for, asyncio.current_task(), call)
        except RuntimeError as problem:
            message = "the repository is closed: open it again to use it"
            raise StoreError(message) from problem

    async def run(self, call: Callable[[], R]) -> R:
        """Run ``call`` in a thread, in a copy of the task's context."""
        return await asyncio.wrap_future(self._submit(contextvars.copy_context(), call))

    async def run_to_end(self, call: Callable[[], R]) -> R:
        """Run ``call`` in a thread; a cancellation waits until it has ended, for it holds a connection."""
        context = contextvars.copy_context()
        waiter = asyncio.wrap_future(self._submit(context, call))
        cancelled: asyncio.CancelledError | None = None
        while not waiter.done():
            try:
                await asyncio.wait([waiter])
            except asyncio.CancelledError as error:
                cancelled = error
        result = waiter.result()
        for variable, value in context.items():
            if variable.get(None) is not value:
                variable.set(value)
        if cancelled is not None:
            raise cancelled
        return result

    def close(self) -> None:
        """Take no more calls; those at work end by themselves."""
        self._pool.shutdown(wait=False)


class _Greenlets:
    """In a greenlet of SQLAlchemy's, whose drivers await the event loop; a cancellation reaches the driver and rolls back."""

    async def run(self, call: Callable[[], R]) -> R:
        """Run ``call`` in a greenlet."""
        try:
            return await greenlet_spawn(call)
        except asyncio.CancelledError as cancelled:
            # SQLAlchemy has closed the connection, but SQLite keeps its locks as long as a cursor
            # lives that was not read to its end, and the frames that the cancellation went through
            # hold it until the garbage is collected
            traceback.clear_frames(cancelled.__traceback__)
            raise

    async def run_to_end(self, call: Callable[[], R]) -> R:
        """Run ``call`` in a greenlet, which shares the task's context."""
        return await self.run(call)

    def close(self) -> None:
        """Nothing is held."""


class _OneAtATime:
    """Verbs of one transaction, in turns: they share a connection."""

    def __init__(self, way: _Way) -> None:
        self._way = way
        self._turn = asyncio.Lock()

    async def run(self, call: Callable[[], R]) -> R:
        """Run ``call`` to its end, once it has its turn."""
        return await self.run_to_end(call)

    async def run_to_end(self, call: Callable[[], R]) -> R:
        """Run ``call`` to its end, once it has its turn."""
        async with self._turn:
            return await self._way.run_to_end(call)

    def close(self) -> None:
        """The way belongs to the repository that the transaction came from."""


def _synchronous(bind: object) -> Engine | Connection | orm.Session:
    """What of an async bind runs in a greenlet.

    Raises:
        StoreError: it is none, or an AsyncConnection that was not started.
    """
    if isinstance(bind, AsyncEngine):
        return bind.sync_engine
    if isinstance(bind, AsyncSession):
        return bind.sync_session
    if not isinstance(bind, AsyncConnection):
        kind = type(bind).__name__
        message = (
            "an async repository binds to an AsyncEngine, AsyncConnection or AsyncSession, not"
            f" {kind}; open() takes paths and URLs"
        )
        raise StoreError(message)
    if bind.sync_connection is None:
        message = (
            "this AsyncConnection was not started: await engine.connect() first, or use it in an"
            " async with"
        )
        raise StoreError(message)
    return bind.sync_connection


def awaited(
    verb: Callable[Concatenate[SessionRepository, P], R],
) -> Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]:
    """The verb, awaited: the same arguments, results and errors."""
    verb = named(verb, "AsyncSessionRepository")

    @wraps(verb)
    async def run(repository: AsyncSessionRepository, *args: P.args, **kwargs: P.kwargs) -> R:
        return await repository._way.run(partial(verb, repository._repository, *args, **kwargs))  # noqa: SLF001 - a method of its class

    return cast("Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]", run)


@lists_methods_of(SessionRepository)
class AsyncSessionRepository:
    """A SessionRepository whose verbs are awaited. There is no mapping view: a mapping cannot be awaited.

    ``fn`` of ``modify_variable`` and callbacks such as ``progress`` are plain functions; they run
    where the verb runs, in a worker thread or a greenlet, so they must not block for long nor touch
    the event loop.
    """

    @show_options
    def __init__(self, bind: AsyncBind, **options: Unpack[RepositoryOptions]) -> None:
        """Bind to an AsyncEngine, AsyncConnection or AsyncSession that the caller owns.

        Args:
            bind: what to work on. ``close()`` does not dispose of it.
            **options: see RepositoryOptions.

        Raises:
            ValidationError: a value of an option is not allowed, or not with this bind.
            StoreError: the bind is none of these, or an AsyncConnection that was not started.
        """
        check_option_names(options, type(self).__name__)
        self._way: _Way = _Greenlets()
        if isinstance(bind, AsyncConnection | AsyncSession):
            self._way = _OneAtATime(self._way)
        self._repository = SessionRepository(_synchronous(bind), **options)

    @classmethod
    def _on(cls, repository: SessionRepository, way: _Way) -> Self:
        made = cls.__new__(cls)
        made.__dict__.update(_repository=repository, _way=way)
        return made

    @classmethod
    @show_options
    def open(  # noqa: PYI019 - jedi follows a type variable here, and not Self
        cls: type[A],
        path_or_url: str | os.PathLike[str] | URL,
        *,
        migrate: bool | None = None,
        **options: Unpack[RepositoryOptions],
    ) -> Opening[A]:
        """Open a store: ``await`` it, or use it in an ``async with``, which closes it.

        Args:
            path_or_url: a path, ``"sqlite://"`` (a database in memory, of this repository alone) or
                any SQLAlchemy URL.
            migrate: whether to create or migrate the schema; None: True for SQLite, False for a
                server.
            **options: see RepositoryOptions.

        Raises:
            As ``SessionRepository.open``, when it is awaited.
        """
        check_option_names(options, f"{cls.__name__}.open")
        opening = partial(SessionRepository.open, path_or_url, migrate=migrate, **options)

        async def start() -> A:
            threads = _Threads()
            try:
                return cls._on(await threads.run_to_end(opening), threads)
            except BaseException:
                threads.close()
                raise

        return Opening(start)

    async def close(self) -> None:
        """Take no more verbs, and close what ``open`` opened. Closing again is fine."""
        await greenlet_spawn(self._repository.close)
        self._way.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Self]:
        """A repository whose verbs make one transaction: kept at the end of the block, undone by an exception or cancellation."""
        block = self._repository.transaction(read_only=read_only)
        way = _OneAtATime(self._way)
        entered: list[SessionRepository] = []
        try:
            await way.run_to_end(lambda: entered.append(block.__enter__()))
            yield self._on(entered[0], way)
        except BaseException as error:
            if not entered:
                raise
            ending = partial(block.__exit__, type(error), error, error.__traceback__)
            if not await way.run_to_end(ending):
                raise
        else:
            await way.run_to_end(partial(block.__exit__, None, None, None))

    # --- the verbs

    create_session = awaited(SessionRepository.create_session)
    get_session = awaited(SessionRepository.get_session)
    session_exists = awaited(SessionRepository.session_exists)
    list_sessions = awaited(SessionRepository.list_sessions)
    update_session = awaited(SessionRepository.update_session)
    touch = awaited(SessionRepository.touch)
    expired = awaited(SessionRepository.expired)
    delete_session = awaited(SessionRepository.delete_session)
    get_stats = awaited(SessionRepository.get_stats)
    list_expired = awaited(SessionRepository.list_expired)
    delete_expired = awaited(SessionRepository.delete_expired)
    store_stats = awaited(SessionRepository.store_stats)
    check = awaited(SessionRepository.check)
    backup = awaited(SessionRepository.backup)
    put_variable = awaited(SessionRepository.put_variable)
    register_variable = awaited(SessionRepository.register_variable)
    get_variable = awaited(SessionRepository.get_variable)
    get_value = awaited(SessionRepository.get_value)
    has_variable = awaited(SessionRepository.has_variable)
    variable_names = awaited(SessionRepository.variable_names)
    list_variables = awaited(SessionRepository.list_variables)
    get_variables = awaited(SessionRepository.get_variables)
    update_variable = awaited(SessionRepository.update_variable)
    modify_variable = awaited(SessionRepository.modify_variable)
    update_variables = awaited(SessionRepository.update_variables)
    update_constraints = awaited(SessionRepository.update_constraints)
    delete_variable = awaited(SessionRepository.delete_variable)
    start_optimization = awaited(SessionRepository.start_optimization)
    end_optimization = awaited(SessionRepository.end_optimization)
    variable_history = awaited(SessionRepository.variable_history)
    get_variable_version = awaited(SessionRepository.get_variable_version)
    rollback_variable = awaited(SessionRepository.rollback_variable)
    prune_history = awaited(SessionRepository.prune_history)
    put_program = awaited(SessionRepository.put_program)
    get_program = awaited(SessionRepository.get_program)
    list_programs = awaited(SessionRepository.list_programs)
    get_programs = awaited(SessionRepository.get_programs)
    program_ids = awaited(SessionRepository.program_ids)
    has_program = awaited(SessionRepository.has_program)
    delete_program = awaited(SessionRepository.delete_program)
