"""Seed rows, which are the same in every file."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from benchmarks.workload import (
    BATCH,
    CONSTRAINTS_TEXT,
    HISTORY,
    METADATA_TEXT,
    NAMES,
    PLAIN,
    PLAIN_BATCH,
    READS,
    SWEPT_NAMES,
    TTL,
    UPDATED,
    UPDATES,
    long_ago,
    now,
    text_of,
)

INSERT_SESSION = (
    "INSERT INTO sessions (id, metadata, created_at, last_accessed, ttl, expires_at,"
    " last_worker_id, variable_count, program_count, total_variable_updates, history_limit) VALUES"
    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_VARIABLE = (
    "INSERT INTO variables (session_id, id, name, type, value, value_blob, constraints, metadata,"
    " version, created_at, last_updated_at, optimizer_id, optimizer_pid, optimization_started_at,"
    " optimization_expires_at, access_rules) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " ?, ?)"
)
INSERT_VERSION = (
    "INSERT INTO variable_versions (session_id, variable_id, version, type, value, value_blob,"
    " metadata, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
OTHER_SESSIONS = 100

_unique = itertools.count()


class Cursor(Protocol):
    """The methods of a driver's cursor that inserts need."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run ``sql`` once per row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sessions to create, all alike."""

    ids: Sequence[str]
    names: Sequence[str]
    history_limit: int = HISTORY
    past: int = 0  # past values per variable
    accessed: datetime


def variable_id(name: str) -> str:
    """The id of a seeded variable, which differs from its name."""
    return f"var_{name}_1f3a"


def insert(cursor: Cursor, plan: Plan) -> None:
    """Create the sessions of ``plan`` with their variables and past values."""
    _insert_sessions(cursor, plan)
    _insert_variables(cursor, plan)
    _insert_versions(cursor, plan)


def _insert_sessions(cursor: Cursor, plan: Plan) -> None:
    accessed, expires = text_of(plan.accessed), text_of(plan.accessed + timedelta(seconds=TTL))
    count = len(plan.names)
    updates = count * (plan.past + 1)
    counters = (count, 0, updates, plan.history_limit)
    cursor.executemany(
        INSERT_SESSION,
        ((sid, "{}", accessed, accessed, TTL, expires, None, *counters) for sid in plan.ids),
    )


def _insert_variables(cursor: Cursor, plan: Plan) -> None:
    accessed = text_of(plan.accessed)
    value = ("float", "0.5", None, CONSTRAINTS_TEXT, METADATA_TEXT)
    rest = (*value, plan.past, accessed, accessed, None, None, None, None, "[]")
    cursor.executemany(
        INSERT_VARIABLE,
        ((sid, variable_id(name), name, *rest) for sid in plan.ids for name in plan.names),
    )


def _insert_versions(cursor: Cursor, plan: Plan) -> None:
    value = ("float", "0.25", None, METADATA_TEXT, text_of(plan.accessed))
    cursor.executemany(
        INSERT_VERSION,
        (
            (sid, variable_id(name), number, *value)
            for sid in plan.ids
            for name in plan.names
            for number in range(plan.past)
        ),
    )


def everything(cursor: Cursor) -> None:
    """Create the sessions that the rows use, among others that they never use."""
    when = now()
    insert(
        cursor,
        Plan(
            ids=[f"other{number}" for number in range(OTHER_SESSIONS)],
            names=NAMES[:20],
            accessed=when,
        ),
    )
    insert(cursor, Plan(ids=[READS], names=NAMES, accessed=when))
    insert(cursor, Plan(ids=[PLAIN], names=UPDATED, history_limit=0, accessed=when))
    insert(cursor, Plan(ids=[PLAIN_BATCH], names=NAMES, history_limit=0, accessed=when))
    insert(cursor, Plan(ids=[UPDATES], names=UPDATED, past=HISTORY, accessed=when))
    insert(cursor, Plan(ids=[BATCH], names=NAMES, past=HISTORY, accessed=when))


def empty_session(cursor: Cursor) -> str:
    """The id of a new session without variables."""
    sid = f"fresh{next(_unique)}"
    insert(cursor, Plan(ids=[sid], names=(), accessed=now()))
    return sid


def expired_sessions(cursor: Cursor, count: int) -> None:
    """Create ``count`` expired sessions, each with ten variables."""
    insert(
        cursor,
        Plan(
            ids=[f"old{next(_unique)}" for _ in range(count)],
            names=SWEPT_NAMES,
            accessed=long_ago(),
        ),
    )


def in_file(connection: sqlite3.Connection) -> None:
    """``everything``, in one commit, into a file whose tables exist."""
    connection.execute("BEGIN IMMEDIATE")
    everything(connection.cursor())
    connection.execute("COMMIT")
