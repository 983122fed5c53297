"""What makes a database unfit for snakestore's tables: its encoding, and what others altered.

Each dialect describes the tables that it finds as a ``TableDefinition``, and derives the expected
ones from the mapped classes. The comparison and its messages are the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from snakestore.errors import SchemaError, StoreError
from snakestore.storage.schema.revisions import HEAD

_MAX_SHOWN = 3

Tokens = tuple[str, ...]
"""The words and signs of a definition, in the dialect's normal form."""


class TableDefinition(NamedTuple):
    """A table. The order of its columns and constraints does not matter."""

    columns: Mapping[str, Tokens]
    """By name, each definition beginning with the name."""
    constraints: frozenset[Tokens]
    options: Tokens = ()


class Alteration(NamedTuple):
    """Something that others changed of snakestore's tables, or put on or in place of them."""

    kind: str
    name: str
    table: str
    message: str
    """What it is and does, with the remedy."""


def foreign_trigger(name: str, table: str, remedy: str = "drop it") -> Alteration:
    """The finding of a trigger, since snakestore creates none."""
    message = f"the foreign trigger {name} on {table} could change what is stored: {remedy}"
    return Alteration("trigger", name, table, message)


def foreign_index(name: str, table: str) -> Alteration:
    """The finding of a unique, partial or computed index. Plain ones are allowed."""
    message = (
        f"the foreign index {name} on {table} is unique, partial or over an expression, so it could"
        f" refuse or delay writes: DROP INDEX {name}"
    )
    return Alteration("index", name, table, message)


def replaced_table(kind: str, table: str) -> Alteration:
    """Something of another ``kind`` that has the name of a table."""
    message = f"the foreign {kind} {table} is in the place of a table: restore a backup"
    return Alteration(kind, table, table, message)


def altered_table(table: str, problem: str) -> Alteration:
    """A table of which a column or a constraint is not as it was created."""
    message = f"the table {table} was altered ({problem}): undo that, or restore a backup"
    return Alteration("table", table, table, message)


def first_difference(expected: TableDefinition, found: TableDefinition) -> str | None:
    """The first difference between two tables; None without one."""
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
            return defined_as(definition)
    return None


def defined_as(column: Tokens) -> str:
    """How a column is defined that should be defined in another way."""
    return f"the column {column[0]} is defined as {' '.join(column[1:])}"


def check_encoding(encoding: str, where: str) -> None:
    """Refuse a database in which text is not UTF-8, or does not sort by code point.

    Raises:
        StoreError: it is one.
    """
    if encoding.replace("-", "").upper() != "UTF8":
        message = (
            f"{where} has the encoding {encoding}, and snakestore's tables need UTF-8: use a new"
            " database (SQLite's default; on PostgreSQL CREATE DATABASE ... ENCODING 'UTF8'"
            " TEMPLATE template0), and copy your own tables into it"
        )
        raise StoreError(message)


def check_unaltered(alterations: Sequence[Alteration], where: str) -> None:
    """Refuse tables that others altered: they might not store what snakestore writes.

    Raises:
        SchemaError: there are some.
    """
    if alterations:
        shown = [alteration.message for alteration in alterations[:_MAX_SHOWN]]
        if len(alterations) > len(shown):
            shown.append(f"and {len(alterations) - len(shown)} more")
        message = f"{where} was altered by others, and nothing was changed: {'; '.join(shown)}"
        raise SchemaError(message, current=None, head=HEAD)
