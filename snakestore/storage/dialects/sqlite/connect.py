"""Opening a SQLite database with our settings, and beginning its transactions.

The driver begins nothing by itself (``isolation_level=None``). What a user sends through SQLAlchemy
on an engine of ours begins here, as late as its first statement, so that DDL rolls back and
savepoints tx.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from snakestore.errors import CorruptStoreError, StoreError
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.dialects.sqlite.file_watch import WATCH, Watch, warn_of_shared
from snakestore.storage.fork import leak_deliberately
from snakestore.storage.settings import Settings
from snakestore.storage.url import SQLiteAddress

JOURNAL_SIZE_LIMIT = 64 * 1024 * 1024
_PRIMARY = 0xFF
_AT_LEAST_SECONDS = 5.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_READ_ONLY = "snakestore_read_only"

_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*|/\*[\s\S]*?\*/)*([A-Za-z]+)")
_CHANGES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_READS = frozenset({"SELECT", "VALUES"})
# what opens or ends a transaction, may not run inside one, or takes effect only outside
_ALONE = frozenset(
    {"BEGIN", "COMMIT", "END", "ROLLBACK", "PRAGMA", "EXPLAIN", "VACUUM", "ATTACH", "DETACH"}
)


def install(engine: Engine, address: SQLiteAddress, settings: Settings) -> None:
    """Make ``engine`` connect and begin our way. Only for an engine that we made."""
    known = _Known()

    @event.listens_for(engine, "do_connect")
    def connect(
        _dialect: Any, entry: ConnectionPoolEntry, _args: Any, _options: Any
    ) -> sqlite3.Connection:
        if address.path is None:
            return _open_memory(address)
        with translate_unreadable_schema():
            return _open_file(address.path, address, settings, entry, known)

    @event.listens_for(engine, "checkin")
    def begin_nothing_again(connection: sqlite3.Connection | None, _entry: Any) -> None:
        # SQLAlchemy ends a user's isolation_level="AUTOCOMMIT" by turning on the driver's own BEGIN
        if connection is not None and connection.isolation_level is not None:
            connection.isolation_level = None

    event.listen(engine, "before_cursor_execute", _begin_late)
    if address.path is not None:
        event.listen(engine, "checkout", _refuse_stale)


# --- opening


def _connect(name: str, busy_timeout: float) -> sqlite3.Connection:
    """A bare connection: threads may share it in turn, as a pool needs, and it begins nothing by itself."""
    return sqlite3.connect(
        name, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
    )


@contextmanager
def translate_unreadable_schema() -> Iterator[None]:
    """Tell as damage what the driver cannot even tell: SQLite's message quotes a damaged schema, and that is no text.

    Raises:
        CorruptStoreError: that happened.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        message = (
            "the file is damaged: restore a backup, or salvage with the sqlite3 shell's .recover"
            f" (its schema is no text: {error})"
        )
        raise CorruptStoreError(message) from error


def open_to_look(path: str, busy_timeout: float) -> sqlite3.Connection:
    """A connection that changes nothing, for a look at a file that is there.

    A read-only connection to a database in WAL mode would make the log and leave it behind; one
    that may write takes it away when it closes. It would also put what the log holds into the
    database, so a log is looked at read-only.
    """
    through_log = files.size(os.path.realpath(path) + "-wal") > 0
    if not files.writable(path):
        return _open_read_only(path, {}, busy_timeout)[0]
    connection = _connect(_uri(path, "ro" if through_log else "rw"), busy_timeout)
    _execute_or_close(connection, "PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF")
    return connection


def _open_memory(address: SQLiteAddress) -> sqlite3.Connection:
    connection = _connect(address.uri(), 0.0)
    _execute_or_close(connection, "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF")
    return connection


class _Known:
    """What an engine knows of its file."""

    __slots__ = ("opened",)

    def __init__(self) -> None:
        self.opened = False


