"""Statements in SQLAlchemy's expression language, compiled once per dialect.

One SQLAlchemy execute costs several times the SQLite call under it. So a ``Statement`` keeps, for
each dialect, the SQL text, the order of its parameters and the conversions of the column types, and
passes plain tuples to and from the driver's cursor. It runs exactly what SQLAlchemy would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import is_, itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import CompoundSelect, Dialect, Executable, Select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import ARRAY, Float, Integer, LargeBinary, Numeric, TypeEngine

from snakestore.errors import CorruptStoreError
from snakestore.storage.schema.column_types import Convert, DriverType, blob_converter

Row = tuple[Any, ...]
MAX_IN_PARAMETERS = 256
IN_PARAMETERS = tuple(f"each_{number}" for number in range(MAX_IN_PARAMETERS))
"""The parameters of an expanding statement."""
_LENGTHS = (1, 2, 4, 8, 16, 32, 64, 100, 128, MAX_IN_PARAMETERS)
"""How many values an expanding statement is compiled for."""
MAX_LISTED = 16
"""So many take less time than an array."""
EACH = "each"
"""The one parameter that takes the place of more, where a parameter may be an array."""


BindRows = Callable[[Sequence[str], Iterable[Row], Mapping[str, Any]], list[Any]]
"""From names, rows with a cell for each, and the parameters that all rows share, by name, to what
the driver takes for each row. Only shared ones are converted.
"""


def _converter(type_: TypeEngine[Any], dialect: Dialect, *, incoming: bool) -> Convert | None:
    """Converts a parameter to the driver's form, or a cell from it; None: nothing to convert."""
    if isinstance(type_, DriverType):
        return type_.bind_converter(dialect) if incoming else type_.result_converter(dialect)
    if isinstance(type_, Integer | Float | Numeric):
        return None  # the drivers' own
    if isinstance(type_, LargeBinary):
        return None if incoming else blob_converter(dialect)
    if isinstance(type_, ARRAY):
        return None
    made = type_.dialect_impl(dialect)
    return made.bind_processor(dialect) if incoming else made.result_processor(dialect, None)


def row_bytes(row: Row) -> int:
    """About how many bytes the texts and binary values of a row have."""
    return sum([len(cell) for cell in row if type(cell) is str or type(cell) is bytes])


class Compilation(NamedTuple):
    """What SQLAlchemy makes of a statement for one dialect, and what is to be converted."""

    sql: str
    order: tuple[str, ...] | None
    """The names of the parameters as the driver takes them by position; None: by name."""
    constants: dict[str, Any]
    """The parameters that always have the same value."""
    incoming: tuple[tuple[str, Convert], ...]
    """The parameters to convert, by name."""
    names: tuple[str, ...]
    """The names of the columns."""
    outgoing: tuple[Convert | None, ...]
    """What converts the cells of each column."""
    takes_array: bool = False
    """Whether it has the parameter ``EACH``."""


class CompiledStatement:
    """A statement as one dialect's driver takes it."""

    # a class with slots: faster to read than a NamedTuple, and to import than a dataclass
    __slots__ = (
        "_converters",
        "bind",
        "bind_rows",
        "convert_row",
        "order",
        "sql",
        "takes_array",
    )

    def __init__(self, compilation: Compilation) -> None:
        self.sql = compilation.sql
        self.order = compilation.order
        """The names of the parameters as the driver takes them by position; None: by name."""
        self.takes_array = compilation.takes_array
        """Whether an expanding statement has the parameter ``EACH`` in place of many."""
        self.bind = _binder(compilation)
        self.bind_rows = _rows_binder(compilation)
        self.convert_row = _row_converter(compilation.outgoing, compilation.names)
        self._converters = compilation.outgoing

    def bind_expanding(self, values: Sequence[Any], parameters: Mapping[str, Any]) -> Any:
        """What the driver takes for the values of an expanding statement, and its parameters."""
        expanded = (
            {EACH: list(values)}
            if self.takes_array
            else dict(zip(IN_PARAMETERS, values, strict=False))
        )
        return self.bind({**parameters, **expanded})

    def convert_rows(self, fetched: Iterable[Row]) -> list[Row]:
        """Rows from the driver, converted by the types of their columns."""
        convert = self.convert_row
        return list(fetched) if convert is None else list(map(convert, fetched))

    def convert_sound_cells(self, fetched: Iterable[Row]) -> list[Row]:
        """Likewise, but damaged cells stay as the driver returned them."""
        rows = list(fetched)
        try:
            return self.convert_rows(rows)
        except CorruptStoreError:
            return [tuple(map(_converted_if_sound, self._converters, row)) for row in rows]


