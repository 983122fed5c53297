"""Engines with our settings: SQLite files that many processes share, databases in memory, PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import weakref
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from snakestore.errors import StoreError
from snakestore.storage.dialects.sqlite import connect
from snakestore.storage.fork import leak_deliberately
from snakestore.storage.settings import Durability, Settings
from snakestore.storage.url import PathOrUrl, parse, shown, sqlite_address

__all__ = ["create_engine", "is_ours", "parse", "settings_of", "shown"]

_SETTINGS = "snakestore_settings"
_KEPT_OPEN = 20
_OLDEST_SQLITE = (3, 35, 0)
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def create_engine(
    path_or_url: PathOrUrl, *, busy_timeout: float = 30.0, durability: Durability = "normal"
) -> Engine:
    """A SQLAlchemy Engine with our settings; nothing is opened or made before its first connection.

    Args:
        path_or_url: "agent.db", a Path, "sqlite://" (memory), "file:agent.db?mode=ro" or any
            SQLAlchemy URL of SQLite or PostgreSQL.
        busy_timeout: how many seconds to wait for other writers.
        durability: "normal": an acknowledged write survives ``kill -9``; "full": a power failure
            too. A server decides for itself.

    A transaction on a SQLite file begins with its first statement, with BEGIN IMMEDIATE where that
    writes; DDL rolls back, savepoints tx. Connections made before a fork are left alone in the
    child.

    Raises:
        ValidationError: an argument may not be.
        StoreError: a database that snakestore does not run on, or its driver is not installed.
    """
    url = parse(path_or_url)
    settings = Settings.checked(busy_timeout, durability)
    engine = (
        _sqlite_engine(url, settings)
        if url.get_backend_name() == "sqlite"
        else _postgresql_engine(url, settings)
    )
    _engines.add(engine)
    return engine


def is_ours(bind: Engine | Connection) -> bool:
    """Whether ``create_engine`` of this module made the engine, or the engine of the connection."""
    return isinstance(bind.get_execution_options().get(_SETTINGS), Settings)


def settings_of(bind: Engine | Connection) -> Settings:
    """The settings that an engine of ours was made with.

    Raises:
        StoreError: it is not ours.
    """
    settings = bind.get_execution_options().get(_SETTINGS)
    if isinstance(settings, Settings):
        return settings
    message = "this engine was not made by snakestore.create_engine and has settings of its own"
    raise StoreError(message)


def _sqlite_engine(url: URL, settings: Settings) -> Engine:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        message = (
            f"this Python has SQLite {sqlite3.sqlite_version}, but snakestore needs 3.35 or newer:"
            " use a newer Python"
        )
        raise StoreError(message)
    address = sqlite_address(url)
    # a database in memory is its one connection; files get as many as there are threads at tx,
    # which wait for none
    pool: dict[str, Any] = (
        {"poolclass": StaticPool}
        if address.path is None
        else {"poolclass": QueuePool, "pool_size": _KEPT_OPEN, "max_overflow": -1}
    )
    engine = sqlalchemy.create_engine(url, execution_options={_SETTINGS: settings}, **pool)
    connect.install(engine, address, settings)
    return engine


def _postgresql_engine(url: URL, settings: Settings) -> Engine:
    try:
        engine = sqlalchemy.create_engine(
            url,
            execution_options={_SETTINGS: settings},
            isolation_level="READ COMMITTED",
            max_overflow=-1,
            pool_pre_ping=True,  # a server may have been restarted in between
            pool_size=_KEPT_OPEN,
        )
    except ImportError as error:
        message = "PostgreSQL needs the driver psycopg 3: pip install 'snakestore[postgresql]'"
        raise StoreError(message) from error

    # 0 would mean to wait for ever
    milliseconds = max(1, round(settings.busy_timeout * 1000))

    @event.listens_for(engine, "connect")
    def wait_no_longer(connection: Any, _entry: Any) -> None:
        connection.execute(f"SET lock_timeout = {milliseconds}")
        connection.execute("SET timezone = 'UTC'")
        connection.commit()

    return engine


# --- after a fork


def _leave_parents_connections() -> None:
    for engine in list(_engines):
        # a database in memory is copied with the process; there is no parent to disturb, and
        # nothing else to read
        if not isinstance(engine.pool, StaticPool):
            leak_deliberately(engine.pool)
            engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_parents_connections)
