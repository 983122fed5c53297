"""The schema of a database: asked for, migrated, and made when a store is opened.

Whoever migrates holds the database's write lock before looking, so that of many processes that open
a missing file at once one makes it and the others wait, look again and find it made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, Select, column, orm, select, table
from sqlalchemy.exc import OperationalError, ProgrammingError

from snakestore.errors import StoreReadOnlyError, ValidationError
from snakestore.storage.dialects import backend_for
from snakestore.storage.dialects.postgresql.partitions import checked_partitions, partition
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.engine import create_engine
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.migrate.alembic_runner import check_revision, locked, migrate
from snakestore.storage.migrate.inspection import (
    Inspection,
    State,
    check_can_downgrade,
    check_managed,
    check_name_conflicts,
    check_not_newer,
    check_up_to_date,
    examine,
    look,
)
from snakestore.storage.schema.revisions import HEAD, VIEW_NAMES
from snakestore.storage.schema.tables import SessionRow
from snakestore.storage.settings import Durability
from snakestore.storage.url import PathOrUrl, SQLiteAddress, parse, shown, sqlite_address

Bind = Engine | Connection | orm.Session | orm.scoped_session[Any]
_BINDS = (Engine, Connection, orm.Session, orm.scoped_session)
_LOOKING = 30.0
"""Seconds that a look waits for a file that somebody locks whole."""


# --- the migrations, in process


def upgrade(
    bind_or_url: Bind | PathOrUrl, revision: str = "head", *, partitions: int | None = None
) -> None:
    """Make our tables, or migrate them forward to ``revision``; tables of your own are not touched.

    ``partitions``, on PostgreSQL alone, makes new tables partitioned by hash of the session, each
    into so many.

    A Connection or orm.Session is joined and not committed; on an Engine, path or URL it is one
    transaction. Either way a migration that fails leaves nothing behind. A missing file, or
    database of a server, is made.

    Raises:
        SchemaTooNewError: the database has a schema that this release does not know.
        SchemaError: tables of other making have our names.
        ValidationError: there is no such revision, or number of partitions.
        StoreError: the database is out of reach, busy or may not be written, or has rows that would
            have to be partitioned.
    """
    check_revision(revision)
    wanted = None if partitions is None else checked_partitions(partitions)
    with translate_errors():
        if isinstance(bind_or_url, _BINDS):
            with _migrating(bind_or_url) as connection:
                _upgrade(connection, revision)
                _partition(connection, wanted)
            return
        url = _parsed(bind_or_url)
        if url.get_backend_name() == "sqlite":
            found = _look(url)  # over a read-only connection, before ours would change a byte
            check_not_newer(found, shown(url))
            check_name_conflicts(found, shown(url))
        else:
            _make_database(url)
        with _connected_to(url) as connection:
            _upgrade(connection, revision)
            _partition(connection, wanted)


def _partition(connection: Connection, partitions: int | None) -> None:
    if partitions is None:
        return
    if connection.dialect.name != "postgresql":
        message = "only PostgreSQL's tables are partitioned: leave partitions out"
        raise ValidationError(message, value=partitions)
    partition(connection, partitions, list(VIEW_NAMES))


def downgrade(bind_or_url: Bind | PathOrUrl, revision: str) -> None:
    """Migrate back to ``revision`` ("base": no tables of ours); what the older schema has no place for is lost.

    A transaction is joined or made as by ``upgrade``.

    Raises:
        SchemaTooNewError: the database has a schema that this release does not know.
        SchemaOutdatedError: there are no tables of ours.
        ValidationError: there is no such revision before the present one.
        StoreError: the database is out of reach, busy or may not be written.
    """
    check_revision(revision)
    with translate_errors():
        if isinstance(bind_or_url, _BINDS):
            with _migrating(bind_or_url) as connection:
                _downgrade(connection, revision)
            return
        url = _parsed(bind_or_url)
        check_can_downgrade(_look(url), shown(url))
        with _connected_to(url) as connection:
            _downgrade(connection, revision)


def current(bind_or_url: Bind | PathOrUrl) -> str | None:
    """The revision of the schema; None where our tables are not. A missing file is not made, nothing is changed.

    Raises:
        CorruptStoreError: it is no database.
        StoreError: the database is out of reach.
    """
    with translate_errors():
        if isinstance(bind_or_url, _BINDS):
            with _connected(bind_or_url) as connection:
                return examine(connection).current
        return _look(_parsed(bind_or_url)).current


def _upgrade(connection: Connection, revision: str, *, beside_others: bool = True) -> None:
    """Lock the database, look at it again, and migrate it unless somebody else has just done so."""
    locked(connection)
    found = examine(connection)
    where = shown(connection.engine.url)
    check_not_newer(found, where)
    if not beside_others:
        check_managed(found, where)
    check_name_conflicts(found, where)
    if found.state is not State.HEAD or revision not in {"head", HEAD}:
        migrate(connection, "upgrade", revision)


def _downgrade(connection: Connection, revision: str) -> None:
    locked(connection)
    check_can_downgrade(examine(connection), shown(connection.engine.url))
    migrate(connection, "downgrade", revision)


# --- binds


def _parsed(path_or_url: object) -> URL:
    if hasattr(path_or_url, "sync_engine") or hasattr(path_or_url, "sync_session"):
        message = (
            "the migrations run on synchronous binds: await"
            " connection.run_sync(snakestore.upgrade), or give the URL"
        )
        raise ValidationError(message)
    return parse(path_or_url)


@contextmanager
def _connected(bind: Bind) -> Iterator[Connection]:
    """A Connection in a transaction: the caller's own, or one that ends with the block."""
    if isinstance(bind, Engine):
        with bind.connect() as connection, connection.begin():
            yield connection
    elif isinstance(bind, Connection):
        yield bind
    else:
        yield bind.connection(
            bind_arguments={"mapper": SessionRow}
        )  # a session may have several binds


