"""The transaction as one method sees it: statements to run, and the time at which it runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from snakestore.errors import CorruptStoreError
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.queries.server_time import SERVER_NOW
from snakestore.storage.queries.statement import (
    IN_PARAMETERS,
    CompiledStatement,
    Row,
    Statement,
    padded_chunks,
)


class TransactionContext:
    """What one verb sees of its transaction: statements to run, and the moment it runs at."""

    __slots__ = ("_channel", "_dialect", "_now", "accessed", "backend", "recorded")

    def __init__(self, channel: ConnectionAdapter, now: datetime | None) -> None:
        self._channel = channel
        self._dialect = channel.dialect
        self._now = now
        self.backend = channel.backend
        self.accessed: str | None = None
        """The session that was read and whose access is due to be recorded."""
        self.recorded: tuple[datetime, datetime | None] | None = None
        """The access and the expiry that were recorded for it after the read."""

    @property
    def driver_connection(self) -> Any:
        """The driver's own connection, for what is no statement."""
        return self._channel.driver_connection

    @property
    def now(self) -> datetime:
        """The verb's one moment: the repository's clock, or the server's where that is the clock."""
        if self._now is None:
            self._now = self.fetch_one(SERVER_NOW)[0]
        return self._now

    def set_server_time(self, server_now: datetime | None) -> None:
        """Take the server's time that came along with a row, which saves asking."""
        if self._now is None:
            self._now = server_now

    def fetch_all(self, statement: Statement, /, **parameters: Any) -> list[Row]:
        """Run a query; all its rows."""
        compiled = statement.compile_for(self._dialect)
        try:
            return compiled.convert_rows(
                self._channel.execute(compiled.sql, compiled.bind(parameters)).fetchall()
            )
        except CorruptStoreError as problem:
            raise _with_parameters(problem, parameters) from problem

    def fetch_first(self, statement: Statement, /, **parameters: Any) -> Row | None:
        """Run a query; its first row, or None."""
        compiled = statement.compile_for(self._dialect)
        row = self._channel.execute(compiled.sql, compiled.bind(parameters)).fetchone()
        try:
            return row if row is None or compiled.convert_row is None else compiled.convert_row(row)
        except CorruptStoreError as problem:
            raise _with_parameters(problem, parameters) from problem

    def fetch_one(self, statement: Statement, /, **parameters: Any) -> Row:
        """Run a query that gives exactly one row."""
        return self.fetch_all(statement, **parameters)[0]

    def fetch_in(
        self, statement: Statement, values: Sequence[Any], /, **parameters: Any
    ) -> list[Row]:
        """Run a spread query over ``values``, a few statements for however many; the rows in no order."""
        found: list[Row] = []
        for piece in padded_chunks(values):
            compiled, bound = self._compile_expanding(statement, piece, parameters)
            try:
                found += compiled.convert_rows(
                    self._channel.execute(compiled.sql, bound).fetchall()
                )
            except CorruptStoreError as problem:
                raise _with_parameters(problem, parameters) from problem
        return found

    def execute(self, statement: Statement, /, **parameters: Any) -> int:
        """Run a change; how many rows it met."""
        compiled = statement.compile_for(self._dialect)
        count: int = self._channel.execute(compiled.sql, compiled.bind(parameters)).rowcount
        return count

    def execute_in(self, statement: Statement, values: Sequence[Any], /, **parameters: Any) -> None:
        """Run a spread change over ``values``."""
        for piece in padded_chunks(values):
            compiled, bound = self._compile_expanding(statement, piece, parameters)
            self._channel.execute(compiled.sql, bound)

    def execute_many(self, statement: Statement, parameters: Sequence[dict[str, Any]]) -> None:
        """Run a change for each set of parameters."""
        if not parameters:
            return
        compiled = statement.compile_for(self._dialect)
        if len(parameters) == 1:
            self._channel.execute(compiled.sql, compiled.bind(parameters[0]))
        else:
            self._channel.execute_many(compiled.sql, [compiled.bind(each) for each in parameters])

    def _compile_expanding(
        self, statement: Statement, piece: list[Any], parameters: dict[str, Any]
    ) -> tuple[CompiledStatement, Any]:
        compiled = statement.compile_expanding(self._dialect, len(piece))
        return compiled, compiled.bind(parameters | dict(zip(IN_PARAMETERS, piece, strict=False)))


def _with_parameters(problem: CorruptStoreError, parameters: dict[str, Any]) -> CorruptStoreError:
    """The error with what was asked for, so that it says which row is damaged."""
    asked = ", ".join(
        f"{_SHOWN_PARAMETERS[name]} {value!r}"
        for name, value in parameters.items()
        if name in _SHOWN_PARAMETERS and value
    )
    return CorruptStoreError(f"{problem}; found when asked for {asked}" if asked else str(problem))


_SHOWN_PARAMETERS = {
    "sid": "session",
    "vid": "variable",
    "identifier": "variable",
    "pid": "program",
}
