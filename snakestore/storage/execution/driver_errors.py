"""Translates the errors of drivers and SQLAlchemy into snakestore's."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import exc

from snakestore.errors import (
    CorruptStoreError,
    SchemaOutdatedError,
    SnakeStoreError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from snakestore.storage.schema.revisions import HEAD

# SQLite's primary result codes (https://sqlite.org/rescode.html); extended codes carry them in
# their low byte
_PRIMARY = 0xFF
_SQLITE: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreBusyError,
        "others kept the database busy; nothing was changed, try again or raise busy_timeout",
    ),
    sqlite3.SQLITE_LOCKED: (
        StoreBusyError,
        "the database is in use by this very process; end the other transaction first",
    ),
    sqlite3.SQLITE_READONLY: (
        StoreReadOnlyError,
        "the database may be read but not written: check the file's mode and the URL's mode=ro",
    ),
    sqlite3.SQLITE_FULL: (
        StoreFullError,
        "the disk or the database's size limit is used up; nothing was changed, free some space",
    ),
    sqlite3.SQLITE_CORRUPT: (
        CorruptStoreError,
        "the file is damaged: restore a backup, or salvage with the sqlite3 shell's .recover",
    ),
    sqlite3.SQLITE_NOTADB: (CorruptStoreError, "the file is no SQLite database"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreError,
        "the database file cannot be opened: check that the folder exists and may be written",
    ),
    sqlite3.SQLITE_PERM: (StoreError, "access to the database was denied: check the file's mode"),
    sqlite3.SQLITE_IOERR: (StoreError, "the disk failed while the database was in use"),
    sqlite3.SQLITE_TOOBIG: (StoreError, "a value is larger than SQLite takes"),
    sqlite3.SQLITE_NOMEM: (StoreError, "the process ran out of memory"),
}
_NO_TEXT: tuple[type[StoreError], str] = (
    CorruptStoreError,
    "a text in the file is damaged: restore a backup, or mend the row by hand",
)
_LOST = "the connection to the server failed; nothing was changed"
# PostgreSQL's SQLSTATEs, whole or by class
# (https://www.postgresql.org/docs/current/errcodes-appendix.html)
_POSTGRESQL: dict[str, tuple[type[StoreError], str]] = {
    "40001": (StoreBusyError, "the transaction met another's: roll back and run it again"),
    "40P01": (
        StoreBusyError,
        "the transaction met another's (deadlock): roll back and run it again",
    ),
    "55P03": (
        StoreBusyError,
        "others kept a row locked for too long; nothing was changed, try again",
    ),
    "57014": (
        StoreBusyError,
        "the server cancelled the statement (statement_timeout or an administrator)",
    ),
    "25006": (StoreReadOnlyError, "the server or the transaction is read-only"),
    "53100": (StoreFullError, "the server's disk is full"),
    "25P02": (StoreError, "the transaction failed earlier: roll it back first"),
    "XX001": (CorruptStoreError, "the server reports damaged data"),
    "XX002": (CorruptStoreError, "the server reports a damaged index"),
    "28": (StoreError, "the server refused the login"),
    "3D": (StoreError, "there is no such database on the server"),
    "08": (StoreError, _LOST),
    "57": (
        StoreError,
        "the server is shutting down or not accepting connections; nothing was changed",
    ),
}
_OF_DAMAGE = (TypeError, ValueError, OverflowError, AttributeError)
_OUR_CODE = str(Path(__file__).resolve().parents[2]) + os.sep
_MISSING_TABLE_SQLSTATES = {"42P01", "42703"}
_RETRY_SQLSTATES = {"40001", "40P01"}
_DUPLICATE_SQLSTATE = "23505"
_CONNECTION_ERRORS = {"OperationalError", "InterfaceError"}
"""What PEP 249's drivers raise, without an SQLSTATE, where there was no server to send one."""


def driver_error(error: BaseException) -> BaseException | None:
    """The driver's own exception inside ``error``, or ``error`` if it is one, or None."""
    if isinstance(error, exc.DBAPIError):
        return error.orig
    if isinstance(error, sqlite3.Error):
        return error
    return error if isinstance(error, _drivers_own()) else None


