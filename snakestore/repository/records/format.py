"""The records of an export: their order, their fields and their checksums.

An export begins with a ``header`` and ends with an ``end``. Between them is each session, ordered
by id: its ``session`` record, then its records of the other kinds, in the order of ``KINDS`` and
by key. Each record has a checksum over itself and all records before it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from snakestore.repository.records import fields as of
from snakestore.repository.records.fields import Field
from snakestore.storage.queries import copying as sql
from snakestore.storage.queries.copying import CopiedTable

FORMAT = "snakestore sessions"
VERSION = 1
"""Rises when an older release could not import an export."""

Record = dict[str, Any]
Cells = dict[str, Any]


def _name(column: str) -> Field:
    return Field(column, of.write_text, of.read_name)


def _time(column: str) -> Field:
    return Field(column, of.write_time, of.read_time)


def _count(column: str) -> Field:
    return Field(column, of.write_count, of.read_count)


def _object(column: str) -> Field:
    return Field(column, of.write_json, of.read_object)


class Kind(NamedTuple):
    """A kind of record: its fields, its place in a session, and the table of its rows."""

    name: str
    table: CopiedTable | None
    """Where its rows are; None: the sessions."""
    fields: tuple[Field, ...]
    """In the order of the record, the key first."""
    key: tuple[str, ...]
    """The fields by which it is ordered within its session; the first names the owner."""
    has_value: bool = False
    """Whether the record has one of VALUE_FIELDS, too."""
    absent: tuple[str, ...] = ()
    """Columns that no record has: leases, and what is counted anew."""

    @property
    def owner(self) -> str:
        """The field with the id of the variable or program, or the name of the log."""
        column, *_ = self.key
        return column


SESSION = Kind(
    "session",
    None,
    (
        _name("id"),
        _object("metadata"),
        _time("created_at"),
        _time("last_accessed"),
        Field("ttl", of.write_ttl, of.read_ttl),
        Field("last_worker_id", of.optional(of.write_text), of.optional(of.read_name)),
        Field("history_limit", of.optional(of.write_count), of.optional(of.read_count)),
        _count("total_variable_updates"),
    ),
    ("id",),
)

_TABLES = {table.name: table for table in sql.TABLES}

KINDS = (
    Kind(
        "variable",
        _TABLES["variables"],
        (
            _name("session_id"),
            _name("id"),
            _name("name"),
            _name("type"),
            _object("constraints"),
            _object("metadata"),
            _count("version"),
            _time("created_at"),
            _time("last_updated_at"),
            Field("access_rules", of.write_json, of.read_array),
        ),
        ("id",),
        has_value=True,
        absent=(
            "optimizer_id",
            "optimizer_pid",
            "optimization_started_at",
            "optimization_expires_at",
        ),
    ),
    Kind(
        "variable_version",
        _TABLES["variable_versions"],
        (
            _name("session_id"),
            _name("variable_id"),
            _count("version"),
            _name("type"),
            _object("metadata"),
            _time("created_at"),
        ),
        ("variable_id", "version"),
        has_value=True,
    ),
    Kind(
        "program",
        _TABLES["programs"],
        (
            _name("session_id"),
            _name("id"),
            Field("program", of.write_json, of.read_json),
            Field("metadata", of.write_optional_json, of.read_object),
            _count("version"),
            _time("created_at"),
            _time("last_updated_at"),
        ),
        ("id",),
    ),
    Kind(
        "program_version",
        _TABLES["program_versions"],
        (
            _name("session_id"),
            _name("program_id"),
            _count("version"),
            Field("program", of.write_json, of.read_json),
            Field("metadata", of.write_optional_json, of.read_object),
            _time("created_at"),
        ),
        ("program_id", "version"),
    ),
    Kind(
        "log",
        _TABLES["logs"],
        (
            _name("session_id"),
            _name("name"),
            _count("next_position"),
            _time("created_at"),
            _time("last_updated_at"),
        ),
        ("name",),
        absent=("length",),
    ),
    Kind(
        "log_entry",
        _TABLES["log_entries"],
        (
            _name("session_id"),
            _name("log_name"),
            _count("position"),
            Field("entry", of.write_json, of.read_json),
            _time("created_at"),
        ),
        ("log_name", "position"),
    ),
)
HISTORY = {"variable_version", "program_version"}
"""The kinds that an export without history leaves out."""
BY_NAME = {kind.name: kind for kind in (SESSION, *KINDS)}


def record_of(kind: Kind, cells: Cells) -> Record:
    """The record of a row, without its checksum.

    Raises:
        CorruptStoreError: if a cell is damaged.
    """
    record = {"kind": kind.name}
    for name, write, _ in kind.fields:
        record[name] = write(cells[name])
    if kind.has_value:
        record |= of.write_value(cells["value"], cells["value_blob"])
    return record


def canonical(record: Record) -> bytes:
    """The bytes of a record that its checksum is made of; the order of keys does not matter."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


class Checksums:
    """The checksums of an export: each is made of a record and of all records before it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def next(self, content: bytes) -> str:
        """The checksum of the next record, of 16 hexadecimal digits."""
        self._hash.update(b"%d:" % len(content))
        self._hash.update(content)
        return self._hash.hexdigest()[:16]
