"""A look at a database before it is used: whose it is, and which schema it has. Looking changes nothing."""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, NamedTuple

from sqlalchemy import Connection, column, func, inspect, select, table

from snakestore.errors import CorruptStoreError, SchemaError, SchemaOutdatedError, SchemaTooNewError
from snakestore.storage.dialects import backend_for
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.dialects.sqlite.connect import open_to_look, translate_unreadable_schema
from snakestore.storage.schema.revisions import HEAD, MADE_BY, REVISIONS, VERSION_TABLE
from snakestore.storage.schema.tables import Base
from snakestore.storage.url import IN_MEMORY

_VERSION_TABLE_THERE = (
    f"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{VERSION_TABLE}'"  # noqa: S608 - a constant
)
_ANYTHING_THERE = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
_NAMES = "SELECT lower(name) FROM sqlite_master WHERE type <> 'trigger'"
_OURS = ", ".join(f"'{name}'" for name in (VERSION_TABLE, *Base.metadata.tables))
# nothing of ours is a trigger, and all our tables are plain ones: what is not would be run by our
# own statements
_PLANTED = (
    f"SELECT type, name FROM sqlite_master WHERE (type = 'trigger' AND lower(tbl_name) IN ({_OURS})) "  # noqa: S608 - constants
    f"OR (lower(name) IN ({_OURS}) AND (type <> 'table' OR sql NOT LIKE 'CREATE TABLE%')) ORDER BY"
    " name"
)
_VERSIONS = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant


class State(enum.Enum):
    """What a database is to us."""

    EMPTY = "nothing is there, or a file without any table"
    UNMANAGED = "tables, but no version table of ours"
    OLD = "an earlier schema of ours"
    HEAD = "the present schema"
    NEW = "a schema that this release does not know"


class Inspection(NamedTuple):
    """What a look found: the state, and the revision where our version table names one."""

    state: State
    current: str | None = None
    taken: tuple[str, ...] = ()
    """Names of others' tables and views that migrations yet to run give to ours."""


def check_no_foreign_triggers(connection: sqlite3.Connection, where: str) -> None:
    """Refuse a file in which somebody else's trigger, view or virtual table would have a part in what we write or read.

    Raises:
        SchemaError: there is one.
    """
    planted = connection.execute(_PLANTED).fetchall()
    if planted:
        told = ", ".join(f"the {kind} {name}" for kind, name in planted)
        message = (
            f"{where} has {told} on snakestore's tables, which snakestore did not make and which"
            " could change what is stored: drop it first"
        )
        raise SchemaError(message, current=None, head=HEAD)


def look(path: str, busy_timeout: float) -> Inspection:
    """Look at a SQLite file over a connection that changes nothing; a missing or empty file is neither made nor filled.

    Raises:
        SchemaError: somebody planted a trigger on our tables, or a view in the place of one.
        StoreError: it is no file, or may not be read.
        sqlite3.Error: it is no database (for ``translate_errors`` to tell).
    """
    if not files.is_there(path) or files.size(path) == 0:
        return Inspection(State.EMPTY)
    files.refuse_unreadable(path)
    with translate_unreadable_schema(), closing(open_to_look(path, busy_timeout)) as connection:
        connection.execute("BEGIN")
        found = _examine_sqlite(connection.execute)
        if found.state in {State.OLD, State.HEAD}:
            check_no_foreign_triggers(connection, path)
        return found


def examine(connection: Connection) -> Inspection:
    """Look at the database of a Connection, as far as its transaction sees it.

    Raises:
        StoreError: not a database that snakestore runs on.
    """
    if backend_for(connection.dialect.name).name == "sqlite":
        return _examine_sqlite(connection.exec_driver_sql)
    if connection.scalar(select(func.to_regclass(VERSION_TABLE))) is None:
        found = Inspection(State.UNMANAGED)
    else:
        found = _judge(
            connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE)))
        )
    return _with_taken(found, lambda: _names_on_server(connection))


def _names_on_server(connection: Connection) -> Iterable[str]:
    inspector = inspect(connection)
    return [*inspector.get_table_names(), *inspector.get_view_names()]


