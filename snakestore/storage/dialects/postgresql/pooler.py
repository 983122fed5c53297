"""Poolers such as PgBouncer, which lend a server's connection for the length of a transaction.

A prepared statement belongs to the server's connection. Behind a pooler, its name then means
another client's statement, or nothing. psycopg prepares what is executed more than a few times
(``prepare_threshold``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from snakestore.errors import StoreError
from snakestore.storage.dialects.postgresql.citus import IS_INSTALLED
from snakestore.storage.sqlalchemy_internals import keeps_prepared

_POOLED = "snakestore_pooled"
"""The key of the answer among the ``info`` of a connection."""
_EXAMINE = f"SELECT pg_backend_pid(), {IS_INSTALLED}"
_ENCODINGS = {"UTF8", "UTF-8", "utf8", "utf-8"}
"""As clients spell it: the server's own spelling is the first."""
_HEX, _READ_HEX = "hex", {"pg8000"}
_ASYNCPG = (
    "the AsyncEngine reaches the server through a pooler, where prepared statements of several"
    " clients meet: create it with connect_args={'prepared_statement_cache_size': 0,"
    " 'statement_cache_size': 0, 'prepared_statement_name_func': lambda: f'__{uuid.uuid4()}__'}"
)


class Examined(NamedTuple):
    """What there is to know of a new connection."""

    lent: bool
    """Whether it is a pooler's: ``pg_backend_pid()`` is not the one that libpq got."""
    citus: bool
    """Whether the database is in a cluster of Citus."""


def examine(driver_connection: Any) -> Examined:
    """Ask the server about a new connection of psycopg's."""
    driver_connection.autocommit = True
    try:
        process, in_cluster = driver_connection.execute(_EXAMINE, prepare=False).fetchone()
    finally:
        if not driver_connection.closed:
            driver_connection.autocommit = False
    return Examined(process != driver_connection.info.backend_pid, in_cluster)


def is_pooled(connection: Connection) -> bool:
    """Whether a connection of a user's engine is a pooler's, and prepares statements.

    Asks the server within a transaction, once for each connection of the driver.

    Raises:
        StoreError: the connection cannot carry every text, or binary values; or it is asyncpg's,
            which behind a pooler keeps statements that mean others later.
    """
    known = connection.info.get(_POOLED)
    if known is None:
        known = connection.info[_POOLED] = _examine(connection)
    return bool(known)


def _examine(connection: Connection) -> bool:
    connected = _process_at_connect(connection)
    with unprepared(connection):
        process, encoding, output = connection.execute(
            select(
                func.pg_backend_pid(),
                func.current_setting("client_encoding"),
                func.current_setting("bytea_output"),
            )
        ).one()
    if encoding not in _ENCODINGS:
        message = (
            f"the engine's connections use the client encoding {encoding}, which cannot carry every"
            " text: create the engine with client_encoding='utf8'"
        )
        raise StoreError(message)
    if output != _HEX and connection.dialect.driver in _READ_HEX:
        message = (
            f"{connection.dialect.driver} reads binary values only with bytea_output = hex: set"
            f" that for the database, which has {output}"
        )
        raise StoreError(message)
    pooled = connected is not None and connected != process
    if pooled and keeps_prepared(connection):
        raise StoreError(_ASYNCPG)
    return pooled


def _process_at_connect(connection: Connection) -> int | None:
    """The process that answered when the driver connected; None if it prepares no statements."""
    driver_connection = _driver_connection(connection)
    process: int | None = None
    if getattr(driver_connection, "prepare_threshold", None) is not None:
        process = driver_connection.info.backend_pid
    elif keeps_prepared(connection):
        process = driver_connection.get_server_pid()
    return process


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
