"""Checks records that are to be imported, one after the other, and keeps them for the import."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from snakestore import types
from snakestore.errors import StoreError, UnknownTypeError, ValidationError, shorten
from snakestore.repository.arguments import check_size
from snakestore.repository.records import fields as of
from snakestore.repository.records.format import (
    BY_NAME,
    FORMAT,
    KINDS,
    SESSION,
    VERSION,
    Cells,
    Checksums,
    Kind,
    Record,
    canonical,
)

MAX_BYTES_IN_MEMORY = 4_000_000
"""Records of more are kept in a temporary file."""

_SINGLE = (str, bytes, Mapping)
"""What is iterable, and no records."""
_RANK = {kind.name: number for number, kind in enumerate((SESSION, *KINDS))}
_OWNERS = {"variable_version": "variable", "program_version": "program", "log_entry": "log"}


class Row(NamedTuple):
    """What is to be stored for a record: cells by column."""

    kind: Kind
    cells: Cells


def row_of(record: Record) -> Row:
    """The row of a record that was checked."""
    kind = BY_NAME[record["kind"]]
    cells = {field.name: field.read(record[field.name]) for field in kind.fields}
    if kind.has_value:
        [given] = [name for name in of.VALUE_FIELDS if name in record]
        cells["value"], cells["value_blob"] = of.read_value(given, record[given])
    return Row(kind, cells)


class CheckedRecords:
    """Records of a whole export. ``add`` checks each; ``finish`` that none is missing."""

    def __init__(self, max_value_bytes: int | None) -> None:
        self._limit = max_value_bytes
        self._file = tempfile.SpooledTemporaryFile(MAX_BYTES_IN_MEMORY)  # noqa: SIM115 - closed by close
        self._checksums = Checksums()
        self._line = 0
        self._sessions = 0
        self._ended = False
        self._session = SessionState("")

    def add(self, record: object) -> None:
        """Check the next record.

        Raises:
            ValidationError: if it is not the next record of an export; the message has its line.
            UnknownTypeError: if it has a value of a type that is not registered.
            StoreError: if it cannot be kept in a temporary file.
        """
        self._line += 1
        checked = self._with_valid_checksum(record)
        kind = checked["kind"]
        try:
            if self._line == 1:
                _check_header(checked)
            elif kind == "end":
                self._check_end(checked)
            elif _is_row(kind):
                self._check_row(checked)
            else:
                of.refuse(f"{shorten(kind)} is not a kind of record", kind)
        except UnknownTypeError as error:
            where = f"line {self._line}, so nothing was imported"
            raise UnknownTypeError(
                str(error.type), known=types.supported_types(), where=where
            ) from error
        except ValidationError as error:
            self._refuse(str(error), error)

    def add_all(self, records: Iterable[object]) -> None:
        """Check the next records, as ``add`` does."""
        if isinstance(records, _SINGLE) or not isinstance(records, Iterable):
            message = (
                "records must be an iterable of what export_sessions() returned, not"
                f" {type(records).__name__}. Nothing was imported."
            )
            raise ValidationError(message, value=records)
        for record in records:
            self.add(record)

    def finish(self) -> None:
        """Check that the last record was the end of the export.

        Raises:
            ValidationError: if it was not: the export is truncated.
        """
        if not self._ended:
            message = (
                f"the records end after line {self._line} without an end record: the export is"
                " truncated. Nothing was imported."
            )
            raise ValidationError(message)

    def rows(self) -> Iterator[Row]:
        """The rows of all records, in order. May be called again."""
        self._file.seek(0)
        for line in self._file:
            yield row_of(json.loads(line))

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def _refuse(self, reason: str, error: ValidationError | None = None) -> NoReturn:
        message = f"line {self._line}: {reason}. Nothing was imported."
        path = None if error is None else error.path
        raise ValidationError(message, path=path) from error

    def _with_valid_checksum(self, record: object) -> Record:
        if self._ended:
            self._refuse("there are records after the end record")
        if not isinstance(record, dict):
            advice = "; pass json.loads(line)" if isinstance(record, str | bytes) else ""
            self._refuse(f"a record is a dict, not {type(record).__name__}{advice}")
        content = {name: value for name, value in record.items() if name != "checksum"}
        try:
            line = canonical(content)
        except (TypeError, ValueError, RecursionError) as error:
            self._refuse(f"the record is not JSON: {error}")
        if self._line == 1:
            _check_format(content, self._refuse)
        if self._checksums.next(line) != record.get("checksum"):
            self._refuse(
                "the checksum does not match: the line was edited, or a line before it is missing"
            )
        if _is_row(content.get("kind")):
            self._keep(json.dumps(content).encode() + b"\n")
        return {"kind": None, **content}

    def _keep(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            message = (
                f"the records cannot be kept in the temporary folder ({error.strerror}). Nothing"
                " was imported. Set TMPDIR to a folder with more space."
            )
            raise StoreError(message) from error

    def _check_end(self, record: Record) -> None:
        expected = {"kind": "end", "sessions": self._sessions, "records": self._line}
        if record != expected:
            of.refuse(f"the end record should be {expected}", record)
        self._ended = True

    def _check_row(self, record: Record) -> None:
        kind = BY_NAME[record["kind"]]
        _check_fields(kind, record)
        row = row_of(record)
        if kind is SESSION:
            sid = row.cells["id"]
            if sid <= self._session.sid:
                of.refuse(f"session {shorten(sid)} is not after {shorten(self._session.sid)}", sid)
            self._sessions += 1
            self._session = SessionState(sid)
            return
        self._session.check(row)
        for name in ("program", "entry"):
            if name in row.cells:
                check_size(kind.name, row.cells[name], None, self._limit)
        if kind.has_value:
            check_size(kind.name, row.cells["value"], row.cells["value_blob"], self._limit)
            _check_value(row)


def _is_row(kind: object) -> bool:
    """Whether records of this kind are rows of the store."""
    return type(kind) is str and kind in BY_NAME


def _check_format(record: Record, refuse: Callable[[str], NoReturn]) -> None:
    """Check format and version before the checksum, which another version may make otherwise."""
    if record.get("kind") != "header" or record.get("format") != FORMAT:
        refuse("this is not the header of an export of snakestore")
    version = record.get("version")
    if type(version) is not int or version < 1:
        refuse(f"{shorten(version)} is not a version of the format")
    if version > VERSION:
        refuse(
            f"the export has version {version} of the format, this release reads {VERSION} and"
            " earlier. Upgrade snakestore"
        )


def _check_header(record: Record) -> None:
    if set(record) != {"kind", "format", "version", "history"}:
        of.refuse("the header has the keys kind, format, version, history and checksum", record)
    if type(record["history"]) is not bool:
        history = record["history"]
        of.refuse(f"history: must be true or false, not {shorten(history)}", history)


def _check_fields(kind: Kind, record: Record) -> None:
    """Check that a record has its fields, each of a valid value."""
    expected = {"kind", *(field.name for field in kind.fields)}
    given = set(record)
    if kind.has_value:
        values = given & set(of.VALUE_FIELDS)
        if len(values) != 1:
            of.refuse(f"a {kind.name} has one of {', '.join(of.VALUE_FIELDS)}", record)
        expected |= values
    if given != expected:
        faults = {"lacks the": expected - given, "has the unknown": given - expected}
        reasons = [
            f"{verb} fields {shorten(', '.join(sorted(names)))}"
            for verb, names in faults.items()
            if names
        ]
        of.refuse(f"a {kind.name} record {' and '.join(reasons)}", record)
    for name, _, read in kind.fields:
        try:
            read(record[name])
        except ValidationError as error:
            reason = f"{name}: {error}"
            raise ValidationError(reason, path=error.path) from error


def _check_value(row: Row) -> None:
    """Check a value by its type, and that of a variable by its constraints."""
    cells = row.cells
    type_name = cells["type"]
    value = types.decode_value(type_name, cells["value"], cells["value_blob"])
    constraints = None
    if row.kind.name == "variable":
        constraints = types.check_constraints(type_name, types.loads(cells["constraints"]))
    types.validate(value, type_name, constraints)


class SessionState:
    """What was seen of one session, whether it is imported or exported."""

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self._rank = 0
        self._last: tuple[Any, ...] = ()
        self._names: set[str] = set()
        """The variables' names."""
        self._bounds: dict[tuple[str, str], int] = {}
        """By kind and id: the number that those of history or entries must be under."""

    def check(self, row: Row) -> None:
        """Check the order and the keys of a row.

        Raises:
            ValidationError: if it does not belong here.
        """
        kind, cells = row
        if cells["session_id"] != self.sid:
            of.refuse(
                f"it belongs to session {shorten(cells['session_id'])}, which is not here", cells
            )
        rank, key = _RANK[kind.name], tuple([cells[name] for name in kind.key])
        if rank < self._rank or (rank == self._rank and key <= self._last):
            of.refuse(f"the {kind.name} {shorten(key)} is out of order, or there twice", key)
        self._rank, self._last = rank, key
        if kind.name == "variable":
            self._check_names(cells)
        if kind.name in _OWNERS:
            owner = _OWNERS[kind.name]
            bound = self._bounds.get((owner, cells[kind.owner]))
            if bound is None:
                of.refuse(f"its {owner} {shorten(cells[kind.owner])} is not there", key)
            *_, number = key
            if number >= bound:
                of.refuse(f"its number {number} is not below that of its {owner}, {bound}", key)
        else:
            number = cells["next_position"] if kind.name == "log" else cells["version"]
            self._bounds[kind.name, cells[kind.owner]] = number

    def _check_names(self, cells: Cells) -> None:
        vid, name = cells["id"], cells["name"]
        if name in self._names or vid in self._names or ("variable", name) in self._bounds:
            of.refuse(
                f"another variable has the id or name {shorten(name)} or {shorten(vid)}", name
            )
        self._names.add(name)