class Statement:
    """A statement that is built on first use and compiled once per dialect.

    ``build`` returns the statement. An expanding one takes a number: it has ``IN (...)`` lists of
    that many parameters, named as in ``IN_PARAMETERS``, and is compiled for a few sizes. Where a
    parameter may be an array, it has the one parameter ``EACH`` in place of many.

    One with a ``name`` may be compiled ahead, see ``compiled_ahead``.
    """

    __slots__ = ("_build", "_compiled", "_expanding", "expanding", "name")

    def __init__(
        self,
        build: Callable[..., Executable],
        *,
        expanding: bool = False,
        name: str = "",
    ) -> None:
        self._build = build
        self._compiled: dict[str, CompiledStatement] = {}
        self._expanding: dict[tuple[str, int], CompiledStatement] = {}
        self.expanding = expanding
        self.name = name

    def compile_for(self, dialect: Dialect) -> CompiledStatement:
        """The statement for ``dialect``; compiled at the first call, if it was not ahead."""
        driver = dialect.driver
        compiled = self._compiled.get(driver)
        if compiled is None:
            ahead = compiled_ahead.get(driver, {}).get(self.name)
            compilation = ahead or compile_statement(self._build(), dialect)
            compiled = self._compiled[driver] = CompiledStatement(compilation)
        return compiled

    def compile_expanding(self, dialect: Dialect, size: int) -> CompiledStatement:
        """The expanding statement for ``size`` parameters; compiled at the first call."""
        compiled = self._expanding.get((dialect.driver, size))
        if compiled is None:
            compilation = compile_statement(self._build(size), dialect)
            compiled = CompiledStatement(compilation)
            self._expanding[dialect.driver, size] = compiled
        return compiled

    def expression(self, size: int | None = None) -> Executable:
        """The statement for SQLAlchemy itself to run; tests compare it with the compiled form.

        ``size`` is the number of parameters of an expanding one.
        """
        return self._build() if size is None else self._build(size)


compiled_ahead: dict[str, Mapping[str, Compilation]] = {}
"""For a driver, the compilations of statements by name.

SQLAlchemy takes a millisecond for the first statement of a process, and nearly one for some others.
"""


