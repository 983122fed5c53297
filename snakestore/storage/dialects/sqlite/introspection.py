"""What SQLite reports about its own file: damage, dangling references, triggers and tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    LargeBinary,
    Select,
    Text,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
    text,
    union_all,
)

from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.alterations import Alteration
from snakestore.storage.schema.revisions import HEAD, VERSION_TABLE
from snakestore.storage.schema.tables import Base

MAX_FINDINGS = 1000
"""Rows that one statement returns at most; a damaged file can have a finding for each page."""

_master = table(
    "sqlite_master",
    column("type", Text()),
    column("name", Text()),
    column("tbl_name", Text()),
    column("sql", Text()),
)


def _integrity() -> Select[str, str]:
    message = column("integrity_check", Text())
    return (
        select(literal("the file"), message)
        .select_from(func.pragma_integrity_check(MAX_FINDINGS).table_valued(message))
        .where(message != "ok")
    )


def _foreign_keys() -> Select[str, str]:
    child, row, parent = (
        column("table", Text()),
        column("rowid", BigInteger()),
        column("parent", Text()),
    )
    found = func.pragma_foreign_key_check().table_valued(child, row, parent)
    message = literal("row ") + cast(row, Text) + literal(" references a missing row of ") + parent
    return (
        select(child, func.coalesce(message, literal("a row references a missing one")))
        .select_from(found)
        .limit(MAX_FINDINGS)
    )


def _parts() -> Any:
    name = column("name", Text())
    columns = func.pragma_table_info(_master.c.name).table_valued(name)
    return union_all(
        select(_master.c.type, _master.c.name, literal("")).where(
            or_(*(_master.c.type == kind for kind in ("table", "index", "view")))
        ),
        select(literal("column"), _master.c.name, columns.c.name)
        .select_from(_master.join(columns, literal(1) == 1))
        .where(_master.c.type == "table"),
    )


FINDINGS = {
    "integrity": Statement(_integrity),
    "foreign key": Statement(_foreign_keys),
}
PARTS = Statement(_parts)
FILE = Statement(
    lambda: (
        # as bytes: a path need not be UTF-8
        select(cast(column("file", Text()), LargeBinary))
        .select_from(
            func.pragma_database_list().table_valued(column("name", Text()), column("file", Text()))
        )
        .where(column("name", Text()) == "main")
    )
)

# --- the tables, over a connection of the driver or of SQLAlchemy

_TABLES = ", ".join(f"'{name}'" for name in (VERSION_TABLE, *Base.metadata.tables))
_DEFINITIONS = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master"  # noqa: S608 - constants
    f" WHERE lower(tbl_name) IN ({_TABLES}) ORDER BY name"
)
DEFINITIONS = Statement(
    lambda: text(_DEFINITIONS).columns(
        *(column(name, Text()) for name in ("kind", "name", "table", "sql"))
    )
)
ENCODING = Statement(lambda: select(column("encoding", Text())).select_from(func.pragma_encoding()))
HEAD_DIGEST = "4b8da4bfe08d70a9a83dd0b6faeaefdba52936f867d6b2d86ec05af65b27e209"
"""Of the tables and indexes that the migrations create: a file with these needs no comparison."""
_VERSION_TABLE = (
    f"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '{VERSION_TABLE}'"  # noqa: S608 - a constant
)
_VERSIONS = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
_OBJECTS = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
_RELATIONS = "SELECT lower(name) FROM sqlite_master WHERE type <> 'trigger'"

_VIEWS = "SELECT lower(name), sql FROM sqlite_master WHERE type = 'view'"


def digest(definitions: Iterable[Sequence[Any]]) -> str:
    """A digest of the rows of ``DEFINITIONS``, whatever the white space in them."""
    rows = "\n".join(" ".join(" ".join(map(str, each)).split()) for each in definitions)
    return hashlib.sha256(rows.encode(errors="surrogatepass")).hexdigest()


def alterations_of(definitions: Iterable[Sequence[Any]], revision: str) -> Sequence[Alteration]:
    """What others altered, from the rows of ``DEFINITIONS``."""
    rows = tuple(definitions)
    if revision == HEAD and digest(rows) == HEAD_DIGEST:
        return ()
    from snakestore.storage.dialects.sqlite.definitions import (  # noqa: PLC0415 - on use
        ObjectDefinition,
        find_alterations,
    )

    return find_alterations(tuple(ObjectDefinition(*row) for row in rows), revision)


class SQLiteSchemaReader:
    """Reads ``sqlite_master`` with one connection's ``execute``."""

    def __init__(self, execute: Callable[[str], Any]) -> None:
        self._execute = execute

    def versions(self) -> list[Any] | None:
        """The rows of snakestore's version table; None if there is no such table."""
        if not self._execute(_VERSION_TABLE).fetchone()[0]:
            return None
        return [version for (version,) in self._execute(_VERSIONS)]

    def is_empty(self) -> bool:
        """Whether the file has no table, view, index or trigger, besides SQLite's own."""
        return not self._execute(_OBJECTS).fetchone()[0]

    def relation_names(self) -> set[str]:
        """The names of all tables, views and indexes, in lower case."""
        return {name for (name,) in self._execute(_RELATIONS)}

    def view_definitions(self) -> Mapping[str, str]:
        """The views by name, in lower case, with the text that created them."""
        return {name: sql for name, sql in self._execute(_VIEWS)}  # noqa: C416 - rows are not pairs

    def encoding(self) -> str:
        """The encoding of the file, or of a new one."""
        return str(self._execute("PRAGMA encoding").fetchone()[0])

    def alterations(self, revision: str) -> Sequence[Alteration]:
        """Altered tables, triggers and indexes on them, and views and virtual tables."""
        return alterations_of(self._execute(_DEFINITIONS), revision)
