"""Engines with snakestore's settings, for a path or URL of any database that it runs on."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from snakestore.errors import StoreError
from snakestore.storage import fork
from snakestore.storage.dialects import backend_of
from snakestore.storage.settings import Durability, Settings
from snakestore.storage.url import PathOrUrl, parse

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
    url = parse(path_or_url)
    settings = Settings.checked(busy_timeout, durability)
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
