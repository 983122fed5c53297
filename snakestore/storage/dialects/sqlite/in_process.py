"""What SQLite can do because it runs in this process: bound reads, and count changed rows.

Of a read whose answer is to be small, what is larger than the limit is refused before it is read.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from snakestore.clock import steady_seconds
from snakestore.storage.queries.statement import row_bytes

_ROWS_AT_ONCE = 4
"""Rows that are fetched before their bytes are counted, and the time is looked at."""
_MAX_SECONDS = 0.001
"""Rows that take longer are not in memory."""
_NO_LIMIT = 2**31 - 1
"""SQLite takes its own upper limit instead."""


class BoundedCursor(sqlite3.Cursor):
    """A cursor that refuses an answer of more than a number of bytes.

    A single cell that is larger is refused by SQLite, which knows its length from the head of the
    row and reads none of the pages that the cell fills.
    """

    def __init__(self, connection: sqlite3.Connection, max_bytes: int) -> None:
        """Refuse answers of ``connection`` with more than ``max_bytes``."""
        super().__init__(connection)
        self._max_bytes = max_bytes

    def fetchone(self) -> Any:
        """The next row, or None.

        Raises:
            DataError: it is larger than the limit.
        """
        row = super().fetchone()
        if row is not None and row_bytes(row) > self._max_bytes:
            raise _too_large()
        return row

    def fetchall(self) -> list[Any]:
        """All rows.

        Raises:
            DataError: together they are larger than the limit.
            OperationalError: as of a busy database, for rows that must be read from the disk.
        """
        rows: list[Any] = []
        left = self._max_bytes
        began = steady_seconds()
        while part := super().fetchmany(_ROWS_AT_ONCE):
            left -= sum(map(row_bytes, part))
            if left < 0:
                raise _too_large()
            rows += part
            if steady_seconds() - began > _MAX_SECONDS:
                raise _too_slow()
        return rows


class InProcessSQLite:
    """Implements ``InProcess``."""

    @staticmethod
    def bound(driver_connection: sqlite3.Connection, max_bytes: int) -> BoundedCursor:
        """By SQLite's limit of the length of a cell, and a cursor that counts all of them."""
        driver_connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_bytes)
        return BoundedCursor(driver_connection, max_bytes)

    @staticmethod
    def unbound(driver_connection: sqlite3.Connection) -> None:
        """Set SQLite's limit back."""
        driver_connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _NO_LIMIT)

    @staticmethod
    def count_changes(driver_connection: sqlite3.Connection) -> int:
        """``sqlite3_total_changes``."""
        return driver_connection.total_changes


def _too_slow() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the answer is not in memory")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def _too_large() -> sqlite3.DataError:
    error = sqlite3.DataError("the answer is larger than the limit of its cursor")
    error.sqlite_errorcode = sqlite3.SQLITE_TOOBIG
    return error
