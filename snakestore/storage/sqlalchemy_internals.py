"""What the library uses of SQLAlchemy that its documentation does not promise to users.

Everything of the kind is here. tests/storage/test_sqlalchemy_internals.py fails if a release of
SQLAlchemy changes it.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from functools import cache
from importlib import import_module
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.pool import ConnectionPoolEntry, Pool, QueuePool, StaticPool
from sqlalchemy.util import await_, greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet as _in_greenlet

__all__ = [
    "forget_connection",
    "greenlet_error",
    "greenlet_spawn",
    "in_autocommit",
    "in_greenlet",
    "keeps_prepared",
    "only_connection",
    "pool_limit",
    "wait_for",
]

R = TypeVar("R")


# --- greenlets: synchronous code that awaits; greenlet_spawn runs such code


@cache
def greenlet_error() -> ImportError | None:
    """Why greenlet cannot be imported, without which no ``greenlet_spawn`` works; None if it can.

    It is optional, and SQLAlchemy imports it on first use.
    """
    try:
        import_module("greenlet")
    except ImportError as error:
        return error.with_traceback(None)
    return None


def in_greenlet() -> bool:
    """Whether this code runs in a greenlet of SQLAlchemy's, and may call ``wait_for``."""
    # code that never loaded greenlet pays one look
    return "greenlet" in sys.modules and _in_greenlet()


def wait_for(awaitable: Awaitable[R]) -> R:
    """Await in synchronous code, while the event loop goes on. Only in a greenlet."""
    return await_(awaitable)


# --- connections


def only_connection(pool: StaticPool) -> Any:
    """The driver connection of a pool that has a single one, without a checkout.

    The end of a checkout would roll back what another user of the pool has begun.
    """
    return pool.connection.driver_connection


def forget_connection(entry: ConnectionPoolEntry) -> None:
    """Let a pool forget a driver connection that it must not close; it will connect anew."""
    # invalidate() and close() of an entry both close the connection
    cast("Any", entry).dbapi_connection = None


def in_autocommit(connection: Connection) -> bool:
    """Whether the driver commits each statement, whatever SQLAlchemy assumes. PostgreSQL only."""
    # for authors of dialects; only the dialects of PostgreSQL implement it
    dialect: Any = connection.dialect
    return bool(dialect.detect_autocommit_setting(connection.connection.dbapi_connection))


def keeps_prepared(connection: Connection) -> bool:
    """Whether SQLAlchemy keeps the prepared statements of the connection, as it does of asyncpg."""
    adapted = connection.connection.dbapi_connection
    return getattr(adapted, "_prepared_statement_cache", None) is not None


def pool_limit(pool: Pool, at_most: int) -> int:
    """How many connections a pool may have open at once, or ``at_most`` if that is fewer."""
    if isinstance(pool, StaticPool):
        return 1
    if not isinstance(pool, QueuePool):
        return at_most
    overflow: int = cast("Any", pool)._max_overflow  # noqa: SLF001 - no public name
    if pool.size() == 0 or overflow < 0:
        return at_most
    return min(at_most, pool.size() + overflow)