def _drivers_own() -> tuple[type[BaseException], ...]:
    """Errors that SQLAlchemy does not wrap: psycopg's on driver cursors, asyncpg's on connect."""
    psycopg, asyncpg = sys.modules.get("psycopg"), sys.modules.get("asyncpg")
    return (
        *((psycopg.Error,) if psycopg else ()),
        *((asyncpg.PostgresError, asyncpg.InterfaceError) if asyncpg else ()),
    )


def is_driver_error(error: BaseException) -> bool:
    """Whether ``error`` is a driver's or SQLAlchemy's, or comes of damaged data."""
    return (
        isinstance(error, exc.SQLAlchemyError)
        or driver_error(error) is not None
        or is_damage(error)
    )


def is_damage(error: BaseException) -> bool:
    """Whether snakestore's code failed on a cell that holds what its column must not.

    Arguments were checked before, and what a user's function or type raises comes from a frame that
    is not ours.
    """
    if not isinstance(error, _OF_DAMAGE) or isinstance(error, SnakeStoreError):
        return False
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_filename.startswith(_OUR_CODE)


def is_busy(error: BaseException) -> bool:
    """Whether the transaction may succeed when run again: busy, or a serialization failure."""
    cause = driver_error(error)
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return _sqlstate(cause) in _RETRY_SQLSTATES


def is_duplicate(error: BaseException) -> bool:
    """Whether another transaction inserted the same key, which only a server lets happen."""
    return _sqlstate(driver_error(error)) == _DUPLICATE_SQLSTATE


def is_out_of_reach(error: BaseException) -> bool:
    """Whether an error while connecting says that the server cannot be reached."""
    return isinstance(error, exc.DBAPIError | OSError) or driver_error(error) is not None


def _sqlstate(cause: BaseException | None) -> str:
    """The SQLSTATE of a driver's error, wherever the driver keeps it; "" where there is none."""
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if state is None and cause is not None and cause.args and isinstance(cause.args[0], dict):
        state = cause.args[0].get("C")  # pg8000 hands on the server's fields
    return state if isinstance(state, str) else ""


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def _of_no_driver(error: BaseException) -> SnakeStoreError:
    if is_damage(error):
        return CorruptStoreError(
            f"a row in the database is damaged, and `check` tells which ({type(error).__name__}:"
            f" {error})"
        )
    if isinstance(error, exc.TimeoutError):
        return StoreBusyError(
            "others used all connections of the engine's pool for too long; nothing was changed,"
            f" try again ({error})"
        )
    told = (
        _LOST
        if isinstance(error, OSError)
        else f"the database layer refused: {type(error).__name__}"
    )
    return StoreError(f"{told} ({error})")


def translate(error: BaseException) -> SnakeStoreError:
    """Our error for a driver's or SQLAlchemy's; the caller chains the original as the cause."""
    cause = driver_error(error)
    if cause is None:
        return _of_no_driver(error)
    text = str(cause).strip() or type(cause).__name__
    if isinstance(cause, sqlite3.Error):
        if text.startswith(("no such table", "no such column")) or "has no column named" in text:
            return _outdated(text)
        kind, told = (
            _NO_TEXT
            if text.startswith("Could not decode")
            else _SQLITE.get(_sqlite_code(cause), (StoreError, "the database refused"))
        )
        return kind(f"{told} (SQLite: {text})")
    state = _sqlstate(cause)
    if state in _MISSING_TABLE_SQLSTATES:
        return _outdated(text)
    refused = (
        _LOST
        if not state and type(cause).__name__ in _CONNECTION_ERRORS
        else "the database refused"
    )
    kind, told = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2]) or (StoreError, refused)
    return kind(f"{told} ({text})")


def _outdated(text: str) -> SchemaOutdatedError:
    return SchemaOutdatedError(
        f"the database lacks our tables or an older snakestore made them ({text}): run `snakestore"
        " db upgrade`, or snakestore.upgrade(bind)",
        current=None,
        head=HEAD,
    )


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate a driver's error that leaves the block, the original chained as the cause."""
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error) as error:
        raise translate(error) from error
    except Exception as error:
        if not is_driver_error(error):
            raise
        raise translate(error) from error