def compile_statement(built: Executable, dialect: Dialect) -> Compilation:
    """Compile a statement."""
    compiled: SQLCompiler = cast("Any", _selecting_sent(built, dialect)).compile(dialect=dialect)
    # of a change without RETURNING there are none
    returned = list(cast("Any", built).exported_columns)
    return Compilation(
        compiled.string,
        tuple(compiled.positiontup or ()) if compiled.positional else None,
        {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
        tuple(_incoming_converters(compiled, dialect)),
        tuple(str(getattr(each, "name", "")) for each in returned),
        tuple(_converter(each.type, dialect, incoming=False) for each in returned),
        takes_array=EACH in compiled.binds,
    )


def _selecting_sent(query: Executable, dialect: Dialect) -> Executable:
    """A query with each column in the form in which its type is sent; of a UNION, in each half."""
    if isinstance(query, CompoundSelect):
        halves: list[Any] = [_selecting_sent(cast("Any", each), dialect) for each in query.selects]
        return CompoundSelect(query.keyword, *halves)
    if not isinstance(query, Select):
        return query
    selected = list(query.selected_columns)
    columns = [
        each.type.sent(each, dialect) if isinstance(each.type, DriverType) else each
        for each in selected
    ]
    if all(map(is_, columns, selected)):
        return query
    return query.with_only_columns(*columns, maintain_column_froms=True)


def _incoming_converters(compiled: SQLCompiler, dialect: Dialect) -> list[tuple[str, Convert]]:
    return [
        (name, convert)
        for name, bind in compiled.binds.items()
        if (convert := _converter(bind.type, dialect, incoming=True)) is not None
    ]


def _binder(compilation: Compilation) -> Callable[[dict[str, Any]], Any]:
    """A function from keyword parameters to what the driver's execute takes."""
    fixed, order, converters = compilation.constants, compilation.order, compilation.incoming
    if order is not None and not order:
        return lambda _: ()
    pick = _picker(order)
    if not fixed and not converters:
        return pick

    def _bind(parameters: dict[str, Any]) -> Any:
        if fixed:
            parameters = fixed | parameters
        for name, convert in converters:
            parameters[name] = convert(parameters[name])
        return pick(parameters)

    return _bind


def _rows_binder(compilation: Compilation) -> BindRows:
    """See ``BindRows``: what all rows share is converted once, the rest is picked in C."""
    fixed, order, converters = compilation.constants, compilation.order, compilation.incoming

    def _bind_rows(
        names: Sequence[str], rows: Iterable[Row], shared: Mapping[str, Any]
    ) -> list[Any]:
        same = {**fixed, **shared}
        for name, convert in converters:
            same[name] = convert(same[name])
        if order is None:
            return [dict(zip(names, row, strict=True)) | same for row in rows]
        cells: dict[str, Iterable[Any]] = {name: repeat(cell) for name, cell in same.items()}
        cells |= zip(names, zip(*rows, strict=True), strict=True)
        return list(zip(*[cells[name] for name in order], strict=False))

    return _bind_rows


def _picker(order: Sequence[str] | None) -> Callable[[dict[str, Any]], Any]:
    """From parameters by name to a tuple in ``order``; None: the driver takes them by name."""
    if order is None:
        return lambda parameters: parameters
    if len(order) == 1:
        [only] = order
        return lambda parameters: (parameters[only],)
    return itemgetter(*order)


def _converted_if_sound(convert: Convert | None, cell: Any) -> Any:
    if convert is None or cell is None:
        return cell
    try:
        return convert(cell)
    except CorruptStoreError:
        return cell


FIRST = 0
OTHERS = slice(1, None)


def _row_converter(
    converters: Sequence[Convert | None], names: Sequence[str]
) -> Callable[[Row], Row] | None:
    """A function that converts the cells of a row; None if there is nothing to convert."""
    needed = [(index, convert) for index, convert in enumerate(converters) if convert is not None]
    if not needed:
        return None
    _, convert_cell = needed[FIRST]

    def _convert_first(row: Row) -> Row:
        try:
            return (convert_cell(row[FIRST]),) + row[OTHERS]
        except CorruptStoreError as error:
            raise _with_row(error, names[FIRST], row) from error

    def _convert_row(row: Row) -> Row:
        cells = list(row)
        index = FIRST
        try:
            for index, convert in needed:
                if cells[index] is not None:
                    cells[index] = convert(cells[index])
        except CorruptStoreError as error:
            raise _with_row(error, names[index], row) from error
        return tuple(cells)

    # nearly every lookup converts one time, last_accessed, which comes first
    return _convert_first if [index for index, _ in needed] == [FIRST] else _convert_row


def _with_row(error: CorruptStoreError, column: str, row: Row) -> CorruptStoreError:
    texts = [cell for cell in row if isinstance(cell, str)][:5]
    return CorruptStoreError(f"column {column}: {error}; the row has {texts!r}")


def padded_chunks(values: Sequence[Any]) -> Iterable[list[Any]]:
    """``values`` in chunks of few different lengths: powers of two up to 256, and 100.

    Sweeps and batches are often of 100. The last chunk is filled up by repeating its last value.
    """
    for start in range(0, len(values), MAX_IN_PARAMETERS):
        chunk = list(values[start : start + MAX_IN_PARAMETERS])
        size = next(size for size in _LENGTHS if size >= len(chunk))
        yield chunk + chunk[-1:] * (size - len(chunk))
