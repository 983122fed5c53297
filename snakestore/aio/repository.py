"""``AsyncSessionRepository``: which methods there are, and how each of them is run."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable
from contextlib import aclosing
from datetime import timedelta
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack, cast

from sqlalchemy import URL

import snakestore
from snakestore.aio.binds import AsyncBind, Opening, dispatcher_on, open_in_thread
from snakestore.aio.dispatcher import Arguments, Dispatcher, Keywords, Method
from snakestore.aio.lease import AsyncLease
from snakestore.aio.records import exported, imported
from snakestore.aio.transaction import AsyncTransaction
from snakestore.repository import SessionRepository
from snakestore.repository.handle import SharedHandle
from snakestore.repository.naming import lists_methods_of, named
from snakestore.repository.options import RepositoryOptions, check_option_names, show_options

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A", bound="AsyncSessionRepository")


def _awaited(
    method: Callable[Concatenate[SessionRepository, P], R],
    way: Callable[[Dispatcher], Callable[[Method[R], Arguments, Keywords], Coroutine[Any, Any, R]]],
) -> Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]:
    """A method, awaited in one way of the dispatcher: the same arguments, results and errors."""
    method = named(method, "AsyncSessionRepository", __name__)

    @wraps(method)
    async def _method(repository: AsyncSessionRepository, *args: P.args, **kwargs: P.kwargs) -> R:
        return await way(repository._dispatcher)(method, args, kwargs)  # noqa: SLF001 - of its class

    return cast("Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]", _method)


def _reads(
    method: Callable[Concatenate[SessionRepository, P], R],
) -> Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]:
    """A method that reads, awaited."""
    return _awaited(method, lambda dispatcher: dispatcher.read)


def _writes(
    method: Callable[Concatenate[SessionRepository, P], R],
) -> Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]:
    """A method that writes in one transaction, awaited."""
    return _awaited(method, lambda dispatcher: dispatcher.write)


def _calls(
    method: Callable[Concatenate[SessionRepository, P], R],
) -> Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]:
    """A method that writes in a transaction of its own and calls a function of the user's."""
    return _awaited(method, lambda dispatcher: partial(dispatcher.write, alone=True))


def _in_steps(
    method: Callable[Concatenate[SessionRepository, P], R],
) -> Callable[Concatenate[AsyncSessionRepository, P], Coroutine[Any, Any, R]]:
    """A method of several transactions, awaited. Others may write between them."""
    return _awaited(method, lambda dispatcher: dispatcher.in_steps)


