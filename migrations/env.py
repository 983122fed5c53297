"""Connect Alembic to the database: the library's connection, or one of the ``alembic`` command.

The library passes a connection, whose transaction it commits itself. The command takes its URL from
``-x url=...``, else from the environment variable SNAKESTORE_URL, else from alembic.ini, and opens
it with snakestore's settings. Either way the database is locked before its revision is read, so
that concurrent upgrades wait for each other, and DDL rolls back.
"""

from __future__ import annotations

import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, Engine

from snakestore import __version__
from snakestore.storage.dialects import backend_of
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.alembic_runner import (
    complete_tables,
    configure_options,
    lock_database,
)
from snakestore.storage.url import parse

config = context.config
MADE_BY = f"snakestore {__version__}"
"""What a view shows as the maker of the store."""


def migrate(connection: Connection) -> None:
    """Run the command in the connection's transaction, or in a new one if none is open."""
    if not connection.in_transaction():
        with connection.begin():
            migrate(connection)
        return
    lock_database(connection)
    context.configure(connection=connection, made_by=MADE_BY, **configure_options())
    with context.begin_transaction(), backend_of(connection).migration_settings(connection):
        context.run_migrations()
        complete_tables(connection)


def named_url() -> str:
    """The URL or path given to the command."""
    url = (
        context.get_x_argument(as_dictionary=True).get("url")
        or os.environ.get("SNAKESTORE_URL")
        or config.get_main_option("sqlalchemy.url")
    )
    if not url:
        message = (
            "no database is named: give -x url=..., SNAKESTORE_URL, or sqlalchemy.url in"
            " alembic.ini"
        )
        raise SystemExit(message)
    return url


def offline() -> None:
    """Print the SQL without opening a database."""
    context.configure(
        url=parse(named_url()),
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        made_by=MADE_BY,
        **configure_options(),
    )
    with context.begin_transaction():
        context.run_migrations()


def online() -> None:
    """Migrate over the connection or engine that was passed, else over a new engine."""
    passed = config.attributes.get("connection")
    if isinstance(passed, Connection):
        migrate(passed)
        return
    if passed is None and config.config_file_name is not None:
        fileConfig(config.config_file_name, disable_existing_loggers=False)
    engine = passed if isinstance(passed, Engine) else create_engine(named_url())
    try:
        with engine.connect() as connection:
            migrate(connection)
    finally:
        if passed is None:
            engine.dispose()


if context.is_offline_mode():
    offline()
else:
    online()
