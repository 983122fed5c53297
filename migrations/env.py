"""How Alembic reaches the database: over a connection it is lent, or by URL from the ``alembic`` command.

The library lends a connection whose transaction it commits itself. The command takes its URL from
``-x url=...``, else from the environment variable SNAKESTORE_URL, else from alembic.ini, and opens
it with our own settings. Either way the database is locked before its revision is read, so that
upgraders wait for one another, and DDL rolls back.
"""

from __future__ import annotations

import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, Engine

from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.alembic_runner import configure_options, lock_database
from snakestore.storage.url import parse

config = context.config


def migrate(connection: Connection) -> None:
    """Run the command in the connection's transaction, beginning and ending one where none is open."""
    if not connection.in_transaction():
        with connection.begin():
            migrate(connection)
        return
    lock_database(connection)
    context.configure(connection=connection, **configure_options())
    with context.begin_transaction():
        context.run_migrations()


def named_url() -> str:
    """The URL or path that the command was given."""
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
    """Print the SQL; no database is opened."""
    context.configure(
        url=parse(named_url()),
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        **configure_options(),
    )
    with context.begin_transaction():
        context.run_migrations()


def online() -> None:
    """Migrate over the connection or engine that was lent, else over an engine of our own."""
    lent = config.attributes.get("connection")
    if isinstance(lent, Connection):
        migrate(lent)
        return
    if lent is None and config.config_file_name is not None:
        fileConfig(config.config_file_name, disable_existing_loggers=False)
    engine = lent if isinstance(lent, Engine) else create_engine(named_url())
    try:
        with engine.connect() as connection:
            migrate(connection)
    finally:
        if lent is None:
            engine.dispose()


if context.is_offline_mode():
    offline()
else:
    online()