@lists_methods_of(SessionRepository)
class AsyncSessionRepository(SharedHandle):
    """A SessionRepository whose methods are awaited.

    It may be used in several event loops. There is no mapping view and no ``log()``: they
    cannot be awaited.

    ``fn`` of ``modify_variable`` and callbacks such as ``progress`` are plain functions. They may
    run in a worker thread, so they must not touch the event loop; or on the event loop, so they
    must not block.
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
        self._dispatcher = dispatcher_on(bind, options)

    @classmethod
    def _on(cls, dispatcher: Dispatcher) -> Self:
        repository = cls.__new__(cls)
        repository.__dict__.update(_dispatcher=dispatcher)
        return repository

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
            SnakeStoreError: when it is awaited, as ``SessionRepository.open``.
        """
        check_option_names(options, f"{cls.__name__}.open")
        open_repository = partial(SessionRepository.open, path_or_url, migrate=migrate, **options)

        async def _start() -> A:
            return cls._on(await open_in_thread(open_repository))

        return Opening(_start)

    def __repr__(self) -> str:
        described = self._dispatcher.repository._description()  # noqa: SLF001 - its async form
        return f"<{type(self).__name__}{described}>"

    async def close(self) -> None:
        """Run no more methods, and close what ``open`` opened. Closing again is allowed.

        Methods that run at this moment end by themselves; those that wait raise ``StoreError``.
        """
        await self._dispatcher.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def transaction(self, *, read_only: bool = False) -> AsyncTransaction[Self]:
        """A block whose repository runs all methods in one transaction.

        The transaction is committed at the end of the block, and rolled back if an exception or a
        cancellation leaves it. Then it has ended and its locks are free. Inside another block it is
        a savepoint.

        Args:
            read_only: read one snapshot and write nothing. Writers do not wait for it.

        Raises:
            StoreBusyError: the database was busy, or this task has a block of this repository open.
            StoreError: the repository is closed, or the database rolled the transaction back.
        """
        return AsyncTransaction(self._dispatcher, self._on, read_only=read_only)

    def lease(
        self,
        sid: str,
        identifier: str,
        *,
        seconds: float | timedelta = 60.0,
        optimizer_id: str | None = None,
        renew: bool = True,
    ) -> AsyncLease:
        """Hold a variable for the length of an ``async with`` block.

        Entering the block starts the optimisation, and leaving it ends it. Each block has an id of
        its own. The block gets an AsyncLease, a ``Lease`` whose methods are awaited.

        Args:
            seconds: the length of the lease, in seconds or as a timedelta.
            optimizer_id: an id to hold the variable by, such as that of ``claim_variable``; None: a
                new unique id. Two blocks with one id at the same time both hold the variable.
            renew: renew the lease in a task after every third of its length. Not possible in a
                transaction.

        Raises:
            SnakeStoreError: as ``SessionRepository.lease``.
        """
        return AsyncLease(
            self._dispatcher,
            sid,
            identifier,
            seconds=seconds,
            optimizer_id=optimizer_id,
            renew=renew,
        )

    async def export_sessions(
        self,
        pattern: str | None = None,
        *,
        history: bool = True,
        include_expired: bool = False,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the sessions as records that can be written as JSON, one a line.

        As ``SessionRepository.export_sessions``, for ``async for``. The snapshot is open until the
        iteration has ended; end an iteration that is left early with ``aclose()``.

        Args:
            pattern: only ids that match (``*`` matches any run of characters, all else is literal).
            history: include past versions of variables and programs.
            include_expired: include expired sessions that were not deleted yet.

        Raises:
            InvalidNameError: if ``pattern`` is neither str nor Enum.
        """
        async with aclosing(
            exported(self._dispatcher, pattern, history=history, include_expired=include_expired)
        ) as records:
            async for record in records:
                yield record

    async def import_sessions(
        self,
        records: Iterable[dict[str, Any]] | AsyncIterable[dict[str, Any]],
        *,
        on_conflict: str = "fail",
        dry_run: bool = False,
    ) -> snakestore.ImportReport:
        """Store the sessions of an export, with their versions, history and times.

        As ``SessionRepository.import_sessions``.

        Args:
            records: what ``export_sessions`` returned, all of it, in its order. A plain iterable is
                read in a worker thread, an async one on the event loop.
            on_conflict: "fail", "skip" or "replace".
            dry_run: change nothing, and return what an import would do.

        Raises:
            SnakeStoreError: as ``SessionRepository.import_sessions``.
        """
        return await imported(self._dispatcher, records, on_conflict, dry_run=dry_run)

    # --- the methods

    create_session = _writes(SessionRepository.create_session)
    get_session = _reads(SessionRepository.get_session)
    session_exists = _reads(SessionRepository.session_exists)
    list_sessions = _reads(SessionRepository.list_sessions)
    update_session = _writes(SessionRepository.update_session)
    touch = _writes(SessionRepository.touch)
    revive_session = _writes(SessionRepository.revive_session)
    expired = _reads(SessionRepository.expired)
    delete_session = _in_steps(SessionRepository.delete_session)
    get_stats = _reads(SessionRepository.get_stats)
    list_expired = _reads(SessionRepository.list_expired)
    delete_expired = _in_steps(SessionRepository.delete_expired)
    store_stats = _reads(SessionRepository.store_stats)
    compact = _in_steps(SessionRepository.compact)
    check = _in_steps(SessionRepository.check)
    backup = _reads(SessionRepository.backup)
    put_variable = _writes(SessionRepository.put_variable)
    register_variable = _writes(SessionRepository.register_variable)
    get_variable = _reads(SessionRepository.get_variable)
    get_value = _reads(SessionRepository.get_value)
    has_variable = _reads(SessionRepository.has_variable)
    variable_names = _reads(SessionRepository.variable_names)
    list_variables = _reads(SessionRepository.list_variables)
    get_variables = _reads(SessionRepository.get_variables)
    update_variable = _writes(SessionRepository.update_variable)
    modify_variable = _calls(SessionRepository.modify_variable)
    set_value = _writes(SessionRepository.set_value)
    set_values = _writes(SessionRepository.set_values)
    update_variables = _writes(SessionRepository.update_variables)
    update_constraints = _writes(SessionRepository.update_constraints)
    delete_variable = _in_steps(SessionRepository.delete_variable)
    delete_variables = _in_steps(SessionRepository.delete_variables)
    start_optimization = _writes(SessionRepository.start_optimization)
    renew_optimization = _writes(SessionRepository.renew_optimization)
    claim_variable = _writes(SessionRepository.claim_variable)
    end_optimization = _writes(SessionRepository.end_optimization)
    variable_history = _reads(SessionRepository.variable_history)
    get_variable_version = _reads(SessionRepository.get_variable_version)
    rollback_variable = _writes(SessionRepository.rollback_variable)
    prune_history = _in_steps(SessionRepository.prune_history)
    put_program = _writes(SessionRepository.put_program)
    get_program = _reads(SessionRepository.get_program)
    get_program_record = _reads(SessionRepository.get_program_record)
    list_programs = _reads(SessionRepository.list_programs)
    get_programs = _reads(SessionRepository.get_programs)
    program_ids = _reads(SessionRepository.program_ids)
    has_program = _reads(SessionRepository.has_program)
    delete_program = _writes(SessionRepository.delete_program)
    program_history = _reads(SessionRepository.program_history)
    get_program_version = _reads(SessionRepository.get_program_version)
    rollback_program = _writes(SessionRepository.rollback_program)
    append_log = _writes(SessionRepository.append_log)
    read_log = _reads(SessionRepository.read_log)
    log_length = _reads(SessionRepository.log_length)
    list_logs = _reads(SessionRepository.list_logs)
    has_log = _reads(SessionRepository.has_log)
    pop_log = _writes(SessionRepository.pop_log)
    trim_log = _in_steps(SessionRepository.trim_log)
    delete_log = _in_steps(SessionRepository.delete_log)
