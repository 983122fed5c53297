"""Compare the tables of a server with what the migrations create, by what the catalogs contain.

What is expected is derived from the mapped classes, and a test holds those equal to what the
migrations create. The server prints types, keys and references as SQLAlchemy does. It prints the
expression of a CHECK in another form, so a CHECK is compared by its name alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, cast

from sqlalchemy import Column, MetaData, make_url
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import DDLCompiler

from snakestore.storage.dialects.postgresql.catalogs import FoundDefinition
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
from snakestore.storage.schema.revisions import HEAD, tables_at
from snakestore.storage.schema.tables import Base

_TOKEN = re.compile(r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | [\w$]+ | \S""", re.VERBOSE)
_CAST = re.compile(r"::[a-z_\" ]+(?:\([\d, ]+\))?(?:\[\])*")
_PLAIN_NAME = re.compile(r'"[a-z_][a-z0-9_]*"')


def complete_metadata(metadata: MetaData) -> None:
    """Make the partial indexes partial here too, and add room on each page for updates in place."""
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
    # an access or an append then rewrites the row on its own page (a HOT update), and no index
    for name in ("sessions", "logs"):
        metadata.tables[name].dialect_options["postgresql"]["with"] = {"fillfactor": 70}


def alterations_of(rows: Iterable[tuple[Any, ...]], revision: str) -> Sequence[Alteration]:
    """What others altered, from the rows of the query on tables of the schema ``revision``."""
    return _find_alterations(tuple(sorted(FoundDefinition(*row) for row in rows)), revision)


@lru_cache(maxsize=64)
def _find_alterations(found: tuple[FoundDefinition, ...], revision: str) -> tuple[Alteration, ...]:
    present = tables_at(revision)
    here = [each for each in found if each.table in present]
    hidden = tuple(_of_hidden(each) for each in here if each.kind == "hidden")
    if hidden:  # the server then prints the names of the others with their schema
        return hidden
    alterations = [
        *(_OF_KIND[each.kind](each) for each in here if each.kind in _OF_KIND),
        *(
            foreign_index(each.name, each.table)
            for each in here
            if each.kind in {"index", "plain index"} and not _is_allowed_index(each)
        ),
        *_of_tables(here, at_head=revision == HEAD),
    ]
    return tuple(sorted(alterations, key=lambda each: (each.table, each.kind, each.name)))


def _of_hidden(found: FoundDefinition) -> Alteration:
    table, here, home = found.table, found.name, found.definition
    message = (
        f"the table {table} of the schema {here} hides snakestore's in {home}: rename it, or put"
        f" {home} first in the search_path"
    )
    return Alteration("table", table, table, message)


def _of_replacement(found: FoundDefinition) -> Alteration:
    return replaced_table(found.definition, found.table)


def _of_trigger(found: FoundDefinition) -> Alteration:
    remedy = f"DROP TRIGGER {found.name} ON {found.definition}"
    return foreign_trigger(found.name, found.table, remedy)


def _of_rule(found: FoundDefinition) -> Alteration:
    message = (
        f"the foreign rule {found.name} on {found.table} could change what is stored: DROP RULE"
        f" {found.name} ON {found.definition}"
    )
    return Alteration("rule", found.name, found.table, message)


def _of_heir(found: FoundDefinition) -> Alteration:
    message = (
        f"the rows of {found.name}, which inherits from {found.table}, would be read and changed"
        f" with it: ALTER TABLE {found.name} NO INHERIT {found.table}"
    )
    return Alteration("table", found.name, found.table, message)


def _of_row_security(found: FoundDefinition) -> Alteration:
    message = (
        f"row level security could hide rows of {found.table} from the role {found.name}: connect"
        " as the owner of the table or as a role with BYPASSRLS, or ALTER TABLE"
        f" {found.definition} DISABLE ROW LEVEL SECURITY"
    )
    return Alteration("row security", found.table, found.table, message)


def _of_constraint_of_part(found: FoundDefinition) -> Alteration:
    constraint = " ".join(_constraint(found.definition))
    return altered_table(found.table, f"its partition {found.name} has the {constraint}")


