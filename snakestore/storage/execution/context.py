"""The transaction as one operation sees it: statements to run, and the time at which it runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table
from sqlalchemy.schema import CreateTable

from snakestore.errors import CorruptStoreError
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.driver_errors import driver_error, translate
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.queries.server_time import SERVER_NOW
from snakestore.storage.queries.statement import (
    MAX_IN_PARAMETERS,
    MAX_LISTED,
    Row,
    Statement,
    padded_chunks,
)

MANY = 500
"""Rows that take so long to change that planning anew does not matter."""


class TransactionContext:
    """Runs the statements of one operation, and has the time at which it runs."""

    __slots__ = (
        "_dialect",
        "_now",
        "access_due",
        "alone",
        "backend",
        "connection",
        "max_value_bytes",
        "recorded_access",
    )

    def __init__(
        self,
        connection: ConnectionAdapter,
        now: datetime | None,
        max_value_bytes: int | None = None,
    ) -> None:
        """Use ``connection``.

        Args:
            connection: where statements run.
            now: the time of the operation; None: the server's.
            max_value_bytes: the size limit of what is stored; None: no limit.
        """
        self.connection = connection
        self._dialect = connection.dialect
        self._now = now
        self.backend = connection.backend
        self.max_value_bytes = max_value_bytes
        self.alone = True
        """Whether the transaction ends with this operation."""
        self.access_due: str | None = None
        """The id of the session that was read, where the access is due to be recorded."""
        self.recorded_access: tuple[datetime, datetime | None] | None = None
        """``last_accessed`` and ``expires_at``, once the access was recorded."""

    @property
    def driver_connection(self) -> Any:
        """The driver's connection, for what is not a statement."""
        return self.connection.driver_connection

    @property
    def now(self) -> datetime:
        """The operation's one time: the repository's clock, or else the server's."""
        if self._now is None:
            self._now = self.fetch_scalar(SERVER_NOW)
        return self._now

    def set_server_time(self, server_now: datetime | None) -> None:
        """Use the server's time that a row brought along, which saves a query."""
        if self._now is None:
            self._now = server_now

    def fetch_all(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a query; all its rows."""
        compiled = statement.compile_for(self._dialect)
        try:
            return compiled.convert_rows(
                self.connection.execute(compiled.sql, compiled.bind(parameters)).fetchall()
            )
        except CorruptStoreError as problem:
            raise _with_parameters(problem, parameters) from problem

    def fetch_with_damaged(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a query; all its rows, with damaged cells as the driver returned them.

        The mapping raises CorruptStoreError for such a cell, so that the other rows can be read.
        """
        compiled = statement.compile_for(self._dialect)
        bound = compiled.bind(dict(parameters))
        try:
            fetched = self.connection.execute(compiled.sql, bound).fetchall()
        except Exception as error:
            if driver_error(error) is None:
                raise
            with self.backend.undecodable_texts(self.driver_connection) as possible:
                if not possible:
                    raise
                fetched = self.connection.execute(compiled.sql, bound).fetchall()
        return compiled.convert_sound_cells(fetched)

    def fetch_undamaged(self, statement: Statement, /, **parameters: Any) -> list[Row] | None:
        """Run a query; all its rows, or None if one of them is damaged."""
        try:
            return self.fetch_all(statement, **parameters)
        except CorruptStoreError:
            return None
        except Exception as error:
            if driver_error(error) is None or self.backend.error_aborts:
                raise
            if not isinstance(translate(error), CorruptStoreError):
                raise
            return None

    def fetch_first(self, statement: Statement, /, **parameters: Any) -> Row | None:
        """Run a query; its first row, or None."""
        compiled = statement.compile_for(self._dialect)
        row = self.connection.execute(compiled.sql, compiled.bind(parameters)).fetchone()
        try:
            return row if row is None or compiled.convert_row is None else compiled.convert_row(row)
        except CorruptStoreError as problem:
            raise _with_parameters(problem, parameters) from problem

    def fetch_one(self, statement: Statement, /, **parameters: Any) -> Row:
        """Run a query that returns exactly one row."""
        return self.fetch_all(statement, **parameters)[0]

    def fetch_scalar(self, statement: Statement, /, **parameters: Any) -> Any:
        """Run a query that returns exactly one row of one column; its value."""
        [value] = self.fetch_one(statement, **parameters)
        return value

    def fetch_scalars(self, statement: Statement, /, **parameters: Any) -> list[Any]:
        """Run a query that returns rows of one column; their values."""
        return [value for (value,) in self.fetch_all(statement, **parameters)]

    def fetch_in(
        self, statement: Statement, values: Sequence[Any], /, **parameters: Any
    ) -> list[Row]:
        """Run an expanding query over ``values``, in chunks. The order of the rows is undefined."""
        found: list[Row] = []
        for chunk in padded_chunks(values):
            compiled = statement.compile_expanding(self._dialect, len(chunk))
            bound = compiled.bind_expanding(chunk, parameters)
            try:
                found += compiled.convert_rows(
                    self.connection.execute(compiled.sql, bound).fetchall()
                )
            except CorruptStoreError as problem:
                raise _with_parameters(problem, parameters) from problem
        return found

    def execute(self, statement: Statement, /, **parameters: Any) -> int:
        """Run a change. Returns the number of rows that it matched."""
        compiled = statement.compile_for(self._dialect)
        count: int = self.connection.execute(compiled.sql, compiled.bind(parameters)).rowcount
        return count

    def execute_each(self, statement: Statement, parameters: Sequence[dict[str, Any]]) -> list[int]:
        """``execute`` a change for each set of parameters. Returns how many rows each matched."""
        compiled = statement.compile_for(self._dialect)
        execute, bind = self.connection.execute, compiled.bind
        return [execute(compiled.sql, bind(each)).rowcount for each in parameters]

    def send(self, statement: Statement, /, **parameters: Any) -> None:
        """Run a change or a lock no later than the next statement or COMMIT.

        On a server, it is sent along with that, and errors are raised there.
        """
        compiled = statement.compile_for(self._dialect)
        self.connection.send(compiled.sql, compiled.bind(parameters))

    def defers_update(self, locked: LockedSession, accessed: datetime, updates: int) -> bool:
        """Whether ``updates`` and the access at ``accessed`` will be recorded with those of others.

        Never, where each write has a transaction of its own.
        """
        del locked, accessed, updates
        return False

    def create_table(self, table: Table) -> None:
        """Create a table unless there is one of its name."""
        ddl = CreateTable(table, if_not_exists=True).compile(dialect=self._dialect)
        self.connection.execute(str(ddl), ())

    def send_in(self, statement: Statement, values: Sequence[Any], /, **parameters: Any) -> None:
        """``send`` an expanding change over ``values``, in chunks."""
        for chunk in padded_chunks(values):
            compiled = statement.compile_expanding(self._dialect, len(chunk))
            self.connection.send(compiled.sql, compiled.bind_expanding(chunk, parameters))

    def execute_in(self, statement: Statement, values: Sequence[Any], /, **parameters: Any) -> int:
        """``execute`` an expanding change over ``values``, in chunks. Returns the sum."""
        count = 0
        for chunk in padded_chunks(values):
            compiled = statement.compile_expanding(self._dialect, len(chunk))
            bound = compiled.bind_expanding(chunk, parameters)
            count += self.connection.execute(compiled.sql, bound).rowcount
        return count

    def send_many(self, statement: Statement, parameters: Sequence[dict[str, Any]]) -> None:
        """``send`` a change for each set of parameters."""
        if not parameters:
            return
        compiled = statement.compile_for(self._dialect)
        if len(parameters) == 1:
            self.connection.send(compiled.sql, compiled.bind(parameters[0]))
        else:
            self.connection.send_many(compiled.sql, [compiled.bind(each) for each in parameters])

    def uses_arrays(self, rows: int) -> bool:
        """Whether a change of so many rows takes less time by arrays than by a statement each."""
        return self.backend.arrays and rows > MAX_LISTED

    def send_arrays(
        self, statement: Statement, names: Sequence[str], rows: Sequence[Row], /, **shared: Any
    ) -> None:
        """``send`` a change of many rows at once, by an array for each name; others are shared.

        For a backend with arrays. Values of the rows are not converted.
        """
        compiled = statement.compile_for(self._dialect)
        for start in range(0, len(rows), MAX_IN_PARAMETERS):
            cells = zip(*rows[start : start + MAX_IN_PARAMETERS], strict=True)
            arrays = dict(zip(names, map(list, cells), strict=True))
            self.connection.send(compiled.sql, compiled.bind({**shared, **arrays}))

    def replan(self, rows: int) -> None:
        """Before a change of many rows, have a server plan it by the present sizes of the tables.

        A connection keeps plans, also those of foreign keys, from when tables were small: each
        search may then read a whole table.
        """
        if rows >= MANY and self.backend.forget_plans:
            self.connection.mark(self.backend.forget_plans)

    def send_rows(
        self, statement: Statement, names: Sequence[str], rows: Sequence[Row], /, **shared: Any
    ) -> None:
        """``send`` a change for each row, which has a value for each name; others are shared.

        Faster than ``send_many`` for many rows. Values of the rows are not converted, so no times.
        """
        compiled = statement.compile_for(self._dialect)
        self.connection.send_many(compiled.sql, compiled.bind_rows(names, rows, shared))


class GrowingTables:
    """Has a server plan anew whenever one transaction has made the tables twice as large."""

    def __init__(self, tx: TransactionContext) -> None:
        """Count the rows that ``tx`` inserts."""
        self._tx = tx
        self._rows = 0
        self._next = MANY

    def add(self, rows: int) -> None:
        """Count ``rows`` that are inserted next."""
        self._rows += rows
        if self._rows >= self._next:
            self._tx.replan(self._rows)
            self._next = 2 * self._rows


def _with_parameters(problem: CorruptStoreError, parameters: dict[str, Any]) -> CorruptStoreError:
    """The error with the ids that were looked up, so that it names the damaged row."""
    looked_up = ", ".join(
        f"{_SHOWN_PARAMETERS[name]} {value!r}"
        for name, value in parameters.items()
        if name in _SHOWN_PARAMETERS and value
    )
    return CorruptStoreError(
        f"{problem}; found when reading {looked_up}" if looked_up else str(problem)
    )


_SHOWN_PARAMETERS = {
    "sid": "session",
    "vid": "variable",
    "identifier": "variable",
    "pid": "program",
    "log": "log",
}
