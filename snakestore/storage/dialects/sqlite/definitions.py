"""Compare the tables of a file with what the migrations create, by their CREATE statements.

A pragma would not do: none returns a column's collation or a CHECK. What is expected is derived
from the mapped classes, and a test holds those equal to what the migrations create.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from snakestore.storage.schema.alterations import (
    Alteration,
    TableDefinition,
    Tokens,
    altered_table,
    defined_as,
    first_difference,
    foreign_index,
    foreign_trigger,
    replaced_table,
)
from snakestore.storage.schema.revisions import HEAD, VERSION_TABLE, tables_at
from snakestore.storage.schema.tables import Base

_TOKEN = re.compile(
    r"""
    (?P<blank> \s+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<quoted> "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
    | '(?:[^']|'')*'
    | [\w$]+
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_TABLE_CONSTRAINTS = frozenset({"constraint", "primary", "unique", "check", "foreign"})
_COLLATIONS = frozenset({"binary", "nocase", "rtrim"})
"""Those that every SQLite has."""
_VERSION_COLUMNS = frozenset({"version_num"})
_COMPUTES = frozenset({"collate", "generated", "as"})
"""Words that no column of snakestore's has."""


class ObjectDefinition(NamedTuple):
    """A row of ``sqlite_master``: kind, name, table and CREATE statement."""

    kind: str
    name: str
    table: str
    sql: str | None


@lru_cache(maxsize=64)
def find_alterations(found: tuple[ObjectDefinition, ...], revision: str) -> tuple[Alteration, ...]:
    """What others have changed of snakestore's tables, or put on them.

    Args:
        found: everything that is on or in the place of a snakestore table.
        revision: the schema of the tables. Of an older one than the present, only what computes or
            refuses values is found.
    """
    present = tables_at(revision)
    tables = {
        each.name.lower(): parse_table(each.sql)
        for each in found
        if each.kind == "table" and each.sql is not None
    }
    alterations = []
    for each in found:
        table = each.table.lower()
        if table not in present:
            continue
        definition = tables.get(table)
        if each.kind == "trigger":
            alterations.append(foreign_trigger(each.name, table))
        elif each.kind == "index":
            columns = _VERSION_COLUMNS if definition is None else frozenset(definition.columns)
            if each.sql is not None and not _is_allowed_index(each, table, columns):
                alterations.append(foreign_index(each.name, table))
        elif each.kind != "table" or definition is None:
            kind = "virtual table" if each.kind == "table" else each.kind
            alterations.append(replaced_table(kind, table))
        elif table in Base.metadata.tables:
            problem = (
                first_difference(_expected_tables()[table], definition)
                if revision == HEAD
                else _computing_column(definition)
            )
            if problem is not None:
                alterations.append(altered_table(table, problem))
    return tuple(alterations)


def _is_allowed_index(found: ObjectDefinition, table: str, columns: frozenset[str]) -> bool:
    """Whether an index is snakestore's own, or a plain one that cannot fail."""
    tokens = tuple(_tokens(found.sql or ""))
    own = _expected_indexes().get(found.name.lower())
    if own is not None:
        return tokens == own
    head, body = tokens[:6], tokens[6:]
    if head[:2] != ("create", "index") or head[3:] != ("on", table, "(") or body[-1:] != (")",):
        return False
    return all(_is_plain_column(part, columns) for part in _split(body[:-1]))


def _is_plain_column(part: Tokens, columns: frozenset[str]) -> bool:
    if part[-1:] in {("asc",), ("desc",)}:
        part = part[:-1]
    if part[1:2] == ("collate",):
        return len(part) == 3 and part[0] in columns and part[2] in _COLLATIONS  # noqa: PLR2004 - all words
    return len(part) == 1 and part[0] in columns


def _computing_column(found: TableDefinition) -> str | None:
    for definition in found.columns.values():
        if _COMPUTES.intersection(definition):
            return defined_as(definition)
    return None


@cache
def _expected_tables() -> Mapping[str, TableDefinition]:
    dialect = sqlite.dialect()
    parsed = {
        table.name: parse_table(str(CreateTable(table).compile(dialect=dialect)))
        for table in Base.metadata.sorted_tables
    }
    return {name: definition for name, definition in parsed.items() if definition is not None}


@cache
def _expected_indexes() -> Mapping[str, Tokens]:
    dialect = sqlite.dialect()
    return {
        str(index.name): tuple(_tokens(str(CreateIndex(index).compile(dialect=dialect))))
        for table in Base.metadata.sorted_tables
        for index in table.indexes
    }


@cache
def _names() -> frozenset[str]:
    """The names of tables, columns, constraints and indexes, which may be quoted or not."""
    names = {VERSION_TABLE, *_VERSION_COLUMNS}
    for table in Base.metadata.sorted_tables:
        names |= {table.name, *(column.name for column in table.columns)}
        names |= {str(index.name) for index in table.indexes}
        names |= {str(constraint.name) for constraint in table.constraints}
    return frozenset(names)


def parse_table(sql: str) -> TableDefinition | None:
    """The parts of a CREATE TABLE statement; None for another statement."""
    tokens = tuple(_tokens(sql))
    if tokens[:2] != ("create", "table") or tokens[3:4] != ("(",) or ")" not in tokens:
        return None
    end = len(tokens) - 1 - tokens[::-1].index(")")
    columns, constraints = {}, set()
    for item in _split(tokens[4:end]):
        if item[:1] and item[0] in _TABLE_CONSTRAINTS:
            constraints.add(item)
        elif item:
            column, checks = _without_checks(item)
            columns[column[0]] = column
            constraints.update(checks)
    return TableDefinition(columns, frozenset(constraints), tokens[end + 1 :])


def _without_checks(column: Tokens) -> tuple[Tokens, list[Tokens]]:
    """A column without the named CHECKs behind it, which ALTER TABLE ADD COLUMN puts there."""
    checks = []
    while "constraint" in column:
        start = column.index("constraint")
        if column[start + 2 : start + 4] != ("check", "("):
            break
        depth, end = 0, start + 3
        for end in range(start + 3, len(column)):
            depth += {"(": 1, ")": -1}.get(column[end], 0)
            if depth == 0:
                break
        checks.append(column[start : end + 1])
        column = column[:start] + column[end + 1 :]
    return column, checks


def _split(tokens: Iterable[str]) -> Iterator[Tokens]:
    """The parts of a list, split at its own commas."""
    depth = 0
    part: list[str] = []
    for word in tokens:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and depth == 0:
            yield tuple(part)
            part = []
        else:
            part.append(word)
    yield tuple(part)


def _tokens(sql: str) -> Iterator[str]:
    """The words of a statement in lower case, without comments.

    Names of snakestore's lose their quotes. Others keep them, for a quoted keyword is a name.
    """
    for found in _TOKEN.finditer(sql):
        token = found.group()
        if found["blank"]:
            continue
        if found["quoted"]:
            name = token[1:-1].lower()
            yield name if name in _names() else token
        else:
            yield token if token.startswith("'") else token.lower()
