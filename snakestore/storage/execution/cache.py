"""Rows that were read, remembered until anybody commits: SQLite tells that quicker than it reads a row.

Each held connection has a memory of its own, valid while ``PRAGMA data_version`` of that connection
stays, which changes with every commit of another connection, in this process or elsewhere
(https://sqlite.org/pragma.html#pragma_data_version). A connection's own commits do not change it,
so a write forgets everything first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from snakestore.storage.dialects.base import access_is_due
from snakestore.storage.execution.autocommit import LOOKUP, AutocommitRunner, Mode, holds_any
from snakestore.storage.execution.connection import ConnectionAdapter, DriverConnection
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import is_driver_error, translate
from snakestore.storage.queries.statement import Row, Statement

MAX_BYTES = 16 * 2**20
"""What one connection remembers at most, as far as values weigh."""
ROW_BYTES = 500
"""What a row weighs besides its value."""


class Memory:
    """Rows by statement, session and identifier, as of one version of the data."""

    __slots__ = ("rows", "version", "weight")

    def __init__(self) -> None:
        self.rows: dict[tuple[Statement, str, str], Row] = {}
        self.version: int | None = None
        self.weight = 0

    def forget(self, version: int | None = None) -> None:
        """Forget all, and start anew with ``version``."""
        self.rows.clear()
        self.weight = 0
        self.version = version

    def keep(self, key: tuple[Statement, str, str], row: Row) -> None:
        """Remember a row that was read since ``version`` was asked for; where there are too many, forget the others first."""
        if self.version is None:
            return
        self.weight += ROW_BYTES + sum(len(cell) for cell in row if isinstance(cell, str | bytes))
        if self.weight > MAX_BYTES:
            self.forget(self.version)
            return
        self.rows[key] = row


class CachingContext(TransactionContext):
    """The work of a lookup, which remembers the row that it reads of a variable."""

    __slots__ = ("_memory",)

    def __init__(self, channel: DriverConnection, now: datetime | None, memory: Memory) -> None:
        super().__init__(channel, now)
        self._memory = memory

    def fetch_first(self, statement: Statement, /, **parameters: Any) -> Row | None:
        """Run a query; its first row, remembered if it is one of session and variable."""
        row = super().fetch_first(statement, **parameters)
        if row is not None and "identifier" in parameters:
            self._memory.keep((statement, parameters["sid"], parameters["identifier"]), row)
        return row


class CachingRunner(AutocommitRunner):
    """An AutocommitRunner of held connections to SQLite whose lookups are remembered."""

    def recall(
        self, statement: Statement, sid: object, identifier: object
    ) -> tuple[Row, datetime] | None:
        """The remembered row and the moment, where it is still what is stored; None sends the verb the common way.

        That way also goes whatever needs more than the row: an access to be recorded, an expired
        session, a transaction that this thread holds.
        """
        if type(sid) is not str or type(identifier) is not str or holds_any():
            return None
        channel = self._channels.acquire()
        try:
            memory = memory_of(channel)
            version = channel.execute("PRAGMA data_version").fetchone()[0]
            if version != memory.version:
                memory.forget(version)
                return None
            row = memory.rows.get((statement, sid, identifier))
            now = self._moment()
            if row is None or now is None:
                return None
        except Exception as error:
            if is_driver_error(error):
                raise translate(error) from error
            raise
        else:
            return None if access_is_due((now - row[0]).total_seconds(), row[1]) else (row, now)
        finally:
            self._channels.release(channel)

    def _context(self, channel: ConnectionAdapter, mode: Mode) -> TransactionContext:
        if mode is not LOOKUP or not isinstance(channel, DriverConnection):
            return super()._context(channel, mode)
        memory = memory_of(channel)
        version = channel.execute("PRAGMA data_version").fetchone()[0]
        if version != memory.version:
            memory.forget(version)
        return CachingContext(channel, self._moment(), memory)


def memory_of(channel: ConnectionAdapter) -> Memory:
    """The channel's memory, which its writes make forget."""
    assert isinstance(channel, DriverConnection)  # noqa: S101 - the channels of a CachingRunner are held ones
    if channel.memory is None:
        channel.memory = Memory()
    return cast("Memory", channel.memory)  # nobody else gives a channel one
