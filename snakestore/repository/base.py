"""What a repository is bound to, and how it is opened and closed."""

import os
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack

from sqlalchemy import URL, Connection, Engine, orm
from sqlalchemy.pool import StaticPool

from snakestore.clock import utc_now
from snakestore.errors import StoreError, ValidationError
from snakestore.repository.handle import SharedHandle, SingleBlock
from snakestore.repository.options import Options, RepositoryOptions, show_options
from snakestore.repository.session_access import record_access
from snakestore.storage.dialects import Backend, backend_of
from snakestore.storage.engine import EngineConnector, is_ours
from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.connection_source import ConnectionSource
from snakestore.storage.execution.direct import DirectRunner
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.leaving import Enterable
from snakestore.storage.execution.pool import OwnedConnections
from snakestore.storage.execution.runner import Block, Runner, RunnerSettings
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.schema.tables import SessionRow
from snakestore.storage.url import describe

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import Connector

T = TypeVar("T", bound="RepositoryBase")
Bind = Engine | Connection | orm.Session


class RepositoryBase(SharedHandle):
    """Methods that open and close a repository, and its transactions."""

    _closed = False

    @show_options
    def __init__(self, bind: Bind, **options: Unpack[RepositoryOptions]) -> None:
        """Bind to an Engine, Connection or ``orm.Session`` that the caller owns.

        Nothing is installed on it, and no statement is sent yet. On an Engine each method is one
        transaction, retried while the database is busy. On a Connection or ``orm.Session`` a method
        joins the caller's transaction and never commits.

        Args:
            bind: what to work on. ``close()`` does not dispose of it.
            **options: see RepositoryOptions.

        Raises:
            ValidationError: a value of an option is not allowed, or not with this bind.
            StoreError: the bind is none of these, or its database is neither SQLite nor PostgreSQL.
        """
        checked = Options.checked(options, type(self).__name__)
        self._options = checked
        self._runner = _runner_for(bind, checked)
        self._bind: Bind | URL | None = bind

    @classmethod
    @show_options
    def open(
        cls,
        path_or_url: str | os.PathLike[str] | URL,
        *,
        migrate: bool | None = None,
        **options: Unpack[RepositoryOptions],
    ) -> Self:
        """Open a store. A missing SQLite file is created, an outdated one is migrated.

        Args:
            path_or_url: a path, ``"sqlite://"`` (a database in memory, of this repository alone) or
                any SQLAlchemy URL.
            migrate: whether to create or migrate the schema; None: True for SQLite, False for a
                server.
            **options: see RepositoryOptions.

        Raises:
            SchemaOutdatedError: the database is missing or outdated, and ``migrate`` is False.
                Nothing is created.
            SchemaTooNewError: a newer snakestore created the schema. Not a byte is changed.
            SchemaError: the database has tables but no snakestore schema. Not a byte is changed.
            CorruptStoreError: the file is not a database.
            ValidationError: a value of an option is not allowed.
            StoreError: the database cannot be reached.
        """
        checked = Options.checked(options, f"{cls.__name__}.open")
        connector = open_database(path_or_url, migrate=migrate, settings=checked.settings)
        try:
            with translate_errors():  # it configures the connection that has inspected the file
                runner = _runner_on(connector, checked, owned=True)
        except BaseException:
            connector.close()
            raise
        return cls._on(checked, runner, bind=connector.url)

    @classmethod
    def _on(
        cls,
        options: Options,
        runner: Runner,
        *,
        bind: Bind | URL | None = None,
    ) -> Self:
        bound = cls.__new__(cls)
        bound.__dict__.update(_options=options, _runner=runner, _bind=bind)
        return bound

    def __repr__(self) -> str:
        return f"<{type(self).__name__}{self._description()}>"

    def _description(self) -> str:
        """Where the database is, without a password, and whether the repository is closed."""
        place = "" if self._bind is None else f" {describe(_url_of(self._bind))}"
        return f"{place}, closed" if self._closed else place

    def close(self) -> None:
        """Close the repository and what ``open`` opened, after running calls have ended.

        Every later call raises StoreError. An open ``transaction()`` block may still end. Closing
        again does nothing.
        """
        self._closed = True
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def transaction(self, *, read_only: bool = False) -> AbstractContextManager[Self]:
        """Run several methods as one transaction.

        The block gets a repository bound to the transaction; use that one, in this thread. The
        transaction commits at the end of the block, and rolls back if the block raises. Inside
        another transaction it is a savepoint.

        Args:
            read_only: read one snapshot, without writing and without blocking writers.

        Raises:
            StoreBusyError: if the database stays locked, or this thread already has an open
                transaction of this repository.
            StoreError: if the repository is closed, or the database rolled the transaction back.
        """
        return _Transaction(
            self._on(self._options, self._runner, bind=self._bind),
            self._runner.transaction(read_only=read_only),
        )


