"""Whether a row of a store is what the library would have written: one judge for each table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snakestore import types
from snakestore.errors import ConstraintError, CorruptStoreError, UnknownTypeError, shorten
from snakestore.names import invalid_name_reason
from snakestore.reports import Finding
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries.statement import Row

MOST_LISTED = 1000
KINDS = {
    "sessions": "session",
    "variables": "variable",
    "variable_versions": "history",
    "programs": "program",
}


class Findings:
    """Problems and notes, counted all, listed as far as memory should go."""

    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self.notes: list[Finding] = []
        self.problem_count = 0
        self.note_count = 0
        self.miscounted: list[str] = []
        """Sessions whose counts are wrong."""

    def problem(self, kind: str, where: str, message: str) -> None:
        """Something is wrong."""
        self.problem_count += 1
        if len(self.problems) < MOST_LISTED:
            self.problems.append(Finding(kind, where, message))

    def note(self, kind: str, where: str, message: str) -> None:
        """Something is worth knowing."""
        self.note_count += 1
        if len(self.notes) < MOST_LISTED:
            self.notes.append(Finding(kind, where, message))

    def add(self, others: Findings) -> None:
        """Take over what a page found."""
        self.problem_count += others.problem_count
        self.note_count += others.note_count
        self.problems += others.problems[: MOST_LISTED - len(self.problems)]
        self.notes += others.notes[: MOST_LISTED - len(self.notes)]


Judge = Callable[[TransactionContext, Row, Row, Findings], None]


def place(table: str, key: Row) -> str:
    """Where a row is, for whoever reads a finding."""
    if table == "sessions":
        return f"session {shorten(key[0])}"
    what = "program" if table == "programs" else "variable"
    version = f" at version {key[2]}" if table == "variable_versions" else ""
    return f"{what} {shorten(key[1])}{version} of session {shorten(key[0])}"


def mended_updates(updates: object, least: int) -> int:
    """What ``total_variable_updates`` should be, given what stands there: each value that is there was written once."""
    return max(updates, least) if isinstance(updates, int) else least


def session(tx: TransactionContext, key: Row, row: Row, found: Findings) -> None:
    """Name, counts, history limit, expiry, and what else a session is made of."""
    where = place("sessions", key)
    _judge_name(row[0], "the id", where, found)
    if row[4] is not None:
        _judge_name(row[4], "the last worker's id", where, found)
    expires_at, history, variables, programs, versions = row[9:14]
    counts, wanted = (
        tuple(row[6:9]),
        (variables, programs, mended_updates(row[8], variables + versions)),
    )
    if counts != wanted:
        told = "variables, programs, updates"
        found.problem(
            "stats",
            where,
            f"its counts ({told}) are {shorten(counts)}, a recount gives {wanted}: check with"
            " repair=True mends them",
        )
        found.miscounted.append(str(row[0]))
    if history is not None and not (isinstance(history, int) and history >= 0):
        found.problem("session", where, f"its history limit is {shorten(history)}, no count")
    try:
        whole = mapping.session_from((*row[:6], *wanted), tx.now)
        recorded = tx.backend.expires_at(
            recorded=expires_at, ttl=whole.ttl, last_accessed=whole.last_accessed
        )
    except (CorruptStoreError, TypeError, OverflowError) as error:
        found.problem("session", where, f"it cannot be read: {error}")
        return
    if recorded != expires_at:
        found.problem(
            "session", where, f"it is recorded to expire at {expires_at}, but expires at {recorded}"
        )


def variable(tx: TransactionContext, key: Row, row: Row, found: Findings) -> None:
    """Names, value, type, constraints, lease, and the versions in its history."""
    where = place("variables", key)
    sid, _, _, clashes, newest, kept, limit = key
    if clashes:
        found.problem("name", where, "its id is the name of another variable of the session")
    version = row[8]
    if not isinstance(version, int) or version < 0:
        found.problem("history", where, f"its version is {shorten(version)}, no count")
    if isinstance(newest, int) and isinstance(version, int) and newest >= version:
        found.problem(
            "history", where, f"it is at version {version}, and its history holds version {newest}"
        )
    if isinstance(limit, int) and kept > limit:
        found.problem(
            "history",
            where,
            f"its history holds {kept} values, more than the session's limit of {limit}",
        )
    for what, name in (("the id", row[1]), ("the name", row[2]), ("the type's name", row[3])):
        _judge_name(name, what, where, found)
    if row[11] is not None:
        _judge_name(row[11], "the optimiser's id", where, found)
    try:
        whole = mapping.variable_from(sid, row[1:], tx.now)
    except UnknownTypeError as error:
        found.note("type", where, str(error))
        _judge_documents(row, where, found)
        return
    except (CorruptStoreError, ValueError, TypeError) as error:
        found.problem("variable", where, f"it cannot be read: {error}")
        return
    if row[11] is not None and not whole.optimizing:
        found.note(
            "lease",
            where,
            f"the lease of {shorten(row[11])} ran out at {row[14]} and was not ended",
        )
    _judge_value(whole.value, whole.type, whole.constraints, where, found)


def past_value(_context: TransactionContext, key: Row, row: Row, found: Findings) -> None:
    """A past value decodes, and so does its metadata; today's constraints are none of its business."""
    where = place("variable_versions", key)
    sid, vid, _, type_name, text, blob, metadata, _ = row
    try:
        mapping.decoded(metadata, f"the metadata column of {where}")
        mapping.value_from(sid, vid, type_name, text, blob)
    except UnknownTypeError as error:
        found.note("type", where, str(error))
    except CorruptStoreError as error:
        found.problem("history", where, f"it cannot be read: {error}")


def program(_context: TransactionContext, key: Row, row: Row, found: Findings) -> None:
    """A program's id, and its document."""
    where = place("programs", key)
    _judge_name(row[1], "the id", where, found)
    try:
        mapping.program_from(row[0], row[1], row[2])
    except CorruptStoreError as error:
        found.problem("program", where, f"it cannot be read: {error}")


def _judge_name(name: object, what: str, where: str, found: Findings) -> None:
    reason = (
        invalid_name_reason(name) if isinstance(name, str) else f"must be text, not {shorten(name)}"
    )
    if reason is not None:
        found.problem("name", where, f"{what} {reason}")


def _judge_documents(row: Row, where: str, found: Findings) -> None:
    """What of a variable can be read without knowing its type."""
    kinds: tuple[tuple[str, Any, type[Any]], ...] = (
        ("constraints", row[6], dict),
        ("metadata", row[7], dict),
        ("access_rules", row[15], list),
    )
    for column, text, kind in kinds:
        try:
            mapping.decoded(text, f"the {column} column of {where}", kind)
        except CorruptStoreError as error:
            found.problem("variable", where, str(error))


def _judge_value(
    value: object, type_name: str, constraints: dict[str, Any], where: str, found: Findings
) -> None:
    try:
        types.validate(value, type_name, constraints)
    except ConstraintError as error:
        found.problem("constraint", where, str(error))
    except Exception as error:  # noqa: BLE001 - a type of the user's may raise anything; its value is then not sound
        found.problem("variable", where, f"its value is refused by its type: {error}")
