"""Logs and their entries from rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from snakestore import types
from snakestore.errors import CorruptStoreError
from snakestore.log import LogEntry, unchecked_entry
from snakestore.storage.mapping.cells import (
    document_from,
    entry_label,
    log_label,
    text_from,
    unexpected,
)
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row

_AFTER_ACCESS = len(at.ACCESS_COLUMNS)
_AFTER_STATE = len(at.STATE_COLUMNS)
"""Where the log's columns begin in rows that join them to the session's."""
_AFTER_LOG = _AFTER_ACCESS + len(at.LOG_COLUMNS)
"""Where the entry's columns begin in rows that join them to the session's and the log's."""


class StoredLog:
    """How long a log is, and which position comes next."""

    # a class with slots: an append makes one, and a NamedTuple takes twice as long
    __slots__ = ("length", "next_position")

    def __init__(self, length: int, next_position: int) -> None:
        self.length = length
        self.next_position = next_position


def _stored(sid: object, name: object, length: object, next_position: object) -> StoredLog:
    if type(length) is not int or length < 0:
        raise _unexpected_number(sid, name, "length", length)
    if type(next_position) is not int or next_position < length:
        raise _unexpected_number(sid, name, "next_position", next_position)
    return StoredLog(length, next_position)


def _unexpected_number(sid: object, name: object, column: str, cell: object) -> CorruptStoreError:
    return unexpected(cell, "a count (check(repair=True) recounts)", column, log_label, sid, name)


def locked_log_from(sid: str, name: str, row: Row) -> StoredLog | None:
    """A log from STATE_COLUMNS and LOG_COLUMNS; None if there is no such log.

    Raises:
        CorruptStoreError: if its length or next position is damaged.
    """
    length, next_position = row[_AFTER_STATE:]
    if length is None and next_position is None:
        return None
    return _stored(sid, name, length, next_position)


def length_beside(sid: str, name: str, row: Row) -> int | None:
    """The length of a log from a row of ACCESS_COLUMNS and LOG_COLUMNS; None: no such log.

    Raises:
        CorruptStoreError: if its length or next position is damaged.
    """
    length, next_position = row[_AFTER_ACCESS:_AFTER_LOG]
    if length is None and next_position is None:
        return None
    return _stored(sid, name, length, next_position).length


def exists_beside(row: Row) -> bool:
    """Whether there is a log in a row of ACCESS_COLUMNS and LOG_COLUMNS."""
    return row[_AFTER_ACCESS + at.LOG_LENGTH] is not None


def entries_beside(sid: str, name: str, rows: list[Row]) -> list[LogEntry]:
    """Entries from rows of ACCESS_COLUMNS, LOG_COLUMNS and ENTRY_COLUMNS, in the order of the rows.

    A log without such entries has one row, with NULL.

    Raises:
        CorruptStoreError: if an entry is damaged.
    """
    cells = [row[_AFTER_LOG:] for row in rows]
    if len(cells) == 1 and all(cell is None for cell in cells[0]):
        return []
    return _entries_from(sid, name, cells)


def _entries_from(sid: str, name: str, rows: list[Row]) -> list[LogEntry]:
    try:
        values = types.loads_each([row[at.ENTRY_ENTRY] for row in rows])
    except ValueError:
        return [entry_from(sid, name, row) for row in rows]  # raises for the damaged one
    return [
        unchecked_entry(position, value, created_at)
        if type(position) is int and position >= 0 and created_at is not None
        else entry_from(sid, name, (position, text, created_at))
        for (position, text, created_at), value in zip(rows, values, strict=True)
    ]


def entry_from(sid: object, name: object, row: Row) -> LogEntry:
    """An entry from ENTRY_COLUMNS.

    Raises:
        CorruptStoreError: if it is damaged.
    """
    position, text, created_at = row
    if type(position) is not int or position < 0:
        raise unexpected(position, "a position", "position", entry_label, sid, name, position)
    if created_at is None:
        raise unexpected(None, "a time", "created_at", entry_label, sid, name, position)
    value = document_from(text, "entry", entry_label, sid, name, position)
    return unchecked_entry(position, value, created_at)


def entry_counts_from(rows: Iterable[Row]) -> Counter[str]:
    """How many entries each session has, from LENGTH_COLUMNS; damaged lengths are 0."""
    counts = Counter[str]()
    for row in rows:
        length = row[at.LENGTH_LENGTH]
        if isinstance(length, int):
            counts[row[at.LENGTH_SESSION_ID]] += length
    return counts


def names_from(sid: str, rows: Iterable[Row]) -> list[str]:
    """Names of logs from rows of one column.

    Raises:
        CorruptStoreError: if one is not text.
    """
    return [text_from(name, "name", log_label, sid, name) for (name,) in rows]
