"""Inspect a database before it is used: what is in it, and which schema it has. Changes nothing.

Inspecting and refusing are two steps: the ``inspect_*`` return an ``Inspection``, and each
``check_*`` raises for one kind of it.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Engine

from snakestore.errors import CorruptStoreError, SchemaError, SchemaOutdatedError, SchemaTooNewError
from snakestore.storage.dialects import backend_of
from snakestore.storage.dialects.messages import IN_MEMORY
from snakestore.storage.engine import EngineConnector
from snakestore.storage.schema import alterations
from snakestore.storage.schema.alterations import Alteration
from snakestore.storage.schema.revisions import HEAD, MADE_BY, REVISIONS, VERSION_TABLE

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import Connector, SchemaReader


class State(enum.Enum):
    """What a database is to snakestore."""

    MISSING = "no database"
    EMPTY = "a file without any table"
    UNMANAGED = "tables, but no snakestore version table"
    OLD = "an earlier schema of snakestore"
    HEAD = "the present schema"
    NEW = "a schema that this release does not know"


class Inspection(NamedTuple):
    """The state of a database, and its revision if the version table names one."""

    state: State
    current: str | None = None
    conflicting_names: tuple[str, ...] = ()
    """Others' tables and views whose names pending migrations give to snakestore's."""
    conflicting_views: tuple[tuple[str, str], ...] = ()
    """Those of them that are views, with their definitions."""
    encoding: str = "UTF-8"
    """The encoding of the database's texts."""
    alterations: tuple[Alteration, ...] = ()
    """What others changed of snakestore's tables, or put on or in place of them."""


def inspect_engine(engine: Engine) -> Inspection:
    """Inspect the database of an engine of snakestore's, as ``inspect_database`` does."""
    return inspect_database(EngineConnector(engine))


def inspect_database(connector: Connector) -> Inspection:
    """Inspect a database over a connection that changes nothing.

    A missing or empty file is not created or filled.

    Raises:
        StoreError: it is not a file, or must not be read.
        CorruptStoreError: the version table is damaged.
        sqlite3.Error: it is not a database (for ``translate_errors``).
    """
    with connector.open_schema_reader() as reader:
        if reader is None:
            return Inspection(State.MISSING)
        return _inspect(reader)


def inspect_connection(connection: Connection) -> Inspection:
    """Inspect the database of a Connection, as its transaction sees it.

    Raises:
        StoreError: snakestore does not run on that database.
        CorruptStoreError: the version table is damaged.
    """
    return _inspect(backend_of(connection).schema_reader(connection))


def _inspect(reader: SchemaReader) -> Inspection:
    versions = reader.versions()
    if versions is None:
        found = Inspection(State.EMPTY if reader.is_empty() else State.UNMANAGED)
    else:
        found = _inspect_versions(versions)
    found = found._replace(encoding=reader.encoding())
    if found.current is not None and found.state is not State.NEW:
        found = found._replace(alterations=tuple(reader.alterations(found.current)))
    if found.state in {State.HEAD, State.NEW}:
        return found  # nothing is to be created; a warm start needs no more
    done = 0 if found.current is None else REVISIONS.index(found.current) + 1
    pending = {name for revision in REVISIONS[done:] for name in MADE_BY[revision]}
    conflicting = tuple(sorted(pending.intersection(reader.relation_names())))
    if not conflicting:
        return found
    views = reader.view_definitions()
    return found._replace(
        conflicting_names=conflicting,
        conflicting_views=tuple((name, views[name]) for name in conflicting if name in views),
    )


def _inspect_versions(versions: list[Any]) -> Inspection:
    if not versions:
        return Inspection(State.OLD)  # downgraded to base
    if len(versions) > 1 or not isinstance(versions[0], str):
        message = (
            f"the table {VERSION_TABLE} should have one row and has {len(versions)}: restore a"
            " backup"
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
    """Refuse a database with tables but without a snakestore version table.

    Raises:
        SchemaError: it is one.
    """
    if found.state is State.UNMANAGED:
        message = (
            f"{where} contains tables but no snakestore version table: open another file. To keep"
            " a store beside your own tables, run snakestore.upgrade(engine) once"
        )
        raise SchemaError(message, current=None, head=HEAD)


def check_unaltered(found: Inspection, where: str) -> None:
    """Refuse a database that is not in UTF-8, and tables of snakestore's that others altered.

    They might not store what snakestore writes, or run statements of others beside it.

    Raises:
        StoreError: it is not in UTF-8.
        SchemaError: there is something else.
    """
    alterations.check_encoding(found.encoding, where)
    alterations.check_unaltered(found.alterations, where)


def check_up_to_date(found: Inspection, where: str) -> None:
    """Refuse a database that has to be migrated first.

    Raises:
        SchemaOutdatedError: it is one.
    """
    if found.state is State.HEAD:
        return
    reason = _missing(found) or f"has the schema {found.current}, older than {HEAD}"
    if where == IN_MEMORY:  # no command reaches it
        message = f"{where} {reason}: open it with migrate=True"
        raise SchemaOutdatedError(message, current=found.current, head=HEAD)
    from shlex import quote  # noqa: PLC0415 - for this message alone

    name = quote(where)
    message = (
        f"{where} {reason}: open it with migrate=True where it is writable, or run `snakestore db"
        f" upgrade {name}`, or in a clone `alembic -x url={name} upgrade head`"
    )
    raise SchemaOutdatedError(message, current=found.current, head=HEAD)


def check_name_conflicts(found: Inspection, where: str) -> None:
    """Refuse to create snakestore's tables where others have their names.

    Raises:
        SchemaError: a table or view has the name of one that is to be created.
    """
    if found.conflicting_names:
        message = (
            f"{where} already has tables or views named {', '.join(found.conflicting_names)}, which"
            " snakestore did not create: use another database, or rename them"
        )
        raise SchemaError(message, current=found.current, head=HEAD)


def check_can_downgrade(found: Inspection, where: str) -> None:
    """Refuse to downgrade a database without snakestore's tables, or with those of a newer schema.

    Raises:
        SchemaTooNewError: this release does not know the schema.
        SchemaOutdatedError: there are no tables of snakestore's.
    """
    check_not_newer(found, where)
    if found.current is None:
        message = f"{where} {_missing(found)}: there is nothing to downgrade"
        raise SchemaOutdatedError(message, current=None, head=HEAD)


def _missing(found: Inspection) -> str:
    """How the schema is missing; "" if it is not."""
    if found.current is not None:
        return ""
    if found.state is State.MISSING:
        return "does not exist"
    return "is empty" if found.state is State.EMPTY else "has no snakestore tables"
