"""Open a database for a repository; its schema is created or migrated as needed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from snakestore.errors import SnakeStoreError, StoreReadOnlyError, ValidationError
from snakestore.storage.dialects import backend_of
from snakestore.storage.engine import create_connector
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.migrate.binds import connected, parse_url_of
from snakestore.storage.migrate.inspection import (
    State,
    check_managed,
    check_name_conflicts,
    check_not_newer,
    check_unaltered,
    check_up_to_date,
    inspect_database,
)
from snakestore.storage.schema.revisions import HEAD
from snakestore.storage.settings import Settings
from snakestore.storage.url import PathOrUrl, describe

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import Connector

logger = logging.getLogger("snakestore.migrate")


def open_database(
    path_or_url: PathOrUrl, *, migrate: bool | None = None, settings: Settings | None = None
) -> Connector:
    """What opens connections to a database, which has the present schema.

    ``migrate`` says whether the schema is created or migrated; None is True for SQLite and False
    for a server. Nothing is refused after a byte was changed.

    Raises:
        SchemaTooNewError: the database has a schema that this release does not know.
        SchemaError: a file with tables of others.
        SchemaOutdatedError: it is missing or has an older schema, and is not to be migrated, or
            only to be read.
        StoreReadOnlyError: it is to be migrated (``migrate=True``) and not writable.
        CorruptStoreError: it is not a database.
        StoreError: it is out of reach or busy.
        ValidationError: an argument is invalid.
    """
    if not isinstance(migrate, bool | None):
        message = "migrate is True, False or None (True for SQLite, False for a server)"
        raise ValidationError(message, value=migrate)
    url = parse_url_of(path_or_url)
    connector = create_connector(url, settings or Settings())
    try:
        with translate_errors():
            _prepare(connector, migrate=migrate)
    except SnakeStoreError as error:
        logger.warning("refused %s (%s): %s", describe(url), type(error).__name__, error)
        connector.close()
        raise
    except BaseException:
        connector.close()
        raise
    return connector


def _prepare(connector: Connector, *, migrate: bool | None) -> None:
    """Inspect the database, and create or migrate the schema if needed and allowed."""
    backend, where = backend_of(connector.url), describe(connector.url)
    found = inspect_database(connector)
    check_unaltered(found, where)
    check_not_newer(found, where)
    if not backend.remote:  # a server's database is shared, but a file of others is the wrong file
        check_managed(found, where)
    if found.state is State.HEAD:
        return
    read_only = backend.is_read_only(connector.url)
    if migrate is False or (migrate is None and (backend.remote or read_only)):
        check_up_to_date(found, where)
    check_name_conflicts(found, where)
    if read_only:
        message = (
            f"{where} has to be migrated and is not writable: migrate it where it is, with"
            " `snakestore db upgrade`"
        )
        raise StoreReadOnlyError(message)
    if found.state is State.MISSING:
        backend.create_database(connector.url)
    from snakestore.storage.migrate.upgrade import upgrade_locked  # noqa: PLC0415 - on use

    with connector.migration_engine() as engine, connected(engine) as connection:
        upgrade_locked(connection, HEAD, beside_others=backend.remote)
