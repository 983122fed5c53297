"""A variable as it is stored, read for a write or for its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus
from snakestore.storage.mapping.cells import (
    object_from,
    variable_label,
)
from snakestore.storage.mapping.leases import lease_status
from snakestore.storage.mapping.variables import (
    damaged_variable,
    damaged_version,
    value_from,
    variable_from,
    variable_with,
)
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable

_AFTER_STATE = len(at.STATE_COLUMNS)
"""Where the variable's columns begin in rows that join them to the session's."""


class StoredVariable:
    """A row of VARIABLE_COLUMNS. Columns are decoded on access."""

    kind: ClassVar[str] = "variable"
    __slots__ = (
        "_row",
        "address",
        "created_at",
        "id",
        "identifier",
        "is_held",
        "name",
        "sid",
        "type",
        "version",
    )

    def __init__(self, sid: str, identifier: str, row: Row) -> None:
        """Take the row.

        Raises:
            CorruptStoreError: if the id, name, version or ``created_at`` is damaged.
        """
        self.sid = sid
        self.identifier = identifier
        self._row = row
        self.id: str = row[at.VARIABLE_ID]
        self.name: str = row[at.VARIABLE_NAME]
        self.type: str = row[at.VARIABLE_TYPE]
        self.version: int = row[at.VARIABLE_VERSION]
        self.created_at: datetime = row[at.VARIABLE_CREATED_AT]
        self.address: int | None = (
            row[at.ADDRESS_AFTER_VARIABLE] if len(row) > at.ADDRESS_AFTER_VARIABLE else None
        )
        """Where the row is, for the present transaction; None if that is not known."""
        self.is_held = row[at.VARIABLE_OPTIMIZER_ID] is not None
        """Whether an optimiser is recorded, even if its lease has expired."""
        if not (
            type(self.id) is str
            and type(self.name) is str
            and type(self.version) is int
            and self.version >= 0
            and self.created_at
        ):
            raise damaged_variable(sid, row)

    @property
    def last_updated_at(self) -> datetime:
        """When the present value was written."""
        when: datetime | None = self._row[at.VARIABLE_LAST_UPDATED_AT]
        if when is None:
            raise damaged_variable(self.sid, self._row)
        return when

    @property
    def blob(self) -> bytes | None:
        """The binary part of the present value."""
        blob: bytes | None = self._row[at.VARIABLE_VALUE_BLOB]
        return blob

    @property
    def size(self) -> int:
        """The length of the present value, text or bytes; 0 if it was not read or is damaged."""
        cell = self._row[at.VARIABLE_VALUE] or self._row[at.VARIABLE_VALUE_BLOB]
        return len(cell) if isinstance(cell, str | bytes) else 0

    def lease(self, now: datetime) -> OptimizationStatus:
        """Who holds the lease at ``now``."""
        row = self._row
        return lease_status(
            self.sid,
            self.identifier,
            row[at.VARIABLE_OPTIMIZER_ID],
            row[at.VARIABLE_OPTIMIZER_PID],
            row[at.VARIABLE_OPTIMIZATION_STARTED_AT],
            row[at.VARIABLE_OPTIMIZATION_EXPIRES_AT],
            now,
        )

    def value(self) -> Any:
        """The present value; each call decodes a new one."""
        row = self._row
        return value_from(
            self.sid,
            self.identifier,
            self.type,
            row[at.VARIABLE_VALUE],
            row[at.VARIABLE_VALUE_BLOB],
        )

    def has_value(self, type_name: str, text: str | None, blob: bytes | None) -> bool:
        """Whether type and value are stored as these."""
        row = self._row
        return (
            self.type == type_name
            and row[at.VARIABLE_VALUE] == text
            and row[at.VARIABLE_VALUE_BLOB] == blob
        )

    def constraints(self) -> dict[str, Any]:
        """The constraints; each call decodes a new dict."""
        return object_from(
            self._row[at.VARIABLE_CONSTRAINTS],
            "constraints",
            variable_label,
            self.sid,
            self.identifier,
        )

    def metadata(self) -> dict[str, Any]:
        """The metadata; each call decodes a new dict."""
        return object_from(
            self._row[at.VARIABLE_METADATA], "metadata", variable_label, self.sid, self.identifier
        )

    def variable(self, now: datetime) -> Variable:
        """The whole variable, with its lease as of ``now``."""
        return variable_from(self.sid, self._row[: at.ADDRESS_AFTER_VARIABLE], now)

    def with_status(self, status: OptimizationStatus) -> Variable:
        """The whole variable after its lease was changed to ``status``."""
        return variable_with(
            self.sid,
            self._row,
            self.type,
            self.value(),
            self.blob,
            self.constraints(),
            self.metadata(),
            self.version,
            self.last_updated_at,
            status,
        )

    def with_value(
        self,
        value: Any,
        blob: bytes | None,
        constraints: dict[str, Any],
        metadata: dict[str, Any],
        version: int,
        when: datetime,
    ) -> Variable:
        """The variable after an update; ``constraints`` are the stored ones, decoded."""
        return variable_with(
            self.sid,
            self._row,
            self.type,
            value,
            blob,
            constraints,
            metadata,
            version,
            when,
            self.lease(when) if self.is_held else NOT_OPTIMIZING,
        )

    def past(self, row: Row) -> Variable:
        """A past version from VERSION_COLUMNS, with today's name, constraints and rules.

        Raises:
            UnknownTypeError: if its type is not registered.
            CorruptStoreError: if a column is damaged.
        """
        version, type_name, text, blob, metadata, written_at = row
        if not (type(version) is int and version >= 0 and written_at):
            raise damaged_version(self.sid, self.identifier, row)
        return variable_with(
            self.sid,
            self._row,
            type_name,
            value_from(self.sid, self.identifier, type_name, text, blob),
            blob,
            self.constraints(),
            object_from(metadata, "metadata", variable_label, self.sid, self.identifier),
            version,
            written_at,
            NOT_OPTIMIZING,
        )

    def past_value(self, row: Row) -> tuple[Any, bytes | None]:
        """The value in VERSION_COLUMNS and its binary part.

        Raises:
            UnknownTypeError, CorruptStoreError: as ``past``.
        """
        blob = row[at.VERSION_VALUE_BLOB]
        value = value_from(
            self.sid, self.identifier, row[at.VERSION_TYPE], row[at.VERSION_VALUE], blob
        )
        return value, blob


def stored_from(sid: str, row: Row) -> StoredVariable:
    """A variable from VARIABLE_COLUMNS, which its name identifies.

    Raises:
        CorruptStoreError: as StoredVariable.
    """
    return StoredVariable(sid, row[at.VARIABLE_NAME], row)


def stored_beside(sid: str, identifier: str, row: Row) -> StoredVariable | None:
    """A variable from STATE_COLUMNS and VARIABLE_COLUMNS; None if there is no such variable.

    Raises:
        CorruptStoreError: as StoredVariable.
    """
    found = row[_AFTER_STATE:]
    return None if found[at.VARIABLE_ID] is None else StoredVariable(sid, identifier, found)
