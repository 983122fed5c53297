"""Engines on SQLite: their pool, and what they listen to.

A file is opened in opening.py. What a connection begins, and when, is in begin.py.
"""

from __future__ import annotations

import logging
import sqlite3
import weakref
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Dialect, Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool

from snakestore.errors import StoreError
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.dialects.sqlite.begin import begin_before_statement, check_before_commit
from snakestore.storage.dialects.sqlite.file_watch import WATCH
from snakestore.storage.dialects.sqlite.opening import SAFE_PRAGMAS, FileOpener, execute_or_close
from snakestore.storage.dialects.sqlite.url import SQLiteAddress, address_of
from snakestore.storage.fork import leak_deliberately
from snakestore.storage.settings import Settings
from snakestore.storage.sqlalchemy_internals import forget_connection

_OLDEST_SQLITE = (3, 35, 0)
_POOL_SIZE = 20
logger = logging.getLogger("snakestore.sqlite")


def check_version() -> None:
    """Check Python's SQLite.

    Raises:
        StoreError: it is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        message = (
            f"this Python has SQLite {sqlite3.sqlite_version}, but snakestore needs 3.35 or newer:"
            " use a newer Python"
        )
        raise StoreError(message)


def create_engine(url: URL, settings: Settings, opener: FileOpener | None = None) -> Engine:
    """An engine on a SQLite file or a database in memory.

    Args:
        url: the parsed URL.
        settings: how the connections wait and commit.
        opener: what opens the file, if the caller has it.

    Raises:
        StoreError: Python's SQLite is too old.
    """
    check_version()
    address = address_of(url)
    # a database in memory is its one connection. Files get a connection for each thread at work,
    # so that none waits for one
    pool: dict[str, Any] = (
        {"poolclass": StaticPool}
        if address.path is None
        else {"poolclass": QueuePool, "pool_size": _POOL_SIZE, "max_overflow": -1}
    )
    engine = sqlalchemy.create_engine(url, **pool)
    if address.path is not None:
        opener = _openers[engine.dialect] = opener or FileOpener(address.path, address, settings)
    _listen(engine, address, opener)
    return engine


def _listen(engine: Engine, address: SQLiteAddress, opener: FileOpener | None) -> None:
    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: Any, entry: ConnectionPoolEntry, _args: Any, _options: Any
    ) -> sqlite3.Connection:
        """Open the connection as the opener does, instead of SQLAlchemy's ``connect``."""
        return _open_memory(address) if opener is None else opener.open(entry.info)

    @event.listens_for(engine, "checkin")
    def begin_nothing_again(connection: sqlite3.Connection | None, _entry: Any) -> None:
        """Turn off the BEGIN of the driver again."""
        # SQLAlchemy ends a user's isolation_level="AUTOCOMMIT" by turning on the driver's own BEGIN
        if connection is not None and connection.isolation_level is not None:
            connection.isolation_level = None

    event.listen(engine, "before_cursor_execute", begin_before_statement)
    if opener is not None:
        event.listen(engine, "checkout", _discard_stale)
        event.listen(engine, "commit", check_before_commit)


_openers: weakref.WeakKeyDictionary[Dialect, FileOpener] = weakref.WeakKeyDictionary()


def opener_of(engine: Engine) -> FileOpener:
    """What opens the file of an engine."""
    return _openers[engine.dialect]


def _open_memory(address: SQLiteAddress) -> sqlite3.Connection:
    connection = sqlite3.connect(
        address.uri(), uri=True, isolation_level=None, check_same_thread=False
    )
    execute_or_close(connection, *SAFE_PRAGMAS)
    return connection


def _discard_stale(connection: sqlite3.Connection, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    """Listen to ``checkout`` and have the pool reconnect if the file was changed or replaced."""
    watch = entry.info.get(WATCH)
    if watch is not None and (watch.stale or watch.replaced):
        if watch.replaced:
            leak_deliberately(connection)
            forget_connection(entry)
        name = files.printable(watch.path)
        logger.info("reconnecting to %s: the file was changed or replaced", name)
        message = "the file is not the one that was opened"
        raise DisconnectionError(message)
