"""Translate the errors of ``sqlite3`` by SQLite's result code."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from snakestore.errors import (
    CorruptStoreError,
    SchemaError,
    SnakeStoreError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from snakestore.storage.dialects.messages import STILL_REFERENCED, outdated_schema_error
from snakestore.storage.schema.revisions import HEAD

_PRIMARY_CODE = 0xFF
"""The low byte of an extended result code is the primary one (https://sqlite.org/rescode.html)."""
_BY_CODE: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreBusyError,
        "the database is locked; nothing was written. Retry or increase busy_timeout",
    ),
    sqlite3.SQLITE_LOCKED: (
        StoreBusyError,
        "the database is locked by another transaction of this process; end that one first",
    ),
    sqlite3.SQLITE_READONLY: (
        StoreReadOnlyError,
        "the database is read-only: check the modes of the file and of its folder",
    ),
    sqlite3.SQLITE_FULL: (
        StoreFullError,
        "the disk or the database's size limit is full; nothing was written. Free some space",
    ),
    sqlite3.SQLITE_CORRUPT: (
        CorruptStoreError,
        "the file is damaged: restore a backup, or salvage with the sqlite3 shell's .recover",
    ),
    sqlite3.SQLITE_NOTADB: (
        CorruptStoreError,
        "the file is not a SQLite database: check its name, or restore a backup",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreError,
        "the database file cannot be opened: check that the folder exists and is writable",
    ),
    sqlite3.SQLITE_PERM: (StoreError, "access to the database was denied: check the file's mode"),
    sqlite3.SQLITE_IOERR: (StoreError, "the disk failed while the database was in use"),
    sqlite3.SQLITE_TOOBIG: (StoreError, "a value exceeds SQLite's size limit"),
    sqlite3.SQLITE_NOMEM: (StoreError, "the process ran out of memory"),
}
_CHECK_VIOLATIONS = frozenset({sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_NOTNULL})
_INVALID_UTF8: tuple[type[StoreError], str] = (
    CorruptStoreError,
    "invalid UTF-8 in a text column: restore a backup, or correct the row by hand",
)


_REFUSAL = "snakestore_refusal"
"""The attribute of a driver's error that has the kind of error and the cause, where known."""
Refusal = tuple[type[StoreError], str]


def explain_read_only(error: sqlite3.Error, refusal: Callable[[], Refusal]) -> None:
    """Note on an error of a connection that cannot write why it cannot."""
    if primary_code(error) == sqlite3.SQLITE_READONLY:
        setattr(error, _REFUSAL, refusal())


def primary_code(error: sqlite3.Error) -> int:
    """The primary result code; 0 where the driver gave none."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection held a lock."""
    return primary_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def violates_check(error: sqlite3.Error) -> bool:
    """Whether a CHECK or a NOT NULL refused a row."""
    return getattr(error, "sqlite_errorcode", 0) in _CHECK_VIOLATIONS


def translate(error: sqlite3.Error) -> SnakeStoreError:
    """The snakestore error for a driver error; the caller chains the original as the cause."""
    text = str(error).strip() or type(error).__name__
    if text.startswith(("no such table", "no such column")) or "has no column named" in text:
        return outdated_schema_error(text)
    if "unsafe use of" in text:  # trusted_schema is off
        message = (
            "an index, view, trigger or generated column in the database calls a function that"
            f" SQLite does not let a file call; drop it with the sqlite3 shell (SQLite: {text})"
        )
        return SchemaError(message, current=None, head=HEAD)
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return StoreError(f"{STILL_REFERENCED} (SQLite: {text})")
    kind, reason = getattr(error, _REFUSAL, None) or (
        _INVALID_UTF8
        if text.startswith("Could not decode")
        else _BY_CODE.get(primary_code(error), (StoreError, "the database refused the statement"))
    )
    return kind(f"{reason} (SQLite: {text})")
