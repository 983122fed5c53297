"""Programs as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from snakestore.clock import as_utc
from snakestore.names import checked_name
from snakestore.versioning import checked_version


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Program:
    """A JSON document with an id and a version.

    A Program checks its id, times and version only. ``put_program`` checks the document and the
    metadata.

    Attributes:
        id: the id, unique among the programs of its session.
        document: any JSON value.
        version: 0 at first; each put of another document adds one.
        created_at: when the program was first put, in UTC.
        last_updated_at: when the document of this version was written, in UTC.
        metadata: a JSON object.

    Raises:
        InvalidNameError: if the id is not a valid name.
        ValidationError: if a time is naive or the version is out of range.
    """

    id: str
    document: Any
    version: int
    created_at: datetime
    last_updated_at: datetime
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check and normalise id, times and version."""
        put = object.__setattr__
        put(self, "id", checked_name(self.id, "program id"))
        put(self, "version", checked_version(self.version))
        put(self, "created_at", as_utc(self.created_at, "created_at"))
        put(self, "last_updated_at", as_utc(self.last_updated_at, "last_updated_at"))
        put(self, "metadata", {} if self.metadata is None else self.metadata)

    def __repr__(self) -> str:
        from snakestore.notebook import brief  # noqa: PLC0415 - on use

        return f"<Program {self.id!r}: {brief(self.document)}, version {self.version}>"


# the setters of the slots, which bypass frozen=True: twice as fast as the constructor, which would
# check again what was checked before it was stored
(
    _set_id,
    _set_document,
    _set_version,
    _set_created_at,
    _set_last_updated_at,
    _set_metadata,
) = (getattr(Program, each.name).__set__ for each in fields(Program))


def unchecked_program(
    id: str,  # noqa: A002 - named like the field
    document: Any,
    version: int,
    created_at: datetime,
    last_updated_at: datetime,
    metadata: dict[str, Any],
) -> Program:
    """A Program from all its fields, which are known to be valid; nothing is checked."""
    program = object.__new__(Program)
    _set_id(program, id)
    _set_document(program, document)
    _set_version(program, version)
    _set_created_at(program, created_at)
    _set_last_updated_at(program, last_updated_at)
    _set_metadata(program, metadata)
    return program
