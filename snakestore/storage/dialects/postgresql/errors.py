"""Translate the errors of PostgreSQL's drivers by SQLSTATE."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator

from snakestore.errors import (
    CorruptStoreError,
    SnakeStoreError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from snakestore.storage.dialects.messages import (
    CONNECTION_LOST,
    STILL_REFERENCED,
    outdated_schema_error,
)

_PREPARED = (
    "a prepared statement met those of others, as behind a pooler. Let the engine prepare none:"
    " psycopg with connect_args={'prepare_threshold': None}; asyncpg with"
    " prepared_statement_cache_size and statement_cache_size 0, see docs/scaling.md"
)
_TIMED_OUT = (
    "the server ended the connection, whose transaction took longer than its settings allow"
    " (idle_in_transaction_session_timeout, transaction_timeout); nothing was written"
)
_BY_SQLSTATE: dict[str, tuple[type[StoreError], str]] = {
    "40001": (
        StoreBusyError,
        "the transaction conflicts with a concurrent one: roll back and run it again",
    ),
    "40P01": (
        StoreBusyError,
        "the transaction conflicts with a concurrent one (deadlock): roll back and run it again",
    ),
    "55P03": (
        StoreBusyError,
        "a row stayed locked by another transaction; nothing was written. Retry",
    ),
    "57014": (
        StoreBusyError,
        "the server cancelled the statement (statement_timeout or an administrator)",
    ),
    "23503": (StoreError, STILL_REFERENCED),
    "25006": (StoreReadOnlyError, "the server or the transaction is read-only"),
    "42501": (
        StoreError,
        "the role lacks a right on the server: GRANT it, or connect as another role",
    ),
    "53100": (StoreFullError, "the server's disk is full"),
    "25P03": (StoreError, _TIMED_OUT),
    "25P04": (StoreError, _TIMED_OUT),
    "25P02": (StoreError, "the transaction failed earlier: roll it back first"),
    "XX001": (CorruptStoreError, "the server reports damaged data"),
    "XX002": (CorruptStoreError, "the server reports a damaged index"),
    "42P05": (StoreError, _PREPARED),
    "26000": (StoreError, _PREPARED),
    "28": (StoreError, "the server refused the login"),
    "3D": (StoreError, "the database does not exist on the server"),
    "08P01": (
        StoreError,
        "the server refused, or its pooler, which must lend connections for whole transactions",
    ),
    "08": (StoreError, CONNECTION_LOST),
    "57": (
        StoreError,
        "the server is shutting down or not accepting connections; nothing was written",
    ),
}
"""By the whole code or its class of two characters
(https://www.postgresql.org/docs/current/errcodes-appendix.html).
"""
_UNDEFINED_TABLE_OR_COLUMN = {"42P01", "42703"}
_SERIALIZATION_FAILURE_OR_DEADLOCK = {"40001", "40P01"}
_UNIQUE_VIOLATION = "23505"
_CHECK_VIOLATIONS = frozenset({"23502", "23514"})
"""Of NOT NULL, and of CHECK."""
_CONNECTION_EXCEPTION, _PROTOCOL_VIOLATION = "08", "08P01"
_SERVER_GONE = {"57P01", "57P02", "57P03", "57P05"}
"""A connection was ended by an administrator, a crash, a start of the server or for idleness."""
_ABORTS = {"23", "40"}
"""The classes of errors by which COMMIT rolls back: constraints (deferred ones), conflicts."""
_CONNECTION_ERRORS = {"OperationalError", "InterfaceError"}
"""What PEP 249's drivers raise without an SQLSTATE when no server sent one."""
_DRIVERS = {"psycopg", "psycopg_binary", "psycopg_c", "psycopg2", "pg8000", "asyncpg"}
"""The packages of drivers."""
_ERRORS = (("psycopg", "Error"), ("asyncpg", "PostgresError"), ("asyncpg", "InterfaceError"))
"""What drivers raise outside of SQLAlchemy."""
_OF_SOCKETS = {"asyncio", "asyncpg", "pg8000", "socket", "ssl", "uvloop"}
"""The packages that connect sockets for drivers which pass on an OSError."""
_OF_CALLS = {*_DRIVERS, *_OF_SOCKETS, *sys.stdlib_module_names, "snakestore", "sqlalchemy"}
"""The packages whose code runs inside a call of a driver; other code only in a signal handler."""
_INTERRUPTIONS = (KeyboardInterrupt, SystemExit, MemoryError, RecursionError)
"""What the interpreter raises in any code."""
_LOOKUP_ERRORS = (LookupError, AttributeError, StopIteration)
"""What code raises and handles all the time."""


def driver_error_types() -> tuple[type[BaseException], ...]:
    """What the loaded drivers raise outside of SQLAlchemy.

    psycopg raises on cursors that snakestore owns, asyncpg while SQLAlchemy connects.
    """
    return tuple(
        getattr(sys.modules[driver], name)
        for driver, name in _ERRORS
        # another thread may import the driver now: then it has raised nothing yet
        if hasattr(sys.modules.get(driver), name)
    )


def came_through_driver(error: BaseException) -> bool:
    """Whether a frame of a driver is among those that an exception came through."""
    return any(package in _DRIVERS for package in _packages(error))


def interrupted(error: BaseException, replacement: BaseException) -> bool:
    """Whether an exception came into a driver from outside, and never left the library.

    One that the caller's code handles has left it: it may be the context of later errors. And one
    may be the driver's own, such as a KeyError or an OSError that it reports as its error.
    """
    packages = [*_packages(error)]
    if not came_through_driver(error) or packages[0] not in _OF_CALLS:
        return False
    if isinstance(error, _INTERRUPTIONS) or not {packages[-1], _package_of(error)} <= _OF_CALLS:
        return True
    # psycopg drops the innermost frames, which would tell more
    reported = replacement.__cause__ is error or replacement.__suppress_context__
    return (
        _package_of(error) == "builtins"
        and not isinstance(error, _LOOKUP_ERRORS)
        and not (reported or sqlstate(replacement))
    )


def _package_of(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def came_from_socket(error: BaseException) -> bool:
    """Whether an exception was raised by the code that connects a socket."""
    return next(reversed([*_packages(error)]), None) in _OF_SOCKETS


def _packages(error: BaseException) -> Iterator[str]:
    """The packages of the frames that an exception came through, the innermost last."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        yield str(frame.f_globals.get("__name__")).partition(".")[0]


def sqlstate(error: BaseException) -> str:
    """The SQLSTATE of a driver error, wherever the driver keeps it; "" where there is none."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state is None and error.args and isinstance(error.args[0], dict):
        state = error.args[0].get("C")  # pg8000 passes on the fields of the server's message
    return state if isinstance(state, str) else ""


def is_busy(error: BaseException) -> bool:
    """Whether the transaction lost against a concurrent one and may succeed when run again."""
    return sqlstate(error) in _SERIALIZATION_FAILURE_OR_DEADLOCK


def is_duplicate(error: BaseException) -> bool:
    """Whether a row of the same key exists already."""
    return sqlstate(error) == _UNIQUE_VIOLATION


def violates_check(error: BaseException) -> bool:
    """Whether a CHECK or a NOT NULL refused a row."""
    return sqlstate(error) in _CHECK_VIOLATIONS


def is_connection_loss(error: BaseException) -> bool:
    """Whether the error reports a lost connection: this one, or one to a worker of a cluster."""
    state = sqlstate(error)
    if state == _PROTOCOL_VIOLATION:
        return False  # what a pooler answers to what it does not allow
    return state[:2] == _CONNECTION_EXCEPTION or state in _SERVER_GONE


def aborts_commit(error: BaseException) -> bool:
    """Whether COMMIT failed as a plain abort. After any other error it may have taken effect."""
    return sqlstate(error)[:2] in _ABORTS


def translate(error: BaseException) -> SnakeStoreError:
    """The snakestore error for a driver error; the caller chains the original as the cause."""
    text = str(error).strip() or type(error).__name__
    state = sqlstate(error)
    if state in _UNDEFINED_TABLE_OR_COLUMN:
        return outdated_schema_error(text)
    unknown = (
        CONNECTION_LOST
        if not state and any(kind.__name__ in _CONNECTION_ERRORS for kind in type(error).__mro__)
        else "the database refused the statement"
    )
    kind, reason = _BY_SQLSTATE.get(state) or _BY_SQLSTATE.get(state[:2]) or (StoreError, unknown)
    return kind(f"{reason} ({text})")
