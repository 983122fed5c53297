"""What is told of a whole store: its numbers, and what a check of it found. Loaded by those who ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from snakestore.variable import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableBatch:
    """Several variables read from one snapshot: ``found`` by the identifier asked for, as text; ``missing`` the rest."""

    found: dict[str, Variable]
    missing: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """What a store holds, in numbers.

    Attributes:
        sessions: recorded sessions, expired ones that no sweep has removed yet among them.
        expired_sessions: those of them that have expired.
        variables, programs, versions: rows of each kind; versions are past values.
        size_bytes: size of the database (SQLite: the main file's pages; PostgreSQL: our tables with
            their indexes).
        free_bytes: the part of it that is free for reuse (SQLite).
        wal_bytes: size of the write-ahead log beside the file, most of which may wait to be written
            over (SQLite).
    """

    sessions: int
    expired_sessions: int
    variables: int
    programs: int
    versions: int
    size_bytes: int
    free_bytes: int
    wal_bytes: int


class Finding(NamedTuple):
    """What a check found: the ``kind`` of it, ``where`` it is, and a ``message`` for whoever mends it.

    Kinds of problems are "integrity", "foreign key", "trigger", "schema", "key", "session",
    "stats", "variable", "name", "constraint", "history" and "program"; kinds of notes are "type",
    "lease" and "log".
    """

    kind: str
    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What ``check`` found.

    Attributes:
        problems: what is wrong, at most the first 1000 findings; with ``repair``, what was mended
            is among them.
        notes: what is worth knowing and no damage: types that are not registered here, leases that
            ran out, a large log.
        problem_count, note_count: how many there were, also beyond those that are listed.
        repaired: how many of the problems were mended.
        schema: the revision of the schema, None where it cannot be told.
        sessions, variables, programs, versions: rows that were gone through; versions are past
            values.
        size_bytes, free_bytes, wal_bytes: as in StoreStats.
    """

    problems: list[Finding]
    notes: list[Finding]
    problem_count: int
    note_count: int
    repaired: int
    schema: str | None
    sessions: int
    variables: int
    programs: int
    versions: int
    size_bytes: int
    free_bytes: int
    wal_bytes: int

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return self.problem_count == self.repaired
