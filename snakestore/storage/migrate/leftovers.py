"""What is left of a schema whose tables were dropped, so that ``upgrade`` can create it anew.

That is what a user's own migration leaves if it drops tables that it does not know. On SQLite
snakestore's views outlive the tables. They are recognised by their definition, which must be
word for word what a migration has created; anything else of the same name is not snakestore's.
On a server, dropping the tables drops the views, or fails. The version table may be left on both.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, delete, table

from snakestore.storage.dialects import Backend, backend_of
from snakestore.storage.engine import create_engine
from snakestore.storage.migrate.alembic_runner import migrate
from snakestore.storage.migrate.inspection import Inspection, inspect_connection
from snakestore.storage.schema.revisions import REVISIONS, VERSION_TABLE
from snakestore.storage.schema.tables import Base

logger = logging.getLogger("snakestore.migrate")


def ignore_leftover_views(found: Inspection, backend: Backend) -> Inspection:
    """The inspection without conflicting names, if all of them are snakestore's own views."""
    names = tuple(name for name, _ in found.conflicting_views)
    if backend.scratch_url is None or not names or names != found.conflicting_names:
        return found
    known = _known_definitions(backend.scratch_url)
    if any(_masked(text) not in known[name] for name, text in found.conflicting_views):
        return found
    return found._replace(conflicting_names=())


def remove_leftovers(connection: Connection, found: Inspection) -> Inspection:
    """Drop snakestore's own views and revision, if its tables are gone.

    Args:
        connection: a Connection that has locked the database.
        found: its inspection.

    Returns:
        The inspection of what is there now.
    """
    backend = backend_of(connection)
    names = backend.schema_reader(connection).relation_names()
    if names.intersection(Base.metadata.tables):
        return found
    if found.current is not None:
        logger.warning("the tables of revision %s are gone: creating them anew", found.current)
        connection.execute(delete(table(VERSION_TABLE)))
        found = inspect_connection(connection)
    if found.conflicting_names and not ignore_leftover_views(found, backend).conflicting_names:
        for name in reversed(found.conflicting_names):
            connection.exec_driver_sql(f"DROP VIEW {name}")
        found = inspect_connection(connection)
    return found


@cache
def _known_definitions(scratch_url: str) -> Mapping[str, set[str]]:
    """Every definition that a migration gives to a view, by running all in a new database."""
    known: dict[str, set[str]] = defaultdict(set)
    engine = create_engine(scratch_url)
    try:
        with engine.connect() as connection, connection.begin():
            reader = backend_of(connection).schema_reader(connection)
            for revision in REVISIONS:
                migrate(connection, "upgrade", revision)
                for name, definition in reader.view_definitions().items():
                    known[name].add(_masked(definition))
    finally:
        engine.dispose()
    return known


def _masked(definition: str) -> str:
    """A definition without the version of snakestore that created it, which ``about`` shows."""
    return re.sub(r"'[^']*' AS made_by", "made_by", definition)
