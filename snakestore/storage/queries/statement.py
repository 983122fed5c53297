"""Statements written in SQLAlchemy's language, compiled once a dialect, run on the driver's cursor.

One SQLAlchemy execute costs several times the SQLite call under it; a statement compiled once costs
almost nothing over it. So a ``Statement`` keeps, for each dialect, the SQL text, the order of its
parameters and the conversions that the column types ask for, and hands plain tuples to and from the
driver. What it runs is exactly what SQLAlchemy would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.sqltypes import NumericCommon
from sqlalchemy.types import TypeEngine

from snakestore.errors import CorruptStoreError

Convert = Callable[[Any], Any]
Row = tuple[Any, ...]
LARGEST_SPREAD = 256
EACH = tuple(f"each_{number}" for number in range(LARGEST_SPREAD))
"""The parameters of a spread statement."""


def _converter(type_: TypeEngine[Any], dialect: Dialect, *, incoming: bool) -> Convert | None:
    if isinstance(type_, NumericCommon):
        return None  # floats and ints are the drivers' own
    made = type_.dialect_impl(dialect)
    convert = made.bind_processor(dialect) if incoming else made.result_processor(dialect, None)
    return cast("Convert | None", convert)


class Prepared:
    """A statement as one dialect's driver takes it."""

    # by hand, as are others that every verb reads: quicker to read than a tuple's names, and to
    # define than a dataclass
    __slots__ = ("bind", "row", "sql")

    def __init__(
        self, sql: str, bind: Callable[[dict[str, Any]], Any], row: Callable[[Row], Row] | None
    ) -> None:
        self.sql = sql
        self.bind = bind
        self.row = row

    def rows(self, fetched: Iterable[Row]) -> list[Row]:
        """Rows from the driver, converted as their column types ask."""
        if self.row is None:
            return list(fetched)
        return [self.row(each) for each in fetched]


class Statement:
    """A statement built on first use and compiled once a dialect.

    ``build`` returns the statement. One that takes a number is spread: it has ``IN (...)`` lists of
    that many parameters named as ``EACH`` says and is compiled for a few sizes.
    """

    __slots__ = ("_build", "_prepared", "_spread", "spread")

    def __init__(self, build: Callable[..., Executable], *, spread: bool = False) -> None:
        self._build = build
        self._prepared: dict[str, Prepared] = {}
        self._spread: dict[tuple[str, int], Prepared] = {}
        self.spread = spread

    def prepare(self, dialect: Dialect) -> Prepared:
        """The statement for ``dialect``; compiled at the first call."""
        prepared = self._prepared.get(dialect.driver)
        if prepared is None:
            prepared = self._prepared[dialect.driver] = _prepare(self._build(), dialect)
        return prepared

    def prepare_spread(self, dialect: Dialect, size: int) -> Prepared:
        """The spread statement for ``dialect`` and ``size`` parameters; compiled at the first call."""
        prepared = self._spread.get((dialect.driver, size))
        if prepared is None:
            prepared = self._spread[dialect.driver, size] = _prepare(self._build(size), dialect)
        return prepared

    def expression(self) -> Executable:
        """The statement for SQLAlchemy itself to run: what tests hold against the prepared form."""
        return self._build()


def _prepare(built: Executable, dialect: Dialect) -> Prepared:
    compiled = cast("SQLCompiler", cast("Any", built).compile(dialect=dialect))
    # result columns carry the types that RETURNING or SELECT give; a plain change has none
    types = [entry[3] for entry in compiled._result_columns]  # noqa: SLF001 - no public name tells a compiled statement's column types
    return Prepared(
        compiled.string,
        _binder(compiled, dialect),
        _row_converter([_converter(each, dialect, incoming=False) for each in types]),
    )


def _binder(compiled: SQLCompiler, dialect: Dialect) -> Callable[[dict[str, Any]], Any]:
    """A function from keyword parameters to what the driver's execute takes."""
    converters = [
        (name, convert)
        for name, bind in compiled.binds.items()
        if (convert := _converter(bind.type, dialect, incoming=True)) is not None
    ]
    fixed = {
        name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required
    }
    order = compiled.positiontup if compiled.positional else None

    def converted(parameters: dict[str, Any]) -> dict[str, Any]:
        if fixed:
            parameters = fixed | parameters
        for name, convert in converters:
            parameters[name] = convert(parameters[name])
        return parameters

    if order is None:
        return converted
    if not order:
        return lambda _: ()
    if len(order) == 1:
        only = order[0]
        return lambda parameters: (converted(parameters)[only],)
    pick = itemgetter(*order)
    if not fixed and not converters:
        return pick
    return lambda parameters: pick(converted(parameters))


def _row_converter(converters: Sequence[Convert | None]) -> Callable[[Row], Row] | None:
    wanted = [(index, convert) for index, convert in enumerate(converters) if convert is not None]
    if not wanted:
        return None

    first = wanted[0][1]

    def convert_first(row: Row) -> Row:
        try:
            return (first(row[0]),) + row[1:]  # noqa: RUF005 - quicker than to unpack, in every lookup
        except CorruptStoreError as problem:
            raise _told(problem, row) from problem

    def convert_row(row: Row) -> Row:
        values = list(row)
        try:
            for index, convert in wanted:
                if values[index] is not None:
                    values[index] = convert(values[index])
        except CorruptStoreError as problem:
            raise _told(problem, row) from problem
        return tuple(values)

    # nearly every lookup has one time to read, the session's access, and has it first
    return convert_first if [index for index, _ in wanted] == [0] else convert_row


def _told(problem: CorruptStoreError, row: Row) -> CorruptStoreError:
    texts = [cell for cell in row if isinstance(cell, str)][:5]
    return CorruptStoreError(f"{problem}; the row has {texts!r}")


def spread_sizes(values: Sequence[Any]) -> Iterable[list[Any]]:
    """``values`` in pieces whose lengths are few: powers of two up to 256, the last one filled up by repetition."""
    for start in range(0, len(values), LARGEST_SPREAD):
        piece = list(values[start : start + LARGEST_SPREAD])
        size = 1 << (len(piece) - 1).bit_length()
        yield piece + piece[-1:] * (size - len(piece))
