"""Reads whose answers are small: what is larger than a limit is refused before it is read."""

from __future__ import annotations

import sqlite3
from typing import Any

from snakestore.storage.queries.statement import row_bytes

_ROWS_AT_ONCE = 8
"""Rows that are fetched before their bytes are counted."""
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
        """
        rows: list[Any] = []
        left = self._max_bytes
        while part := super().fetchmany(_ROWS_AT_ONCE):
            left -= sum(map(row_bytes, part))
            if left < 0:
                raise _too_large()
            rows += part
        return rows


def bound(connection: sqlite3.Connection, max_bytes: int) -> BoundedCursor:
    """Let a connection read small answers only. Returns the cursor that does."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_bytes)
    return BoundedCursor(connection, max_bytes)


def unbound(connection: sqlite3.Connection) -> None:
    """Let a connection read and write everything again."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _NO_LIMIT)


def _too_large() -> sqlite3.DataError:
    error = sqlite3.DataError("the answer is larger than the limit of its cursor")
    error.sqlite_errorcode = sqlite3.SQLITE_TOOBIG
    return error
