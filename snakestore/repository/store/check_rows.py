"""Checks whether one row is what the library would have written; one function per table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakestore import types
from snakestore.errors import (
    ConstraintError,
    CorruptStoreError,
    UnknownTypeError,
    ValidationError,
    shorten,
)
from snakestore.names import invalid_name_reason
from snakestore.reports import Finding
from snakestore.storage.dialects.access_lag import recorded_expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.cells import array_from, object_from
from snakestore.storage.mapping.logs import entry_from
from snakestore.storage.mapping.programs import (
    program_from,
    program_metadata_from,
    stored_program_from,
)
from snakestore.storage.mapping.sessions import recounted, session_from
from snakestore.storage.mapping.variables import is_library_type, value_from, variable_from
from snakestore.storage.queries.statement import Row

MAX_FINDINGS = 1000
"""How many problems, and how many notes, a report lists."""
KINDS = {
    "sessions": "session",
    "variables": "variable",
    "variable_versions": "history",
    "programs": "program",
    "program_versions": "history",
    "logs": "log",
    "log_entries": "log",
}
"""The kind of a problem with a row, by table."""


class Findings:
    """Problems and notes: all are counted, up to MAX_FINDINGS of each are listed."""

    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self.notes: list[Finding] = []
        self.problem_count = 0
        self.note_count = 0
        self.miscounted: list[tuple[str, ...]] = []
        """The keys of rows whose counts are wrong."""

    def problem(self, kind: str, where: str, message: str) -> None:
        """Add a problem."""
        self.problem_count += 1
        if len(self.problems) < MAX_FINDINGS:
            self.problems.append(Finding(kind, where, message))

    def note(self, kind: str, where: str, message: str) -> None:
        """Add a note."""
        self.note_count += 1
        if len(self.notes) < MAX_FINDINGS:
            self.notes.append(Finding(kind, where, message))

    def add(self, others: Findings) -> None:
        """Add the findings of a page."""
        self.problem_count += others.problem_count
        self.note_count += others.note_count
        self.problems += others.problems[: MAX_FINDINGS - len(self.problems)]
        self.notes += others.notes[: MAX_FINDINGS - len(self.notes)]


Cells = Mapping[str, Any]
"""The cells of a row by the names of its columns, unchecked."""
RowCheck = Callable[[TransactionContext, Cells, Row, Cells, Findings], None]
"""Checks a row: its key with what was read beside it, the row, and its cells."""


def location(table: str, key: Cells) -> str:
    """Where a row is, as a finding says it."""
    if table == "sessions":
        return f"session {shorten(key['id'])}"
    session = f"session {shorten(key['session_id'])}"
    if table == "variable_versions":
        return f"variable {shorten(key['variable_id'])} at version {key['version']} of {session}"
    if table == "program_versions":
        return f"program {shorten(key['program_id'])} at version {key['version']} of {session}"
    if table == "logs":
        return f"log {shorten(key['name'])} of {session}"
    if table == "log_entries":
        return f"entry {key['position']} of log {shorten(key['log_name'])} of {session}"
    return f"{KINDS[table]} {shorten(key['id'])} of {session}"


def repaired_updates(updates: object, values: int) -> int:
    """What ``total_variable_updates`` should be: at least one update for each value that exists."""
    return max(updates, values) if isinstance(updates, int) else values


def repaired_next_position(next_position: object, count: int, newest: object) -> int:
    """What ``next_position`` should be: after all entries, and not less than before.

    ``newest`` is None without entries. If it is no number, the entry is damaged.
    """
    least = max(count, newest + 1) if isinstance(newest, int) else count
    return max(next_position, least) if isinstance(next_position, int) else least


def check_session(
    tx: TransactionContext, key: Cells, row: Row, cells: Cells, found: Findings
) -> None:
    """Check a session's names, counts, history limit, expiry and metadata."""
    where = location("sessions", key)
    _check_name(cells["id"], "id", where, found)
    if cells["last_worker_id"] is not None:
        _check_name(cells["last_worker_id"], "last_worker_id", where, found)
    stored = (
        cells["variable_count"],
        cells["program_count"],
        cells["total_variable_updates"],
    )
    counted = (
        cells["variables"],
        cells["programs"],
        repaired_updates(cells["total_variable_updates"], cells["variables"] + cells["versions"]),
    )
    if stored != counted:
        message = (
            f"the counts (variables, programs, updates) are {shorten(stored)}, a recount gives"
            f" {counted}: check(repair=True) corrects them"
        )
        found.problem("stats", where, message)
        found.miscounted.append((str(cells["id"]),))
    limit = cells["history_limit"]
    if limit is not None and not (isinstance(limit, int) and limit >= 0):
        found.problem("session", where, f"history_limit {shorten(limit)} is not a count")
    try:
        session = session_from(recounted(row, *counted), tx.now)
    except CorruptStoreError as error:
        found.problem("session", where, f"it cannot be read: {error}")
        return
    expires_at = recorded_expiry(cells["expires_at"], session.last_accessed, session.ttl)
    if expires_at != cells["expires_at"]:
        message = f"expires_at is {cells['expires_at']}, but it expires at {expires_at}"
        found.problem("session", where, message)


