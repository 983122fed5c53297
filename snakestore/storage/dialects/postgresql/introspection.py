"""What PostgreSQL reports about a database: its size, and which tables it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    cast,
    column,
    func,
    inspect,
    literal,
    select,
    table,
    union_all,
)

from snakestore.storage.dialects.postgresql.catalogs import definitions
from snakestore.storage.dialects.postgresql.definitions import alterations_of
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.alterations import Alteration
from snakestore.storage.schema.revisions import VERSION_TABLE
from snakestore.storage.schema.tables import Base


def _partitions_size(name: str) -> Any:
    parts = func.pg_partition_tree(name).table_valued(column("relid"))
    total = cast(func.sum(func.pg_total_relation_size(parts.c.relid)), BigInteger)
    return func.coalesce(select(total).select_from(parts).scalar_subquery(), 0)


def _total_size() -> Any:
    # a partitioned table has no storage but its partitions', and another has no partitions
    sizes = [
        func.pg_total_relation_size(table.name) + _partitions_size(table.name)
        for table in Base.metadata.sorted_tables
    ]
    return select(reduce(add, sizes), literal(0))


def _parts() -> Any:
    here = func.any(func.current_schemas(False))  # noqa: FBT003 - the server's function takes it so
    columns = table(
        "columns",
        column("table_schema"),
        column("table_name", Text()),
        column("column_name", Text()),
        schema="information_schema",
    )
    indexes = table("pg_indexes", column("schemaname"), column("indexname", Text()))
    views = table("pg_views", column("schemaname"), column("viewname", Text()))
    tables = table("pg_tables", column("schemaname"), column("tablename", Text()))
    return union_all(
        select(literal("table"), tables.c.tablename, literal("")).where(
            tables.c.schemaname == here
        ),
        select(literal("index"), indexes.c.indexname, literal("")).where(
            indexes.c.schemaname == here
        ),
        select(literal("view"), views.c.viewname, literal("")).where(views.c.schemaname == here),
        select(
            literal("column"), cast(columns.c.table_name, Text), cast(columns.c.column_name, Text)
        ).where(columns.c.table_schema == here),
    )


SIZE = Statement(_total_size)
PARTS = Statement(_parts)
WHEREABOUTS = Statement(
    lambda: select(func.pg_postmaster_start_time(), func.current_database(), func.current_schema())
)


DEFINITIONS = Statement(definitions)
ENCODING = Statement(
    lambda: (
        select(column("setting", Text()))
        .select_from(table("pg_settings"))
        .where(column("name", Text()) == "server_encoding")
    )
)


class PostgreSQLSchemaReader:
    """Reads the catalog of the current schema over a SQLAlchemy Connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def versions(self) -> list[Any] | None:
        """The rows of snakestore's version table; None if there is no such table."""
        if self._connection.scalar(select(func.to_regclass(VERSION_TABLE))) is None:
            return None
        versions: Select[Any] = select(column("version_num")).select_from(table(VERSION_TABLE))
        return list(self._connection.scalars(versions))

    def is_empty(self) -> bool:
        """Never: the database exists, and others may share it."""
        return False

    def relation_names(self) -> set[str]:
        """The names of all tables and views of the default schema."""
        inspector = inspect(self._connection)
        return {*inspector.get_table_names(), *inspector.get_view_names()}

    def view_definitions(self) -> Mapping[str, str]:
        """The views of the default schema, with the queries as the server prints them."""
        inspector = inspect(self._connection)
        return {
            name: str(inspector.get_view_definition(name)) for name in inspector.get_view_names()
        }

    def encoding(self) -> str:
        """The encoding of the database."""
        return str(self._connection.scalar(ENCODING.expression()))

    def alterations(self, revision: str) -> Sequence[Alteration]:
        """Altered tables, what is on them, and tables that hide them in the search path."""
        rows = self._connection.execute(DEFINITIONS.expression())
        return alterations_of((tuple(row) for row in rows), revision)
