"""A Connection to migrate on, from whatever a caller gives: Engine, Connection, Session or URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, orm

from snakestore.errors import ValidationError
from snakestore.storage.dialects import backend_of
from snakestore.storage.engine import create_engine
from snakestore.storage.execution.runner import commit_write
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection
from snakestore.storage.schema.tables import SessionRow
from snakestore.storage.url import parse

Bind = Engine | Connection | orm.Session | orm.scoped_session[Any]
BINDS = (Engine, Connection, orm.Session, orm.scoped_session)


def parse_url_of(path_or_url: object) -> URL:
    """The parsed URL of what is not a bind.

    Raises:
        ValidationError: it is an asynchronous bind, or malformed.
        StoreError: snakestore does not run on that database.
    """
    if hasattr(path_or_url, "sync_engine") or hasattr(path_or_url, "sync_session"):
        message = (
            "migrations run on synchronous binds: await"
            " connection.run_sync(snakestore.upgrade), or give the URL"
        )
        raise ValidationError(message)
    return parse(path_or_url)


@contextmanager
def engine_for(path_or_url: object) -> Iterator[Engine]:
    """An engine on a path or URL, disposed of at the end."""
    engine = create_engine(parse_url_of(path_or_url))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def connected(bind: Bind) -> Iterator[Connection]:
    """A Connection in a transaction: the caller's own, or one that ends with the block.

    Raises:
        CommitUnknownError: COMMIT failed, other than by a plain abort.
    """
    if isinstance(bind, Engine):
        with bind.connect() as connection, connection.begin():
            yield connection
            commit_write(SqlAlchemyConnection(connection, backend_of(connection)))
    elif isinstance(bind, Connection):
        yield bind
    else:
        # a session may have several binds
        yield bind.connection(bind_arguments={"mapper": SessionRow})


@contextmanager
def migrating(bind: Bind) -> Iterator[Connection]:
    """A Connection whose migration happens as a whole or not at all.

    A transaction of the caller's is left as it was if the migration fails.
    """
    if isinstance(bind, Engine):
        with connected(bind) as connection:
            yield connection
        return
    from snakestore.storage.migrate.alembic_runner import lock_database  # noqa: PLC0415 - on use

    owner = bind() if isinstance(bind, orm.scoped_session) else bind
    began = not owner.in_transaction()
    try:
        with connected(owner) as connection:
            lock_database(connection)
            with _savepoint(connection):
                yield connection
    except BaseException:
        if began:
            owner.rollback()
        raise


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    savepoint = connection.begin_nested()
    try:
        yield
    except BaseException:
        # SQLite rolls back by itself when the disk is full
        if connection.invalidated or backend_of(connection).in_transaction(connection):
            savepoint.rollback()
        raise
    savepoint.commit()