def check_variable(
    tx: TransactionContext, key: Cells, row: Row, cells: Cells, found: Findings
) -> None:
    """Check a variable's names, value, constraints, lease, and its version against its history."""
    where = location("variables", key)
    if key["id_is_a_name"]:
        found.problem("name", where, "its id is the name of another variable of the session")
    _check_versions(key, cells["version"], where, found)
    for column in ("id", "name", "type"):
        _check_name(cells[column], column, where, found)
    optimizer = cells["optimizer_id"]
    if optimizer is not None:
        _check_name(optimizer, "optimizer_id", where, found)
    try:
        variable = variable_from(key["session_id"], row, tx.now)
    except UnknownTypeError as error:
        found.note("type", where, str(error))
        _check_documents(cells, where, found)
        return
    except CorruptStoreError as error:
        found.problem("variable", where, f"it cannot be read: {error}")
        return
    if optimizer is not None and not variable.optimizing:
        expired = cells["optimization_expires_at"]
        message = f"the lease of {shorten(optimizer)} expired at {expired} and was not ended"
        found.note("lease", where, message)
    _check_value(variable.value, variable.type, variable.constraints, where, found)


def _check_versions(key: Cells, version: object, where: str, found: Findings) -> None:
    newest, count, limit = key["newest_version"], key["version_count"], key["history_limit"]
    if not isinstance(version, int) or version < 0:
        found.problem("history", where, f"version {shorten(version)} is not a count")
    if isinstance(newest, int) and isinstance(version, int) and newest >= version:
        message = f"it is at version {version}, but its history has version {newest}"
        found.problem("history", where, message)
    if isinstance(limit, int) and count > limit:
        message = f"its history has {count} values, more than the session's limit of {limit}"
        found.problem("history", where, message)


def check_past_value(
    _tx: TransactionContext, key: Cells, _row: Row, cells: Cells, found: Findings
) -> None:
    """Check that a past value and its metadata can be read. Constraints are of today."""
    where = location("variable_versions", key)
    sid, vid = key["session_id"], key["variable_id"]
    try:
        object_from(cells["metadata"], "metadata", _label(where))
        value_from(sid, vid, cells["type"], cells["value"], cells["value_blob"])
    except UnknownTypeError as error:
        found.note("type", where, str(error))
    except CorruptStoreError as error:
        found.problem("history", where, f"it cannot be read: {error}")


def check_program(
    _tx: TransactionContext, key: Cells, row: Row, cells: Cells, found: Findings
) -> None:
    """Check a program's id, document, metadata and times, and its version against its history."""
    where = location("programs", key)
    _check_versions(key, cells["version"], where, found)
    _check_name(cells["id"], "id", where, found)
    try:
        stored_program_from(key["session_id"], row).program()
    except CorruptStoreError as error:
        found.problem("program", where, f"it cannot be read: {error}")


def check_past_program(
    _tx: TransactionContext, key: Cells, _row: Row, cells: Cells, found: Findings
) -> None:
    """Check that a past document and its metadata can be read."""
    where = location("program_versions", key)
    sid, pid = key["session_id"], key["program_id"]
    try:
        program_metadata_from(sid, pid, cells["metadata"])
        program_from(sid, pid, cells["program"])
    except CorruptStoreError as error:
        found.problem("history", where, f"it cannot be read: {error}")


def check_log(
    _tx: TransactionContext, key: Cells, _row: Row, cells: Cells, found: Findings
) -> None:
    """Check a log's name, times, length and next position."""
    where = location("logs", key)
    _check_name(cells["name"], "name", where, found)
    for column in ("created_at", "last_updated_at"):
        if cells[column] is None:
            found.problem("log", where, f"{column} is NULL")
    count = cells["entry_count"]
    stored = (cells["length"], cells["next_position"])
    counted = (
        count,
        repaired_next_position(cells["next_position"], count, cells["newest_position"]),
    )
    if stored != counted:
        message = (
            f"the length and the next position are {shorten(stored)}, a recount gives {counted}:"
            " check(repair=True) corrects them"
        )
        found.problem("stats", where, message)
        found.miscounted.append((str(key["session_id"]), str(key["name"])))


def check_entry(
    _tx: TransactionContext, key: Cells, row: Row, _cells: Cells, found: Findings
) -> None:
    """Check that an entry of a log can be read."""
    try:
        entry_from(key["session_id"], key["log_name"], row)
    except CorruptStoreError as error:
        where = location("log_entries", key)
        found.problem("log", where, f"it cannot be read: {error}")


def _check_name(name: object, column: str, where: str, found: Findings) -> None:
    reason = (
        invalid_name_reason(name) if isinstance(name, str) else f"must be text, not {shorten(name)}"
    )
    if reason is not None:
        found.problem("name", where, f"{column} {reason}")


def _check_documents(cells: Cells, where: str, found: Findings) -> None:
    """Check what can be read of a variable without knowing its type."""
    for column, read in (
        ("constraints", object_from),
        ("metadata", object_from),
        ("access_rules", array_from),
    ):
        try:
            read(cells[column], column, _label(where))
        except CorruptStoreError as error:
            found.problem("variable", where, str(error))


def _label(where: str) -> Callable[[], str]:
    return lambda: where[:1].upper() + where[1:]


def _check_value(
    value: object, type_name: str, constraints: dict[str, Any], where: str, found: Findings
) -> None:
    try:
        checkable, reason = types.checkable(type_name, constraints)
        if reason is not None:
            found.note("pattern", where, f"a constraint was not checked: {reason}")
        types.validate(value, type_name, checkable)
    except ConstraintError as error:
        found.problem("constraint", where, str(error))
    except Exception as error:
        if not isinstance(error, ValidationError) and is_library_type(type_name):
            raise
        found.problem("variable", where, f"its type refuses the value: {error}")
