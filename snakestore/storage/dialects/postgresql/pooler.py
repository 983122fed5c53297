"""Poolers such as PgBouncer, which lend a server's connection for the length of a transaction.

A prepared statement belongs to the server's connection. Behind a pooler, its name then means
another client's statement, or nothing. psycopg prepares what is executed more than a few times
(``prepare_threshold``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, func, select

from snakestore.errors import StoreError
from snakestore.storage.sqlalchemy_internals import keeps_prepared

_POOLED = "snakestore_pooled"
"""The key of the answer among the ``info`` of a connection."""
_PROCESS = "SELECT pg_backend_pid()"
_ASYNCPG = (
    "the AsyncEngine reaches the server through a pooler, where prepared statements of several"
    " clients meet: create it with connect_args={'prepared_statement_cache_size': 0,"
    " 'statement_cache_size': 0, 'prepared_statement_name_func': lambda: f'__{uuid.uuid4()}__'}"
)


def is_lent(driver_connection: Any) -> bool:
    """Whether a new connection of psycopg's is a pooler's.

    Another process answers then than the one that libpq was told when it connected.
    """
    driver_connection.autocommit = True
    try:
        [process] = driver_connection.execute(_PROCESS, prepare=False).fetchone()
    finally:
        if not driver_connection.closed:
            driver_connection.autocommit = False
    return bool(process != driver_connection.info.backend_pid)


def is_pooled(connection: Connection) -> bool:
    """Whether the connection is a pooler's, and prepares statements. Asks within a transaction.

    Raises:
        StoreError: it is asyncpg's, which then keeps statements that mean others later.
    """
    known = connection.info.get(_POOLED)
    if known is None:
        told = _told_process(connection)
        known = told is not None and told != _ask_process(connection)
        if known and keeps_prepared(connection):
            raise StoreError(_ASYNCPG)
        connection.info[_POOLED] = known
    return bool(known)


def _told_process(connection: Connection) -> int | None:
    """The process that answered when the driver connected; None if it prepares no statements."""
    driver_connection = _driver_connection(connection)
    told: int | None = None
    if getattr(driver_connection, "prepare_threshold", None) is not None:
        told = driver_connection.info.backend_pid
    elif keeps_prepared(connection):
        told = driver_connection.get_server_pid()
    return told


def _ask_process(connection: Connection) -> int | None:
    with unprepared(connection):
        return connection.scalar(select(func.pg_backend_pid()))


@contextmanager
def unprepared(connection: Connection) -> Iterator[None]:
    """Let psycopg prepare no statement in the block; no effect with other drivers."""
    driver_connection = _driver_connection(connection)
    threshold = getattr(driver_connection, "prepare_threshold", None)
    if threshold is None:
        yield
        return
    driver_connection.prepare_threshold = None
    try:
        yield
    finally:
        driver_connection.prepare_threshold = threshold


def _driver_connection(connection: Connection) -> Any:
    return connection.connection.driver_connection
