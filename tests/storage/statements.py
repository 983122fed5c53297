"""All statements of the library, and which part of a key each of them gives."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ClauseElement,
    Column,
    Dialect,
    Executable,
    LargeBinary,
    Table,
    Tuple,
    UniqueConstraint,
)
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BinaryExpression
from sqlalchemy.types import ARRAY, BigInteger, Double, Integer, TypeEngine

from snakestore.storage import queries
from snakestore.storage.queries.columns import RangeQuery
from snakestore.storage.queries.history import HistoryStatements
from snakestore.storage.queries.statement import MAX_IN_PARAMETERS, CompiledStatement, Statement
from snakestore.storage.queries.variables import BatchStatements
from snakestore.storage.schema.column_types import UtcDateTime
from snakestore.storage.schema.tables import Base

NOT_STATEMENTS = {"arrays", "columns", "statement", "server_time"}
WHOLE_STORE = {"checks", "copying.COUNT_SESSIONS", "copying.DELETE_COPIED_WITHOUT_SESSION"}
"""Statements that concern every session."""
COMPARISONS = {
    operators.eq,
    operators.in_op,
    operators.lt,
    operators.le,
    operators.gt,
    operators.ge,
}
ONLY_WITH_ARRAYS = {"variables.UPDATE_SEVERAL"}
"""Statements for databases where a parameter may be an array."""
IN_SIZE = 4


class NamedStatement(NamedTuple):
    name: str
    statement: Statement

    @property
    def expression(self) -> Executable:
        return self.statement.expression(IN_SIZE if self.statement.expanding else None)

    def compiled(self, dialect: Dialect, size: int = IN_SIZE) -> CompiledStatement:
        if self.statement.expanding:
            return self.statement.compile_expanding(dialect, size)
        return self.statement.compile_for(dialect)

    def parameters(self, dialect: Dialect, size: int = IN_SIZE) -> dict[str, Any]:
        """A value of the right type for each parameter."""
        built = self.statement.expression(size if self.statement.expanding else None)
        expression = cast("ClauseElement", built)
        compiled = cast("SQLCompiler", expression.compile(dialect=dialect))
        return {
            name: _example(parameter.type)
            for name, parameter in compiled.binds.items()
            if parameter.required
        }

    def compared_columns(self) -> dict[str, set[str]]:
        """The columns that the statement compares, by the name of their table or its alias."""
        found: dict[str, set[str]] = {}
        for element in visitors.iterate(self.expression):
            if isinstance(element, BinaryExpression) and element.operator in COMPARISONS:
                for side in (element.left, element.right):
                    for column in side.clauses if isinstance(side, Tuple) else [side]:
                        if isinstance(column, Column):
                            found.setdefault(str(column.table.name), set()).add(column.name)
        return found

    def keys_given(self) -> dict[str, list[set[str]]]:
        """Of each table of which a session and more of a key is given: those columns, by index."""
        given = {}
        for name, compared in self.compared_columns().items():
            table = Base.metadata.tables.get(self._table_name(name))
            if table is not None and "session_id" in compared:
                parts = [compared & key for key in _keys(table)]
                given[name] = [part for part in parts if len(part) > 1]
        return {name: parts for name, parts in given.items() if parts}

    def _table_name(self, name: str) -> str:
        """The name of the table that ``name``, which may be an alias, stands for."""
        for element in visitors.iterate(self.expression):
            if getattr(element, "name", None) == name and hasattr(element, "element"):
                return str(element.element.name)
        return name


def _keys(table: Table) -> list[set[str]]:
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    return [set(each.columns.keys()) for each in (table.primary_key, *unique, *table.indexes)]


def _example(type_: TypeEngine[Any]) -> Any:
    if isinstance(type_, ARRAY):
        return [_example(type_.item_type)] * MAX_IN_PARAMETERS
    if isinstance(type_, UtcDateTime):
        return datetime(2025, 3, 1, tzinfo=UTC)
    if isinstance(type_, BigInteger | Integer | Double):
        return 1
    return b"" if isinstance(type_, LargeBinary) else "1"


def named_statements() -> list[NamedStatement]:
    """Those that concern one session, or a range of them."""
    return [each for each in all_statements() if not each.name.startswith(tuple(WHOLE_STORE))]


def all_statements() -> list[NamedStatement]:
    modules = {each.name for each in pkgutil.iter_modules(queries.__path__)} - NOT_STATEMENTS
    return [
        NamedStatement(*found)
        for module in sorted(modules)
        for name, thing in vars(importlib.import_module(f"{queries.__name__}.{module}")).items()
        for found in _statements(f"{module}.{name}", thing)
    ]


def _statements(name: str, thing: object) -> Iterator[tuple[str, Statement]]:
    if isinstance(thing, Statement):
        yield name, thing
    elif isinstance(thing, RangeQuery):
        for bounds in _sets_of_bounds(thing):
            for reverse in (False, True):
                label = "-".join((name, *bounds, *(["reverse"] if reverse else [])))
                yield label, thing.statement(bounds, reverse=reverse)
    else:
        for part, each in _parts(thing):
            yield from _statements(name + part, each)


def _parts(thing: object) -> Iterator[tuple[str, object]]:
    """The members of a collection of statements, by what follows its name."""
    if isinstance(thing, tuple):
        yield from ((f"-{number}", each) for number, each in enumerate(thing))
    elif isinstance(thing, dict):
        yield from ((f"-{key}", each) for key, each in thing.items())
    elif is_dataclass(thing) and not isinstance(thing, type):
        yield from ((f".{field.name}", getattr(thing, field.name)) for field in fields(thing))
    elif isinstance(thing, BatchStatements | HistoryStatements):
        yield from ((f".{name}", each) for name, each in vars(thing).items())


def _sets_of_bounds(query: RangeQuery) -> Iterator[tuple[str, ...]]:
    """All that are used: a range of names begins either at a name or beyond one."""
    beginnings = {"lower", "after"} & query.bounds.keys()
    for size in range(len(query.bounds) + 1):
        for bounds in combinations(query.bounds, size):
            if len(beginnings.intersection(bounds)) == bool(beginnings):
                yield bounds
