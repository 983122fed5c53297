"""Variables as an update of several reads them: all but their values, which it replaces."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus
from snakestore.storage.mapping.cells import array_from, object_from, variable_label
from snakestore.storage.mapping.leases import lease_status
from snakestore.storage.mapping.variables import damaged_cells
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable, unchecked_variable

_AFTER_ADDRESS = len(at.REPLACED_COLUMNS) + 1
"""Where the size and the term of the lease begin, if they were read."""


class ReplacedVariable:
    """A row of a statement in ``TO_REPLACE``. Documents are decoded on access."""

    kind: ClassVar[str] = "variable"
    # its attributes, not its row, are what the methods read: a batch makes one for each variable
    __slots__ = (
        "_access_rules",
        "_optimizer_id",
        "_term",
        "address",
        "constraints_text",
        "created_at",
        "id",
        "identifier",
        "is_held",
        "metadata_text",
        "name",
        "sid",
        "size",
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
        self.size: int = 0
        """The length of the present value, text or bytes; 0 if it was not read."""
        if len(row) > _AFTER_ADDRESS:
            self.size = row[_AFTER_ADDRESS]
            self._term = row[_AFTER_ADDRESS + 1 :]
            row = row[:_AFTER_ADDRESS]
        self.address: int | None
        """Where the row is, for the present transaction; None if that is not known."""
        (
            created_at,
            vid,
            name,
            self.type,
            self.constraints_text,
            self.metadata_text,
            version,
            self._access_rules,
            self._optimizer_id,
            self.address,
        ) = row
        if not (
            type(vid) is str
            and type(name) is str
            and type(version) is int
            and version >= 0
            and created_at
        ):
            raise damaged_cells(sid, vid, name, version, created_at)
        self.created_at: datetime = created_at
        self.id: str = vid
        self.name: str = name
        self.version: int = version
        self.is_held = self._optimizer_id is not None
        """Whether an optimiser is recorded, even if its lease has expired."""

    def lease(self, now: datetime) -> OptimizationStatus:
        """Who holds the lease at ``now``. If an optimiser is recorded, the lease must be read."""
        if not self.is_held:
            return NOT_OPTIMIZING
        pid, started_at, expires_at = self._term
        return lease_status(
            self.sid, self.identifier, self._optimizer_id, pid, started_at, expires_at, now
        )

    def constraints(self) -> dict[str, Any]:
        """The constraints; each call decodes a new dict."""
        return object_from(
            self.constraints_text, "constraints", variable_label, self.sid, self.identifier
        )

    def metadata(self) -> dict[str, Any]:
        """The metadata; each call decodes a new dict."""
        return object_from(
            self.metadata_text, "metadata", variable_label, self.sid, self.identifier
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
        """The variable after an update; ``constraints`` are the stored ones, decoded.

        Raises:
            CorruptStoreError: if the access rules are damaged.
        """
        rules = self._access_rules
        return unchecked_variable(
            blob,
            self.id,
            self.name,
            self.type,
            value,
            self.created_at,
            constraints,
            metadata,
            version,
            when,
            self.lease(when) if self.is_held else NOT_OPTIMIZING,
            ()
            if rules == "[]"
            else array_from(rules, "access_rules", variable_label, self.sid, self.name),
        )


def replaced_by_id(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows of a statement in ``TO_REPLACE`` by id."""
    return {row[at.REPLACED_ID]: row for row in rows}


def replaced_by_name(rows: Iterable[Row]) -> dict[str, Row]:
    """Rows of a statement in ``TO_REPLACE`` by name."""
    return {row[at.REPLACED_NAME]: row for row in rows}
