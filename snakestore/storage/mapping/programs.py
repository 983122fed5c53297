"""Programs from rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from snakestore.storage.mapping.cells import document_from, program_label, text_from
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row

_AFTER_ACCESS = len(at.ACCESS_COLUMNS)
"""Where the program's columns begin in rows that join them to the session's."""


def program_from(sid: object, program_id: object, text: object) -> Any:
    """A program from its JSON text.

    Raises:
        CorruptStoreError: if it is not JSON.
    """
    return document_from(text, "program", program_label, sid, program_id)


def program_beside(sid: str, row: Row, default: Any) -> Any:
    """A program from ACCESS_COLUMNS and PROGRAM_COLUMNS; ``default`` if there is none.

    Raises:
        CorruptStoreError: if it is not JSON.
    """
    found = row[_AFTER_ACCESS:]
    program_id = found[at.PROGRAM_ID]
    if program_id is None:
        return default
    return program_from(sid, program_id, found[at.PROGRAM_PROGRAM])


def program_id_beside(row: Row) -> object:
    """A program's id after ACCESS_COLUMNS, unchecked; None if there is no such program."""
    return row[_AFTER_ACCESS + at.PROGRAM_ID]


def programs_from(sid: str, rows: Iterable[Row]) -> dict[str, Any]:
    """Programs by id from rows of PROGRAM_COLUMNS.

    Raises:
        CorruptStoreError: if one is not JSON.
    """
    return {
        text_from(row[at.PROGRAM_ID], "id", program_label, sid, row[at.PROGRAM_ID]): program_from(
            sid, row[at.PROGRAM_ID], row[at.PROGRAM_PROGRAM]
        )
        for row in rows
    }


def ids_from(sid: str, rows: Iterable[Row]) -> list[str]:
    """Program ids from rows of one column.

    Raises:
        CorruptStoreError: if one is not text.
    """
    return [text_from(pid, "id", program_label, sid, pid) for (pid,) in rows]
