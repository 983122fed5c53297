"""The work on logs: a log of 20 entries and a long one, in one session of each file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmarks import seed
from benchmarks.implementations import Job
from benchmarks.work import Committed, Makers, logged
from benchmarks.workload import now, text_of

SESSION, SHORT, LONG = "logs", "short", "long"
SHORT_LENGTH = 20
READ = 20
TURN = {"role": "assistant", "content": "A python is a snake that kills by constriction. " * 8}
_ENTRY = '{"role":"user","content":"What is a python?"}'
_FILL = (
    "WITH RECURSIVE positions(position) AS (SELECT 0 UNION ALL SELECT position + 1 FROM positions"
    " WHERE position + 1 < ?) INSERT INTO log_entries (session_id, log_name, position, entry,"
    " created_at) SELECT ?, ?, position, ?, ? FROM positions"
)
_INSERT = (
    "INSERT INTO logs (session_id, name, length, next_position, created_at, last_updated_at)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_TRIM = (
    "DELETE FROM log_entries WHERE session_id = ? AND log_name = ? AND position < (SELECT"
    " next_position - ? FROM logs WHERE session_id = ? AND name = ?)"
)
_SHORTEN = "UPDATE logs SET length = ? WHERE session_id = ? AND name = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOperations:
    """The operations of a store; the first arguments are a session id and the name of a log."""

    append: Callable[[str, str, Any], Any]
    read_last: Callable[[str, str, int], Any]
    seeds: sqlite3.Connection


def seed_logs(connection: sqlite3.Connection, long_length: int) -> None:
    """Create the session with both logs, in a file whose tables exist."""
    stamp = text_of(now())
    with Committed(connection) as cursor:
        seed.insert(cursor, seed.Plan(ids=[SESSION], names=(), accessed=now()))
        for log, length in ((SHORT, SHORT_LENGTH), (LONG, long_length)):
            cursor.execute(_INSERT, (SESSION, log, length, length, stamp, stamp))
            cursor.execute(_FILL, (length, SESSION, log, _ENTRY, stamp))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def log_makers(start: Callable[[], LogOperations], log: str = SHORT) -> Makers:
    """The jobs of the rows about logs, on one of the two; ``start`` is called on first use."""
    operations = cache(start)

    def _append() -> Job:
        return _appending(operations(), log)

    def _read() -> Job:
        read_last = operations().read_last
        return Job(lambda times: _repeat(read_last, times, SESSION, log, READ))

    return {"append": _append, "append-long": _append, "read-last": _read, "read-last-long": _read}


def _appending(operations: LogOperations, log: str) -> Job:
    def trim(_: int) -> None:
        """Keep the short log short."""
        if log == SHORT:
            with Committed(operations.seeds) as cursor:
                cursor.execute(_TRIM, (SESSION, log, SHORT_LENGTH, SESSION, log))
                cursor.execute(_SHORTEN, (SHORT_LENGTH, SESSION, log))

    job = Job(lambda times: _repeat(operations.append, times, SESSION, log, TURN), trim)
    return logged(operations.seeds, job)


def _repeat(operation: Callable[..., Any], times: int, *arguments: Any) -> None:
    for _ in range(times):
        operation(*arguments)
