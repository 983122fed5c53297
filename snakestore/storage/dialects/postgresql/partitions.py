"""Partition the migrated tables by hash of the session, while they are empty.

The definitions are the migrations' own: the server returns them, and they are created again on
partitioned tables. So there is no second description of the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, TextClause, text

from snakestore.errors import StoreError, ValidationError
from snakestore.storage.schema.revisions import MAX_PARTITIONS, VIEW_NAMES
from snakestore.storage.schema.tables import Base

KEYS = {
    table.name: next(iter(table.primary_key.columns)).name for table in Base.metadata.sorted_tables
}
"""The tables, in the order of their foreign keys, and the column that names the session."""
MIN_PARTITIONS = 2

_KIND = text("SELECT relkind FROM pg_class WHERE oid = to_regclass(:name)")
_PLAIN, _PARTITIONED = "r", "p"
_COUNT = text("SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('sessions')")
_VIEWS = text(
    "SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema() AND viewname ="
    " ANY (:names) ORDER BY array_position(:names, CAST(viewname AS text))"
)
# a foreign key to a partitioned table has one to each of its partitions below it
_CONSTRAINTS = text(
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid ="
    " to_regclass(:name) AND contype IN ('p', 'u', 'f') AND conparentid = 0"
    " ORDER BY contype = 'f', conname"
)
_INDEXES = text(
    "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = to_regclass(:name) "
    "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"
)
_STORAGE = text(
    "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = to_regclass(:name)"
)


def check_number(partitions: object) -> None:
    """Check how many partitions each table is to have.

    Raises:
        ValidationError: it is not an int from 2 to 1024.
    """
    if (
        isinstance(partitions, bool)
        or not isinstance(partitions, int)
        or not MIN_PARTITIONS <= partitions <= MAX_PARTITIONS
    ):
        message = f"partitions is an int from 2 to {MAX_PARTITIONS}"
        raise ValidationError(message, value=partitions)


def partition(connection: Connection, partitions: int) -> None:
    """Replace the empty tables by partitioned ones; no effect where they are partitioned already.

    Raises:
        StoreError: there are rows, which would have to be moved.
    """
    if is_partitioned(connection):
        return
    tables = _plain_tables(connection)
    if any(_has_rows(connection, name) for name in tables):
        message = (
            "only empty tables can be partitioned: create a new database with partitions, and"
            " snakestore.copy this one into it"
        )
        raise StoreError(message)
    _replace(connection, tables, partitions)


def complete_partitions(connection: Connection) -> None:
    """Partition what a migration has just created, into as many parts as the sessions have."""
    if not is_partitioned(connection):
        return
    new = [name for name in _plain_tables(connection) if not _has_rows(connection, name)]
    if new:
        _replace(connection, new, connection.execute(_COUNT).scalar_one())


def is_partitioned(connection: Connection) -> bool:
    """Whether the sessions are partitioned."""
    return bool(connection.scalar(_KIND, {"name": "sessions"}) == _PARTITIONED)


def _plain_tables(connection: Connection) -> list[str]:
    return [name for name in KEYS if connection.scalar(_KIND, {"name": name}) == _PLAIN]


def _has_rows(connection: Connection, name: str) -> bool:
    return bool(connection.scalar(text(f"SELECT EXISTS (SELECT FROM {name})")))  # noqa: S608 - a name of our tables


def _replace(connection: Connection, tables: Sequence[str], partitions: int) -> None:
    """Replace tables, which are empty, by partitioned ones of the same definition."""
    kept_views = connection.execute(_VIEWS, {"names": list(VIEW_NAMES)}).all()
    definitions = {name: _definition(connection, name) for name in tables}
    for name, _ in reversed(kept_views):
        connection.execute(_ddl(f"DROP VIEW {name}"))
    for name in tables:
        connection.execute(
            _ddl(
                f"CREATE TABLE {name}_new (LIKE {name} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
                f" PARTITION BY HASH ({KEYS[name]})"
            )
        )
    for name in reversed(tables):
        connection.execute(_ddl(f"DROP TABLE {name}"))
    for name, definition in definitions.items():
        for statement in _steps(name, partitions, definition):
            connection.execute(_ddl(statement))
    for name, query in kept_views:
        connection.execute(_ddl(f"CREATE VIEW {name} AS {query}"))


def _steps(name: str, partitions: int, definition: _Definition) -> Iterator[str]:
    """The DDL that turns ``<name>_new`` into the table, with its partitions and constraints."""
    yield f"ALTER TABLE {name}_new RENAME TO {name}"
    settings = f" WITH ({definition.storage})" if definition.storage else ""
    for number in range(partitions):
        yield (
            f"CREATE TABLE {name}_{number} PARTITION OF {name} FOR VALUES WITH (MODULUS"
            f" {partitions}, REMAINDER {number}){settings}"
        )
    for constraint, constraint_sql in definition.constraints:
        yield f"ALTER TABLE {name} ADD CONSTRAINT {constraint} {constraint_sql}"
    yield from definition.indexes


class _Definition(NamedTuple):
    storage: str
    constraints: list[tuple[str, str]]
    indexes: list[str]


def _definition(connection: Connection, name: str) -> _Definition:
    storage = connection.scalar(_STORAGE, {"name": name}) or ""
    constraints = [
        (constraint, definition)
        for constraint, definition in connection.execute(_CONSTRAINTS, {"name": name})
    ]
    return _Definition(storage, constraints, list(connection.scalars(_INDEXES, {"name": name})))


def _ddl(statement: str) -> TextClause:
    return text(statement.replace(":", r"\:"))  # a cast in a definition is not a parameter