_OF_KIND: Mapping[str, Callable[[FoundDefinition], Alteration]] = {
    "replaced": _of_replacement,
    "heir": _of_heir,
    "part constraint": _of_constraint_of_part,
    "trigger": _of_trigger,
    "rule": _of_rule,
    "row security": _of_row_security,
}


def _is_allowed_index(found: FoundDefinition) -> bool:
    """Whether an index is plain, or refuses no more than one of snakestore's own.

    REINDEX CONCURRENTLY creates a second index with another name for a while.
    """
    own = _expected_indexes()
    definition = _index(found.definition)
    expected = own.get(found.name)
    if expected is not None:
        return definition == expected
    return found.kind == "plain index" or definition in own.values()


def _of_tables(found: Iterable[FoundDefinition], *, at_head: bool) -> Iterator[Alteration]:
    tables: dict[str, list[FoundDefinition]] = defaultdict(list)
    for each in found:
        if each.kind in {"column", "constraint"} and each.table in Base.metadata.tables:
            tables[each.table].append(each)
    for table, parts in tables.items():
        definition = TableDefinition(
            {
                each.name: _column(each.name, each.definition)
                for each in parts
                if each.kind == "column"
            },
            frozenset(_constraint(each.definition) for each in parts if each.kind == "constraint"),
        )
        problem = (
            first_difference(_expected_tables()[table], definition)
            if at_head
            else _computing_column(definition)
        )
        if problem is not None:
            yield altered_table(table, problem)


def _computing_column(found: TableDefinition) -> str | None:
    for definition in found.columns.values():
        if "generated" in definition:
            return defined_as(definition)
    return None


# --- what is expected


@cache
def _compiler() -> DDLCompiler:
    complete_metadata(Base.metadata)
    dialect = make_url("postgresql://").get_dialect()()
    [first, *_] = Base.metadata.sorted_tables
    return cast("DDLCompiler", CreateTable(first).compile(dialect=dialect))


@cache
def _expected_tables() -> Mapping[str, TableDefinition]:
    compiler = _compiler()
    return {
        table.name: TableDefinition(
            {each.name: _expected_column(compiler, each) for each in table.columns},
            frozenset(_constraint(compiler.process(each)) for each in table.constraints),
        )
        for table in Base.metadata.sorted_tables
    }


def _expected_column(compiler: DDLCompiler, expected: Column[Any]) -> Tokens:
    kind = compiler.dialect.type_compiler_instance.process(expected.type)
    default = compiler.get_column_default_string(expected)
    definition = " ".join(
        [
            kind,
            *([] if expected.nullable else ["NOT NULL"]),
            *([] if default is None else ["DEFAULT", default]),
        ]
    )
    return _column(expected.name, definition)


@cache
def _expected_indexes() -> Mapping[str, Tokens]:
    """The indexes and the unique keys by name."""
    compiler = _compiler()
    indexes = {}
    for table in Base.metadata.sorted_tables:
        for index in table.indexes:
            create, _, rest = compiler.process(CreateIndex(index)).partition(" ON ")
            unique = "unique " if "UNIQUE" in create else ""
            indexes[str(index.name)] = _index(f"{unique}on {rest}")
        for constraint in table.constraints:
            kind, _, keys = compiler.process(constraint).partition("(")
            if "PRIMARY KEY" in kind or "UNIQUE" in kind:
                indexes[str(constraint.name)] = _index(f"unique on {table.name} {keys}")
    return indexes


# --- normal forms


def _column(name: str, definition: str) -> Tokens:
    return (name, *_tokens(_CAST.sub("", definition)))


def _constraint(definition: str) -> Tokens:
    """A constraint; of a CHECK only its name, and what follows the expression (NOT VALID)."""
    tokens = tuple(_tokens(definition))
    if tokens[2] != "check":
        return tokens
    end = len(tokens) - tokens[::-1].index(")")
    return (*tokens[:3], *tokens[end:])


def _index(definition: str) -> Tokens:
    return tuple(token for token in _tokens(definition) if token not in {"(", ")"})


def _tokens(definition: str) -> Iterator[str]:
    """The words in lower case, without the quotes of names that need none."""
    for token in _TOKEN.findall(definition):
        if _PLAIN_NAME.fullmatch(token):
            yield token[1:-1]
        else:
            yield token if token.startswith(("'", '"')) else token.lower()
