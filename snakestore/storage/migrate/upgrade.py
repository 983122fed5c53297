"""Migrate a database: ``upgrade``, ``downgrade`` and ``current``.

The database's write lock is taken before the schema is inspected. So of many processes that open a
missing file at once, one creates the tables, and the others wait, inspect again and find them.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.schema import DropTable

from snakestore.errors import ValidationError
from snakestore.storage.dialects import backend_of
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.migrate.alembic_runner import (
    check_revision,
    lock_database,
    migrate,
    statements_on,
)
from snakestore.storage.migrate.binds import BINDS, Bind, connected, engine_for, migrating
from snakestore.storage.migrate.inspection import (
    State,
    check_can_downgrade,
    check_managed,
    check_name_conflicts,
    check_not_newer,
    check_unaltered,
    inspect_connection,
    inspect_engine,
)
from snakestore.storage.migrate.leftovers import ignore_leftover_views, remove_leftovers
from snakestore.storage.schema.copied import copied_sessions
from snakestore.storage.schema.revisions import HEAD
from snakestore.storage.url import PathOrUrl, describe

logger = logging.getLogger("snakestore.migrate")


def upgrade(
    bind_or_url: Bind | PathOrUrl,
    revision: str = "head",
    *,
    partitions: int | None = None,
    distribute: bool = False,
) -> None:
    """Create snakestore's tables, or migrate them to ``revision``. Other tables are not touched.

    A Connection or orm.Session is joined and not committed; on an Engine, path or URL it is one
    transaction. A migration that fails leaves nothing behind. A missing file, or database of a
    server, is created. If another tool has dropped the tables, they are created anew, empty.

    Args:
        bind_or_url: what to migrate.
        revision: the revision to migrate to, or a number of steps ("+1").
        partitions: on PostgreSQL, into how many partitions each new table is divided, by hash of
            the session.
        distribute: on a coordinator of Citus, whether every table is distributed over the nodes by
            the session, with its rows. Later migrations distribute what they create by themselves.

    Raises:
        SchemaTooNewError: the database has a schema that this release does not know.
        SchemaError: other tables have the names of snakestore's.
        ValidationError: there is no such revision, or the number of partitions is invalid, or
            tables of this database cannot be partitioned or distributed.
        StoreError: the database is out of reach, busy or not writable, or has rows that would have
            to be partitioned, or no extension citus.
    """
    check_revision(revision)
    layout = _Layout(partitions, distribute)
    with translate_errors():
        if isinstance(bind_or_url, BINDS):
            with migrating(bind_or_url) as connection:
                layout.check(connection)
                upgrade_locked(connection, revision)
                layout.apply(connection)
            return
        with engine_for(bind_or_url) as engine:
            layout.check(engine)
            # over a read-only connection, before one of the engine's changes a byte
            found, where = inspect_engine(engine), describe(engine.url)
            check_unaltered(found, where)
            check_not_newer(found, where)
            check_name_conflicts(ignore_leftover_views(found, backend_of(engine)), where)
            if found.state is State.MISSING:
                backend_of(engine).create_database(engine.url)
            with connected(engine) as connection:
                upgrade_locked(connection, revision)
                layout.apply(connection)


def downgrade(bind_or_url: Bind | PathOrUrl, revision: str) -> None:
    """Migrate back to ``revision``; "base" drops the tables.

    Data that the older schema has no place for is lost. A transaction is joined or made as by
    ``upgrade``.

    Raises:
        SchemaTooNewError: the database has a schema that this release does not know.
        SchemaOutdatedError: there are no tables of snakestore's.
        ValidationError: there is no such revision before the present one.
        StoreError: the database is out of reach, busy or not writable.
    """
    check_revision(revision)
    with translate_errors():
        if isinstance(bind_or_url, BINDS):
            with migrating(bind_or_url) as connection:
                _downgrade(connection, revision)
            return
        with engine_for(bind_or_url) as engine:
            found, where = inspect_engine(engine), describe(engine.url)
            check_unaltered(found, where)
            check_can_downgrade(found, where)
            with connected(engine) as connection:
                _downgrade(connection, revision)


def current(bind_or_url: Bind | PathOrUrl) -> str | None:
    """The revision of the schema, None without snakestore's tables. Changes and creates nothing.

    Raises:
        CorruptStoreError: it is not a database.
        StoreError: the database is out of reach.
    """
    with translate_errors():
        if isinstance(bind_or_url, BINDS):
            with connected(bind_or_url) as connection:
                return inspect_connection(connection).current
        with engine_for(bind_or_url) as engine:
            found = inspect_engine(engine)
            check_unaltered(found, describe(engine.url))
            return found.current


def exists(path_or_url: PathOrUrl) -> bool:
    """Whether there is a file, or a database of a server, whatever is in it.

    Raises:
        CorruptStoreError: it is not a database.
        StoreError: the database is out of reach.
    """
    with translate_errors(), engine_for(path_or_url) as engine:
        return inspect_engine(engine).state is not State.MISSING


def upgrade_locked(connection: Connection, revision: str, *, beside_others: bool = True) -> None:
    """Lock the database, inspect it again, and migrate it unless another process has just done so.

    Args:
        connection: whose transaction the migration is part of.
        revision: the revision to migrate to.
        beside_others: whether the tables are created in a database with tables of others.

    Raises:
        SchemaTooNewError: the database has a schema that this release does not know.
        SchemaError: there are tables of others, or they have the names of snakestore's.
    """
    lock_database(connection)
    found = inspect_connection(connection)
    where = describe(connection.engine.url)
    check_unaltered(found, where)
    check_not_newer(found, where)
    if not beside_others:
        check_managed(found, where)
    found = remove_leftovers(connection, found)
    check_name_conflicts(found, where)
    if found.state is not State.HEAD or revision not in {"head", HEAD}:
        logger.info("upgrading %s from %s to %s", where, found.current or "base", revision)
        migrate(connection, "upgrade", revision)
        # alterations of an older schema can only be recognised after its migration
        check_unaltered(inspect_connection(connection), where)


class _Layout(NamedTuple):
    """How the tables are divided."""

    partitions: int | None
    distribute: bool

    def check(self, bind: Engine | Connection) -> None:
        """Check that a database can have it.

        Raises:
            ValidationError: it cannot.
        """
        if not isinstance(self.distribute, bool):
            message = "distribute is True or False"
            raise ValidationError(message, value=self.distribute)
        if self.partitions is not None:
            if self.distribute:
                message = "tables are either partitioned or distributed: give one of the two"
                raise ValidationError(message, value=self.partitions)
            backend_of(bind).check_partitions(self.partitions)
        if self.distribute:
            backend_of(bind).check_distributable()

    def apply(self, connection: Connection) -> None:
        """Divide the tables, unless they are divided already.

        Raises:
            StoreError: there are rows, which would have to be partitioned, or no extension citus.
        """
        if self.partitions is not None:
            backend_of(connection).partition(connection, self.partitions)
        if self.distribute:
            backend_of(connection).distribute(statements_on(connection))


def _downgrade(connection: Connection, revision: str) -> None:
    lock_database(connection)
    found, where = inspect_connection(connection), describe(connection.engine.url)
    check_unaltered(found, where)
    check_can_downgrade(found, where)
    logger.info("downgrading %s from %s to %s", where, found.current, revision)
    migrate(connection, "downgrade", revision)
    if inspect_connection(connection).current is None:
        connection.execute(DropTable(copied_sessions, if_exists=True))
