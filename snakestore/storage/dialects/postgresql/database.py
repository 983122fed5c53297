"""The database on the server: whether it exists, and how it is created."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Select, column, func, select, table, true
from sqlalchemy.exc import OperationalError, ProgrammingError

from snakestore.storage.dialects.postgresql.connect import create_engine, driver_url
from snakestore.storage.settings import Settings

MAINTENANCE_DATABASE = "postgres"
"""Every server has it, and every user may connect to it by default."""
_CONFORMING = "standard_conforming_strings"
_SHARD_MODE = "citus.multi_shard_modify_mode"


def is_missing(url: URL) -> bool:
    """Whether the server does not have the database; False also if that cannot be found out.

    ``sqlalchemy_utils.database_exists`` would also call the database of an unreachable server
    missing.
    """
    engine = create_engine(url.set(database=MAINTENANCE_DATABASE), Settings())
    try:
        with engine.connect() as connection:
            names: Select[Any] = (
                select(column("datname"))
                .select_from(table("pg_database"))
                .where(column("datname") == url.database)
            )
            return connection.scalar(names) is None
    except OperationalError:
        return False
    finally:
        engine.dispose()


def create(url: URL) -> None:
    """Create the database, unless another process has just done so."""
    # sqlalchemy_utils knows the ways to create a database on every driver. Importing it takes a
    # third of the time of importing SQLAlchemy, so it is imported here, where it is rarely needed.
    from sqlalchemy_utils import create_database  # noqa: PLC0415 - see above

    try:
        create_database(driver_url(url))
    except ProgrammingError:
        if is_missing(url):
            raise


@contextmanager
def conforming_strings(connection: Connection) -> Iterator[None]:
    """Take backslashes in texts as they are."""
    with _setting(connection, _CONFORMING, "on"):
        yield


@contextmanager
def one_connection_per_node(connection: Connection) -> Iterator[None]:
    """On Citus, change the shards of a table one after another; no effect elsewhere.

    Otherwise a statement about a table may not follow one about its shards.
    """
    with _setting(connection, _SHARD_MODE, "sequential"):
        yield


@contextmanager
def _setting(connection: Connection, name: str, value: str) -> Iterator[None]:
    """A block with a setting, which is then restored; a rollback restores it too."""
    found = connection.scalar(select(func.current_setting(name, true())))
    if found is None or found == value:  # None: the extension that has it is not loaded
        yield
        return
    _set_local(connection, name, value)
    yield
    _set_local(connection, name, str(found))


def _set_local(connection: Connection, name: str, value: str) -> None:
    connection.execute(select(func.set_config(name, value, true())))