def _open_file(
    path: str, address: SQLiteAddress, settings: Settings, entry: ConnectionPoolEntry, known: _Known
) -> sqlite3.Connection:
    if not files.is_there(path):
        if known.opened:
            message = (
                f"the file {path} is gone: put it back, or open the store again to make a new one"
            )
            raise StoreError(message)
        if not address.creates:
            message = (
                f"there is no file {path}, and its URL forbids to make one: open it once without"
                f" mode={address.parameters.get('mode', 'ro')}"
            )
            raise StoreError(message)
        files.make_private(path)
    if not known.opened:
        warn_of_shared(path)
    if address.read_only or not files.writable(path):
        connection, immutable = _open_read_only(
            path, dict(address.parameters), settings.busy_timeout
        )
        entry.info[_READ_ONLY] = True
        _execute_or_close(connection, "PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF")
        entry.info[WATCH] = Watch(path, unchanging=immutable and not address.immutable)
        known.opened = True
        return connection
    connection = _connect(address.uri(mode="rw"), settings.busy_timeout)
    synchronous = "FULL" if settings.durability == "full" else "NORMAL"
    try:
        _switch_to_wal(connection, settings.busy_timeout)
    except BaseException:
        connection.close()
        raise
    _execute_or_close(
        connection,
        f"PRAGMA synchronous = {synchronous}",
        f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}",
        "PRAGMA foreign_keys = ON",
        "PRAGMA trusted_schema = OFF",
    )
    entry.info[WATCH] = Watch(path)
    known.opened = True
    return connection


def _open_read_only(
    path: str, parameters: dict[str, str], busy_timeout: float
) -> tuple[sqlite3.Connection, bool]:
    """A connection that cannot write, and whether it takes the file for unchanging.

    In WAL mode readers too need the log's index, which a folder that may not be written has no room
    for. Where there is no log either, nothing is missed by reading the file as if it never changed.
    """
    connection = _connect(_uri(path, "ro", parameters), busy_timeout)
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        connection.close()
        code = error.sqlite_errorcode & _PRIMARY
        if (
            code not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
            or files.size(os.path.realpath(path) + "-wal") > 0
        ):
            raise
        return _connect(_uri(path, "ro", {**parameters, "immutable": "1"}), busy_timeout), True
    return connection, False


def _uri(path: str, mode: str, parameters: dict[str, str] | None = None) -> str:
    return SQLiteAddress(path, path, parameters or {}).uri(mode=mode)


def _execute_or_close(connection: sqlite3.Connection, *pragmas: str) -> None:
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise


def _switch_to_wal(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Put the database into WAL mode for good, if it is not; a new file also learns to give space back.

    The switch takes an exclusive lock and does not wait for it as other statements do, so the
    waiting is done here.
    """
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    deadline = time.monotonic() + max(busy_timeout, _AT_LEAST_SECONDS)
    # heeded only before the first page is written, which the switch does
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if (
                error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY
                or time.monotonic() > deadline
            ):
                raise
        else:
            return
        time.sleep(random.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE))  # noqa: S311 - to spread processes, not to keep a secret


# --- a file that was changed or replaced


def _refuse_stale(connection: sqlite3.Connection, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    watch = entry.info.get(WATCH)
    if watch is not None and (watch.stale or watch.replaced):
        if watch.replaced:
            leak_deliberately(connection)
            cast("Any", entry).dbapi_connection = None  # or the pool would close it
        message = "the file is another than it was when it was opened"
        raise DisconnectionError(message)


# --- beginning


@lru_cache(maxsize=1024)
def begin_for(statement: str) -> str | None:
    """What has to be sent before ``statement`` where no transaction is open; None: nothing."""
    found = _FIRST_WORD.match(statement)
    word = found[1].upper() if found else ""
    if word in _ALONE:
        return None
    if word in _READS or (word == "WITH" and not _CHANGES.search(statement)):
        return "BEGIN"
    return "BEGIN IMMEDIATE"


def _begin_late(
    connection: Connection, cursor: Any, statement: str, _parameters: Any, _context: Any, _many: Any
) -> None:
    if (
        cursor.connection.in_transaction
        or connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
    ):
        return
    begin = begin_for(statement)
    if begin is not None:
        # through SQLAlchemy, so that an error is wrapped and echo shows it
        connection.exec_driver_sql("BEGIN" if connection.info.get(_READ_ONLY) else begin)
