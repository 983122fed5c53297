"""Results of repository methods that read the whole store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """Statistics of a whole store.

    Attributes:
        sessions: all sessions, including expired ones that have not been swept.
        expired_sessions: sessions that have expired and have not been swept.
        variables: variables of all sessions.
        programs: programs of all sessions.
        versions: past versions of variables and programs.
        logs: logs of all sessions.
        log_entries: entries of all logs.
        size_bytes: size of the database (SQLite: pages of the main file; PostgreSQL: snakestore's
            tables and their indexes).
        free_bytes: the part of ``size_bytes`` that is free for reuse (SQLite).
        wal_bytes: size of the write-ahead log beside the file (SQLite). Most of it may be waiting
            to be overwritten.
    """

    sessions: int
    expired_sessions: int
    variables: int
    programs: int
    versions: int
    logs: int
    log_entries: int
    size_bytes: int
    free_bytes: int
    wal_bytes: int


class Finding(NamedTuple):
    """One finding of ``check``: its ``kind``, ``where`` it is, and a ``message``.

    Problems are of the kinds "integrity", "foreign key", "trigger", "schema", "key", "session",
    "stats", "variable", "name", "constraint", "history", "program" and "log"; notes of the kinds
    "type", "pattern", "lease" and "log" (the write-ahead log).
    """

    kind: str
    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The result of ``check``.

    Attributes:
        problems: what is wrong, at most the first 1000 findings, including what was repaired.
        notes: what is worth knowing but not wrong: types that are not registered in this process,
            patterns that cannot be checked without the extra ``snakestore[patterns]``, leases that
            have expired, a large log. At most the first 1000 findings.
        problem_count: the number of all problems, listed or not.
        note_count: the number of all notes, listed or not.
        repaired: how many of the problems were repaired.
        schema: the revision of the schema; None if it cannot be read.
        sessions: sessions that were checked.
        variables: variables that were checked.
        programs: programs that were checked.
        versions: past versions of variables and programs that were checked.
        logs: logs that were checked.
        log_entries: entries of logs that were checked.
        size_bytes: as in StoreStats.
        free_bytes: as in StoreStats.
        wal_bytes: as in StoreStats.
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
    logs: int
    log_entries: int
    size_bytes: int
    free_bytes: int
    wal_bytes: int

    @property
    def ok(self) -> bool:
        """Whether there are no problems, or all were repaired."""
        return self.problem_count == self.repaired


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of ``import_sessions``; of a dry run, what an import would do.

    Attributes:
        imported: how many sessions the store did not have, or only expired.
        skipped: how many sessions were left as they are in the store.
        replaced: how many sessions took the place of one in the store.
        conflicts: the ids of all sessions of which the store has a live one, in order.
    """

    imported: int
    skipped: int
    replaced: int
    conflicts: tuple[str, ...]