@contextmanager
def _migrating(bind: Bind) -> Iterator[Connection]:
    """A Connection for a migration, which happens whole or not at all; the caller's transaction is as it was where it fails."""
    if isinstance(bind, Engine):
        with _connected(bind) as connection:
            yield connection
        return
    owner = bind() if isinstance(bind, orm.scoped_session) else bind
    began = not owner.in_transaction()
    try:
        with _connected(owner) as connection:
            locked(connection)
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
        # SQLite has rolled back by itself when the disk is full
        if connection.invalidated or backend_for(connection.dialect.name).in_transaction(
            connection
        ):
            savepoint.rollback()
        raise
    savepoint.commit()


@contextmanager
def _connected_to(url: URL) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with _connected(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _look(url: URL) -> Inspection:
    if url.get_backend_name() == "sqlite":
        path = sqlite_address(url).path
        return Inspection(State.EMPTY) if path is None else look(path, _LOOKING)
    engine = create_engine(url)
    try:
        return _look_over(engine)
    finally:
        engine.dispose()


def _look_over(engine: Engine) -> Inspection:
    """Look over an engine's connection; a database that the server does not have is as good as empty."""
    try:
        with engine.connect() as connection:
            return examine(connection)
    except OperationalError:
        if engine.dialect.name == "sqlite" or not _is_missing(engine.url):
            raise
        return Inspection(State.EMPTY)


def _is_missing(url: URL) -> bool:
    """Whether a server that could not connect to a database does not have it; False also where that cannot be told.

    sqlalchemy_utils.database_exists would say that it is missing of a server that is out of reach,
    too.
    """
    engine = create_engine(url.set(database="postgres"))
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


def _make_database(url: URL) -> None:
    engine = create_engine(url)
    try:
        engine.connect().close()
    except OperationalError:
        if not _is_missing(url):
            raise
    else:
        return
    finally:
        engine.dispose()
    # it knows how to make a database from outside. Its import takes a third of the time of
    # SQLAlchemy's own, so it waits for this rare need; that is also why the rows have no
    # generic_repr of it.
    from sqlalchemy_utils import create_database  # noqa: PLC0415

    try:
        create_database(url)
    except ProgrammingError:
        if _is_missing(url):  # else another process was quicker
            raise


# --- opening a store


def open_engine(
    path_or_url: PathOrUrl,
    *,
    migrate: bool | None = None,
    busy_timeout: float = 30.0,
    durability: Durability = "normal",
) -> Engine:
    """An engine of ours on a database that has the present schema, made or migrated where that is wanted.

    ``migrate`` None is True for SQLite and False for a server. Everything is refused after a look
    that changes no byte.

    Raises:
        SchemaTooNewError: the database has a schema that this release does not know.
        SchemaError: a file of someone else's tables.
        SchemaOutdatedError: it is missing or has an older schema, and is not to be migrated, or
            only to be read.
        StoreReadOnlyError: it is to be migrated (``migrate=True``) and may only be read.
        CorruptStoreError: it is no database.
        StoreError: it is out of reach or busy.
        ValidationError: an argument may not be.
    """
    if not isinstance(migrate, bool | None):
        message = "migrate is True, False or None (True for SQLite, False for a server)"
        raise ValidationError(message, value=migrate)
    engine = create_engine(_parsed(path_or_url), busy_timeout=busy_timeout, durability=durability)
    try:
        with translate_errors():
            if engine.dialect.name == "sqlite":
                _prepare_sqlite(engine, sqlite_address(engine.url), busy_timeout, migrate=migrate)
            else:
                _prepare_server(engine, migrate=bool(migrate))
    except BaseException:
        engine.dispose()
        raise
    return engine


def _prepare_sqlite(
    engine: Engine, address: SQLiteAddress, busy_timeout: float, *, migrate: bool | None
) -> None:
    where = shown(engine.url)
    found = _look_over(engine) if address.path is None else look(address.path, busy_timeout)
    check_not_newer(found, where)
    check_managed(found, where)
    if found.state is State.HEAD:
        return
    read_only = address.read_only or (
        address.path is not None
        and files.is_there(address.path)
        and not files.writable(address.path)
    )
    if migrate is False or (read_only and migrate is None):
        check_up_to_date(found, where)
    check_name_conflicts(found, where)
    if read_only:
        message = (
            f"{where} has to be migrated and may only be read: migrate it where it may be written,"
            " with `snakestore db upgrade`"
        )
        raise StoreReadOnlyError(message)
    with _connected(engine) as connection:
        _upgrade(connection, HEAD, beside_others=False)


def _prepare_server(engine: Engine, *, migrate: bool) -> None:
    if not migrate:
        found = _look_over(engine)
        check_not_newer(found, shown(engine.url))
        check_up_to_date(found, shown(engine.url))
        return
    _make_database(engine.url)
    with _connected(engine) as connection:
        _upgrade(connection, HEAD)