class _Transaction(SingleBlock, Enterable[T]):
    """A ``with`` block that gives a repository whose methods are parts of one transaction."""

    def __init__(self, repository: T, block: Block) -> None:
        self._repository = repository
        self._block = block

    def begin(self) -> T:
        """Begin the transaction. Returns the repository of the block."""
        self._repository._runner = self._block.begin()  # noqa: SLF001 - of this module
        return self._repository

    def commit(self) -> None:
        """Commit what the methods in the block have done."""
        self._block.commit()

    def end(self, error: BaseException | None) -> None:
        """Roll back what was not committed."""
        self._block.end(error)


def _url_of(bind: Bind | URL) -> URL:
    if isinstance(bind, URL):
        return bind
    if isinstance(bind, orm.Session):
        return bind.get_bind(SessionRow).engine.url
    return bind.engine.url


def _runner_for(bind: object, options: Options) -> Runner:
    if isinstance(bind, Engine):
        return _runner_on(EngineConnector(bind), options)
    if options.cache:
        _refuse_cache("a Connection or an orm.Session")
    from snakestore.storage.execution.caller import (  # noqa: PLC0415 - for such binds alone
        CallerTransactionRunner,
    )

    if isinstance(bind, Connection):
        connection = bind
        return CallerTransactionRunner(
            lambda: connection, _runner_settings(backend_of(bind), options)
        )
    if isinstance(bind, orm.Session):
        session = bind
        arguments: dict[str, Any] = {"mapper": SessionRow}
        backend = backend_of(session.get_bind(**arguments))
        return CallerTransactionRunner(
            lambda: session.connection(bind_arguments=arguments),
            _runner_settings(backend, options),
        )
    message = (
        "a repository binds to an Engine, a Connection or an orm.Session, not"
        f" {type(bind).__name__}; open() takes paths and URLs"
    )
    raise StoreError(message)


def _runner_on(
    connector: "Connector", options: Options, *, owned: bool = False
) -> AutocommitRunner:
    engine = connector.engine
    backend = backend_of(connector.url if engine is None else engine)
    busy_timeout, limit = options.settings.busy_timeout, options.max_connections
    ours = engine is None or is_ours(engine)
    connections: ConnectionSource
    if engine is None or (ours and not isinstance(engine.pool, StaticPool)):
        connections = OwnedConnections(connector, backend, limit=limit, wait=busy_timeout)
    else:
        from snakestore.storage.execution import shared  # noqa: PLC0415 - for such engines alone

        connections = (
            shared.MemoryConnection(engine, backend, wait=busy_timeout, owned=owned)
            if ours
            else shared.BorrowedConnections(engine, backend, limit=limit, wait=busy_timeout)
        )
    if options.cache and not backend.data_version:
        _refuse_cache("a server")
    if options.cache and not ours:
        _refuse_cache("an engine that snakestore.create_engine did not make")
    return _runner_kind(backend, options, ours=ours)(
        connections, _runner_settings(backend, options), busy_timeout=busy_timeout
    )


def _runner_kind(backend: Backend, options: Options, *, ours: bool) -> type[AutocommitRunner]:
    if options.cache:
        from snakestore.storage.execution.cache import CachingRunner  # noqa: PLC0415 - on use

        return CachingRunner
    return DirectRunner if backend.in_process and ours else AutocommitRunner


def _refuse_cache(bind: str) -> NoReturn:
    message = (
        f"cache=True does not work with {bind}: it needs SQLite's PRAGMA data_version on the"
        " repository's own connections. Use SessionRepository.open(), or leave it out."
    )
    raise ValidationError(message, value=True)


def _runner_settings(backend: Backend, options: Options) -> RunnerSettings:
    return RunnerSettings(
        backend,
        clock=utc_now if options.clock is None and not backend.server_clock else options.clock,
        record=record_access if options.touch_on_read else None,
        max_value_bytes=options.max_value_bytes,
    )