def _examine_sqlite(execute: Callable[[str], Any]) -> Inspection:
    if execute(_VERSION_TABLE_THERE).fetchone()[0]:
        found = _judge(execute(_VERSIONS))
    else:
        found = Inspection(
            State.UNMANAGED if execute(_ANYTHING_THERE).fetchone()[0] else State.EMPTY
        )
    return _with_taken(found, lambda: [name for (name,) in execute(_NAMES)])


def _with_taken(found: Inspection, names_there: Callable[[], Iterable[str]]) -> Inspection:
    if found.state in {State.HEAD, State.NEW}:  # nothing is to be made; a warm start asks no more
        return found
    done = 0 if found.current is None else REVISIONS.index(found.current) + 1
    wanted = {name for revision in REVISIONS[done:] for name in MADE_BY[revision]}
    return found._replace(taken=tuple(sorted(wanted.intersection(names_there()))))


def _judge(rows: Iterable[Any]) -> Inspection:
    versions = [row[0] for row in rows]
    if not versions:
        return Inspection(State.OLD)  # downgraded to base
    if len(versions) > 1 or not isinstance(versions[0], str):
        message = (
            f"the table {VERSION_TABLE} should name one revision and holds {len(versions)}: restore"
            " a backup"
        )
        raise CorruptStoreError(message)
    [current] = versions
    if current == HEAD:
        return Inspection(State.HEAD, current)
    return Inspection(State.OLD if current in REVISIONS else State.NEW, current)


def check_not_newer(found: Inspection, where: str) -> None:
    """Refuse a schema that this release does not know.

    Raises:
        SchemaTooNewError: it is one.
    """
    if found.state is State.NEW:
        message = (
            f"{where} has the schema {found.current}, which this release does not know (its newest"
            f" is {HEAD}): upgrade snakestore"
        )
        raise SchemaTooNewError(message, current=found.current, head=HEAD)


def check_managed(found: Inspection, where: str) -> None:
    """Refuse a database of someone else.

    Raises:
        SchemaError: it is one.
    """
    if found.state is State.UNMANAGED:
        message = (
            f"{where} holds tables of someone else and none of snakestore's version table: open"
            " another file; to keep a store beside your own tables, run snakestore.upgrade(engine)"
            " once"
        )
        raise SchemaError(message, current=None, head=HEAD)


def check_up_to_date(found: Inspection, where: str) -> None:
    """Refuse a database that has to be migrated first.

    Raises:
        SchemaOutdatedError: it is one.
    """
    if found.state is not State.HEAD:
        has = (
            f"has the schema {found.current}, older than {HEAD}"
            if found.current
            else "has no tables of snakestore's"
        )
        told = "is missing or empty" if found.state is State.EMPTY else has
        if where == IN_MEMORY:  # no command reaches it
            message = f"{where} {told}: open it with migrate=True"
            raise SchemaOutdatedError(message, current=found.current, head=HEAD)
        from shlex import quote  # noqa: PLC0415 - for this message alone

        name = quote(where)
        message = (
            f"{where} {told}: open it with migrate=True where it may be written, or run `snakestore"
            f" db upgrade {name}`, or in a clone `alembic -x url={name} upgrade head`"
        )
        raise SchemaOutdatedError(message, current=found.current, head=HEAD)


def check_name_conflicts(found: Inspection, where: str) -> None:
    """Refuse to make our tables where others have their names.

    Raises:
        SchemaError: a table or view has the name of one that is yet to be made.
    """
    if found.taken:
        told = ", ".join(found.taken)
        message = (
            f"{where} has tables or views of other making under snakestore's names ({told}): use"
            " another database, or rename them"
        )
        raise SchemaError(message, current=found.current, head=HEAD)


def check_can_downgrade(found: Inspection, where: str) -> None:
    """Refuse to downgrade what has no tables of ours, or has them of a newer schema.

    Raises:
        SchemaTooNewError: this release does not know the schema.
        SchemaOutdatedError: there are no tables of ours.
    """
    check_not_newer(found, where)
    if found.current is None:
        told = (
            "is missing or empty" if found.state is State.EMPTY else "has no tables of snakestore's"
        )
        message = f"{where} {told}: there is nothing to downgrade"
        raise SchemaOutdatedError(message, current=None, head=HEAD)
