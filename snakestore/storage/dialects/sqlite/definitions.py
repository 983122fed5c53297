"""Compare the tables of a file with what the migrations create, by their CREATE statements.

A pragma would not do: none tells a column's collation or a CHECK. What is expected is derived from
the mapped classes, and a test holds those equal to what the migrations create.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from snakestore.storage.schema.alterations import Alteration
from snakestore.storage.schema.revisions import VERSION_TABLE
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

Tokens = tuple[str, ...]


class TableDefinition(NamedTuple):
    """A CREATE TABLE statement, of which the order of columns and constraints does not matter."""

    columns: Mapping[str, Tokens]
    constraints: frozenset[Tokens]
    options: Tokens


class ObjectDefinition(NamedTuple):
    """A row of ``sqlite_master``: kind, name, table and CREATE statement."""

    kind: str
    name: str
    table: str
    sql: str | None


@lru_cache(maxsize=64)
def find_alterations(
    found: tuple[ObjectDefinition, ...], *, at_head: bool
) -> tuple[Alteration, ...]:
    """What others have changed of snakestore's tables, or put on them.

    Args:
        found: everything that is on or in the place of a snakestore table.
        at_head: whether the tables have the present schema. Of an older one, only what computes or
            refuses values is found.
    """
    tables = {
        each.name.lower(): parse_table(each.sql)
        for each in found
        if each.kind == "table" and each.sql is not None
    }
    alterations = []
    for each in found:
        table = each.table.lower()
        if each.kind == "trigger":
            alterations.append(_of_trigger(each.name, table))
        elif each.kind == "index":
            definition = tables.get(table)
            columns = _VERSION_COLUMNS if definition is None else frozenset(definition.columns)
            if each.sql is not None and not _is_allowed_index(each, table, columns):
                alterations.append(_of_index(each.name, table))
        elif each.kind != "table" or tables.get(table) is None:
            alterations.append(_of_replacement(each.kind, table))
        elif table in Base.metadata.tables:
            definition = tables[table]
            assert definition is not None  # noqa: S101 - checked above
            problem = _difference(table, definition) if at_head else _computing_column(definition)
            if problem is not None:
                alterations.append(_of_table(table, problem))
    return tuple(alterations)


def _of_trigger(name: str, table: str) -> Alteration:
    message = f"the foreign trigger {name} on {table} could change what is stored: drop it"
    return Alteration("trigger", name, table, message)


def _of_index(name: str, table: str) -> Alteration:
    message = (
        f"the foreign index {name} on {table} is unique, partial or over an expression, so it could"
        f" refuse or delay writes: DROP INDEX {name}"
    )
    return Alteration("index", name, table, message)


def _of_replacement(kind: str, table: str) -> Alteration:
    kind = "virtual table" if kind == "table" else kind
    message = f"the foreign {kind} {table} is in the place of a table: restore a backup"
    return Alteration(kind, table, table, message)


def _of_table(table: str, problem: str) -> Alteration:
    message = f"the table {table} was altered ({problem}): undo that, or restore a backup"
    return Alteration("table", table, table, message)


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


def _difference(name: str, found: TableDefinition) -> str | None:
    """The first difference between a table and snakestore's of that name; None without one."""
    expected = _expected_tables()[name]
    in_a_column = _difference_in_columns(expected.columns, found.columns)
    if in_a_column is not None:
        return in_a_column
    for constraint in sorted(expected.constraints - found.constraints):
        return f"the constraint {' '.join(constraint)} is missing"
    for constraint in sorted(found.constraints - expected.constraints):
        return f"the constraint {' '.join(constraint)} is not snakestore's"
    if found.options != expected.options:
        return f"it is {' '.join(found.options)}"
    return None


def _difference_in_columns(
    expected: Mapping[str, Tokens], found: Mapping[str, Tokens]
) -> str | None:
    for column in expected:
        if column not in found:
            return f"the column {column} is missing"
    for column, definition in found.items():
        if column not in expected:
            return f"the column {column} is not snakestore's"
        if definition != expected[column]:
            return f"the column {column} is defined as {' '.join(definition[1:])}"
    return None


def _computing_column(found: TableDefinition) -> str | None:
    for column, definition in found.columns.items():
        if _COMPUTES.intersection(definition):
            return f"the column {column} is defined as {' '.join(definition[1:])}"
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
