"""What a session holds, from rows of ``queries.previews``. Damaged cells are shown as they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from snakestore.storage.queries.statement import Row


class VariablePreview(NamedTuple):
    """A variable, with the beginning of its value as stored, or the size of a binary one."""

    name: str
    type: str
    text: str | None
    blob_bytes: int | None
    version: int
    last_updated_at: datetime

    @property
    def value(self) -> str | None:
        """The stored text, or how large the binary value is."""
        if self.text is None and self.blob_bytes is not None:
            return f"<{self.blob_bytes:,} bytes>"
        return self.text


class ProgramPreview(NamedTuple):
    """A program without its document."""

    id: str
    version: int
    last_updated_at: datetime


class LogPreview(NamedTuple):
    """A log without its entries."""

    name: str
    length: int
    last_updated_at: datetime


def variables_from(rows: Iterable[Row]) -> list[VariablePreview]:
    """Variables from rows of SELECT_VARIABLES."""
    return [VariablePreview(*row) for row in rows]


def programs_from(rows: Iterable[Row]) -> list[ProgramPreview]:
    """Programs from rows of SELECT_PROGRAMS."""
    return [ProgramPreview(*row) for row in rows]


def logs_from(rows: Iterable[Row]) -> list[LogPreview]:
    """Logs from rows of SELECT_LOGS."""
    return [LogPreview(*row) for row in rows]
