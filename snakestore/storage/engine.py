"""Engines with snakestore's settings, for a path or URL of any database that it runs on.

And what a repository opens its connections with: an engine, or, for a file, less.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Dialect, Engine

from snakestore.errors import StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import backend_of
from snakestore.storage.settings import Durability, Settings
from snakestore.storage.url import PathOrUrl, parse

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import Connector, SchemaReader

_SETTINGS = "snakestore_settings"
"""The execution option that holds the settings of an engine."""


def create_engine(
    path_or_url: PathOrUrl, *, busy_timeout: float = 30.0, durability: Durability = "normal"
) -> Engine:
    """A SQLAlchemy Engine with snakestore's settings. Nothing is opened before it connects.

    A transaction on a SQLite file begins with its first statement, with BEGIN IMMEDIATE if that
    writes. DDL rolls back, and savepoints work. Idle connections are closed before a fork. A file
    that is in use at a fork is refused in the child.

    Args:
        path_or_url: "agent.db", a Path, "sqlite://" (memory), "file:agent.db?mode=ro" or any
            SQLAlchemy URL of SQLite or PostgreSQL.
        busy_timeout: how many seconds to wait for other writers.
        durability: "normal": an acknowledged write survives ``kill -9``; "full": a power failure
            too. A server decides for itself.

    Raises:
        ValidationError: an argument is invalid.
        StoreError: snakestore does not run on that database, or its driver is not installed.
    """
    return _create_engine(parse(path_or_url), Settings.checked(busy_timeout, durability))


def _create_engine(url: URL, settings: Settings) -> Engine:
    engine = backend_of(url).create_engine(url, settings)
    engine.update_execution_options(**{_SETTINGS: settings})
    fork.register_engine(engine)
    return engine


def is_ours(bind: Engine | Connection) -> bool:
    """Whether ``create_engine`` made the engine, or the engine of the connection."""
    return isinstance(bind.get_execution_options().get(_SETTINGS), Settings)


def settings_of(bind: Engine | Connection) -> Settings:
    """The settings that ``create_engine`` gave to the engine.

    Raises:
        StoreError: another function made it.
    """
    settings = bind.get_execution_options().get(_SETTINGS)
    if isinstance(settings, Settings):
        return settings
    message = "this engine was not made by snakestore.create_engine and has settings of its own"
    raise StoreError(message)


class EngineConnector:
    """Opens the connections of a repository by an engine. A ``Connector``."""

    has_opened = False

    def __init__(self, engine: Engine, *, owned: bool = False) -> None:
        """Use ``engine``.

        Args:
            engine: any engine.
            owned: whether nobody else uses it, so that ``close`` disposes of it.
        """
        self.engine = engine
        self._owned = owned

    @property
    def url(self) -> URL:
        """The engine's URL."""
        return self.engine.url

    @property
    def dialect(self) -> Dialect:
        """The engine's dialect."""
        return self.engine.dialect

    def connect(self) -> tuple[Any, dict[Any, Any]]:
        """Take a connection out of the engine's pool, for ever. Returns its info too."""
        proxied = self.engine.raw_connection()
        driver_connection = proxied.driver_connection
        # another thread may clear the info of a detached one, which goes with its pool entry
        info = dict(proxied.info)
        # SQLAlchemy's pool would reset the connection, and give it to others
        proxied.detach()
        return driver_connection, info

    def open_schema_reader(self) -> AbstractContextManager[SchemaReader | None]:
        """As the backend opens one."""
        busy_timeout = settings_of(self.engine).busy_timeout
        return backend_of(self.engine).open_schema_reader(self.engine, busy_timeout)

    @contextmanager
    def migration_engine(self) -> Iterator[Engine]:
        """The engine itself."""
        yield self.engine

    def close(self) -> None:
        """Dispose of an engine that nobody else uses."""
        if self._owned:
            self.engine.dispose()


def create_connector(url: URL, settings: Settings) -> Connector:
    """What opens the connections of a repository to a database. Nothing is opened yet.

    Raises:
        StoreError: the driver is not installed or too old.
    """
    return backend_of(url).file_connector(url, settings) or EngineConnector(
        _create_engine(url, settings), owned=True
    )
