"""Programs from rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from snakestore.errors import CorruptStoreError
from snakestore.program import Program, unchecked_program
from snakestore.storage.mapping.cells import (
    document_from,
    object_from,
    program_label,
    text_from,
    unexpected,
)
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row

_AFTER_ACCESS = len(at.ACCESS_COLUMNS)
"""Where the program's columns begin in rows that join them to the session's for a read."""
_AFTER_STATE = len(at.STATE_COLUMNS)
"""Likewise for a write."""


class StoredProgram:
    """A row of PROGRAM_COLUMNS. Columns are decoded on access."""

    kind: ClassVar[str] = "program"
    address: ClassVar[None] = None
    __slots__ = ("_row", "created_at", "id", "sid", "text", "version")

    def __init__(self, sid: str, row: Row) -> None:
        """Take the row.

        Raises:
            CorruptStoreError: if the id, the version or ``created_at`` is damaged.
        """
        self.sid = sid
        self._row = row
        self.id: str = row[at.PROGRAM_ID]
        self.text = row[at.PROGRAM_PROGRAM]
        """The document, encoded."""
        self.version: int = row[at.PROGRAM_VERSION]
        self.created_at: datetime = row[at.PROGRAM_CREATED_AT]
        if not (
            type(self.id) is str
            and type(self.version) is int
            and self.version >= 0
            and self.created_at
        ):
            raise self._damaged(at.PROGRAM_COLUMNS[at.PROGRAM_CREATED_AT].name)

    @property
    def identifier(self) -> str:
        """The id: what a program is looked up by."""
        return self.id

    @property
    def size(self) -> int:
        """The length of the document, encoded; 0 if it is damaged."""
        return len(self.text) if isinstance(self.text, str) else 0

    @property
    def last_updated_at(self) -> datetime:
        """When the present document was written."""
        when: datetime | None = self._row[at.PROGRAM_LAST_UPDATED_AT]
        if when is None:
            raise self._damaged(at.PROGRAM_COLUMNS[at.PROGRAM_LAST_UPDATED_AT].name)
        return when

    def _damaged(self, column: str) -> CorruptStoreError:
        if type(self.id) is not str:
            return unexpected(self.id, "text", "id", program_label, self.sid, self.id)
        return _damaged_version(self.sid, self.id, self.version, column)

    def document(self) -> Any:
        """The document; each call decodes a new one."""
        return program_from(self.sid, self.id, self.text)

    def metadata(self) -> dict[str, Any]:
        """The metadata; each call decodes a new dict."""
        return program_metadata_from(self.sid, self.id, self._row[at.PROGRAM_METADATA])

    def program(self) -> Program:
        """The whole program.

        Raises:
            CorruptStoreError: if the document or the metadata is damaged.
        """
        return unchecked_program(
            self.id,
            self.document(),
            self.version,
            self.created_at,
            self.last_updated_at,
            self.metadata(),
        )

    def with_document(
        self, document: Any, version: int, when: datetime, metadata: dict[str, Any]
    ) -> Program:
        """The program after a put."""
        return unchecked_program(self.id, document, version, self.created_at, when, metadata)

    def past(self, row: Row) -> Program:
        """A past version from PAST_PROGRAM_COLUMNS.

        Raises:
            CorruptStoreError: if a column is damaged.
        """
        version, text, metadata, written_at = row
        if not (_is_version(version) and written_at):
            raise _damaged_version(self.sid, self.id, version, "created_at")
        return unchecked_program(
            self.id,
            program_from(self.sid, self.id, text),
            version,
            self.created_at,
            written_at,
            program_metadata_from(self.sid, self.id, metadata),
        )


def _is_version(version: object) -> bool:
    return type(version) is int and version >= 0


def _damaged_version(sid: str, pid: str, version: object, column: str) -> CorruptStoreError:
    """The error of a version that is not a number, or else of a missing time."""
    if not _is_version(version):
        return unexpected(version, "a version", "version", program_label, sid, pid)
    return unexpected(None, "a time", column, program_label, sid, pid)


def program_metadata_from(sid: object, pid: object, text: object) -> dict[str, Any]:
    """The metadata of a program or of a past version; NULL, in old programs, is an empty object.

    Raises:
        CorruptStoreError: if it is not a JSON object.
    """
    return {} if text is None else object_from(text, "metadata", program_label, sid, pid)


def stored_program_from(sid: str, row: Row) -> StoredProgram:
    """A program from PROGRAM_COLUMNS.

    Raises:
        CorruptStoreError: as StoredProgram.
    """
    return StoredProgram(sid, row)


def stored_program_beside(sid: str, row: Row) -> StoredProgram | None:
    """A program from STATE_COLUMNS and PROGRAM_COLUMNS; None if there is no such program.

    Raises:
        CorruptStoreError: as StoredProgram.
    """
    found = row[_AFTER_STATE:]
    return None if found[at.PROGRAM_ID] is None else StoredProgram(sid, found)


def program_beside(sid: str, row: Row) -> Program | None:
    """A program from ACCESS_COLUMNS and PROGRAM_COLUMNS; None if there is no such program.

    Raises:
        CorruptStoreError: if a column is damaged.
    """
    found = row[_AFTER_ACCESS:]
    return None if found[at.PROGRAM_ID] is None else StoredProgram(sid, found).program()


def program_from(sid: object, program_id: object, text: object) -> Any:
    """A program's document from its JSON text.

    Raises:
        CorruptStoreError: if it is not JSON.
    """
    return document_from(text, "program", program_label, sid, program_id)


def document_beside(sid: str, row: Row, default: Any) -> Any:
    """A document from ACCESS_COLUMNS and DOCUMENT_COLUMNS; ``default`` if there is none.

    Raises:
        CorruptStoreError: if it is not JSON.
    """
    found = row[_AFTER_ACCESS:]
    program_id = found[at.DOCUMENT_ID]
    if program_id is None:
        return default
    return program_from(sid, program_id, found[at.DOCUMENT_PROGRAM])


def program_id_beside(row: Row) -> object:
    """A program's id after ACCESS_COLUMNS, unchecked; None if there is no such program."""
    return row[_AFTER_ACCESS + at.DOCUMENT_ID]


def documents_from(sid: str, rows: Iterable[Row]) -> dict[str, Any]:
    """Documents by id from rows of DOCUMENT_COLUMNS.

    Raises:
        CorruptStoreError: if one is not JSON.
    """
    return {
        text_from(row[at.DOCUMENT_ID], "id", program_label, sid, row[at.DOCUMENT_ID]): program_from(
            sid, row[at.DOCUMENT_ID], row[at.DOCUMENT_PROGRAM]
        )
        for row in rows
    }


def ids_from(sid: str, rows: Iterable[Row]) -> list[str]:
    """Program ids from rows of one column.

    Raises:
        CorruptStoreError: if one is not text.
    """
    return [text_from(pid, "id", program_label, sid, pid) for (pid,) in rows]
