"""Text and JSON in one cell, and the error for a cell that is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from snakestore import types
from snakestore.errors import CorruptStoreError, shorten
from snakestore.storage.queries.statement import Row

Label = Callable[..., str]
"""Makes the name of a row from its ids, for an error message."""


def session_label(sid: object) -> str:
    """What error messages call a session."""
    return f"Session {shorten(sid)}"


def variable_label(sid: object, name: object) -> str:
    """What error messages call a variable."""
    return f"Variable {shorten(name)} of session {shorten(sid)}"


def program_label(sid: object, program_id: object) -> str:
    """What error messages call a program."""
    return f"Program {shorten(program_id)} of session {shorten(sid)}"


def log_label(sid: object, name: object) -> str:
    """What error messages call a log."""
    return f"Log {shorten(name)} of session {shorten(sid)}"


def entry_label(sid: object, name: object, position: object) -> str:
    """What error messages call an entry of a log."""
    return f"Entry {shorten(position)} of log {shorten(name)} of session {shorten(sid)}"


def damaged(reason: object, column: str, label: Label, *ids: object) -> CorruptStoreError:
    """The error for a damaged cell in the row ``label(*ids)``."""
    return CorruptStoreError(
        f"{label(*ids)}: column {column} is damaged: {reason}. check() lists all damaged rows."
    )


def unexpected(
    cell: object, expected: str, column: str, label: Label, *ids: object
) -> CorruptStoreError:
    """The error for a cell that is not what its column holds, in the row ``label(*ids)``."""
    found = "NULL" if cell is None else shorten(cell)
    return damaged(f"{found} is not {expected}", column, label, *ids)


def text_from(cell: object, column: str, label: Label, *ids: object) -> str:
    """The text in a cell.

    Raises:
        CorruptStoreError: if it contains anything else.
    """
    if type(cell) is not str:
        raise unexpected(cell, "text", column, label, *ids)
    return cell


def object_from(text: object, column: str, label: Label, *ids: object) -> dict[str, Any]:
    """The JSON object in a cell.

    Raises:
        CorruptStoreError: if it contains anything else.
    """
    document = {} if text == "{}" else document_from(text, column, label, *ids)
    if type(document) is not dict:
        raise unexpected(text, "a JSON object", column, label, *ids)
    return document


def array_from(text: object, column: str, label: Label, *ids: object) -> tuple[Any, ...]:
    """The JSON array in a cell, as a tuple.

    Raises:
        CorruptStoreError: if it contains anything else.
    """
    document = document_from(text, column, label, *ids)
    if type(document) is not list:
        raise unexpected(text, "a JSON array", column, label, *ids)
    return tuple(document)


def document_from(text: object, column: str, label: Label, *ids: object) -> Any:
    """The JSON document in a cell.

    Raises:
        CorruptStoreError: if it is not JSON.
    """
    try:
        return types.loads(text)
    except ValueError as error:
        raise damaged(error, column, label, *ids) from error


def named(names: Sequence[str], row: Row) -> dict[str, Any]:
    """The cells of a row by the names of its columns, unchecked."""
    return dict(zip(names, row, strict=True))


def key_and_size(row: Row) -> tuple[tuple[Any, ...], int]:
    """A key, and the size of its row, which is the last column of a page of keys."""
    return row[:-1], row[-1]


def database_size_from(row: Row) -> tuple[int, int]:
    """Bytes of the database, and bytes of it that are free, from the dialect's query."""
    size, free = row
    return size, free


class DialectFinding(NamedTuple):
    """A problem that the database itself reports."""

    where: object
    message: object


def dialect_findings_from(rows: Iterable[Row]) -> list[DialectFinding]:
    """What the statements of ``Dialect.findings`` return."""
    return [DialectFinding(where, message) for where, message in rows]


class SchemaPart(NamedTuple):
    """A table, index, view or column; names are in lower case."""

    kind: str
    name: str
    """The table's, for a column."""
    column: str


def schema_parts_from(rows: Iterable[Row]) -> set[SchemaPart]:
    """What the statement ``Dialect.parts`` returns."""
    return {SchemaPart(kind, str(name).lower(), str(column).lower()) for kind, name, column in rows}
