"""Hand-written logs: the same rows as the library's, by the same statements."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from benchmarks.baselines.rows import stamps
from benchmarks.baselines.sqlite import SqliteBaseline, connect, create_tables
from benchmarks.baselines.statements import ACCESS
from benchmarks.implementations import Lab
from benchmarks.logs import LogOperations, seed_logs
from benchmarks.workload import now, text_of

FIND = (
    "SELECT s.last_accessed, s.ttl, l.length, l.next_position FROM sessions AS s LEFT JOIN logs AS"
    " l ON l.session_id = s.id AND l.name = ? WHERE s.id = ?"
)
UPDATE = (
    "UPDATE logs SET length = ?, next_position = ?, last_updated_at = ? WHERE session_id = ? AND"
    " name = ?"
)
INSERT = (
    "INSERT INTO log_entries (session_id, log_name, position, entry, created_at) VALUES (?, ?, ?,"
    " ?, ?)"
)
LAST = (
    "SELECT position, entry, created_at FROM log_entries WHERE session_id = ? AND log_name = ?"
    " ORDER BY position DESC LIMIT ?"
)


class LogBaseline(SqliteBaseline):
    """Logs by hand."""

    def append(self, sid: str, log: str, value: Any) -> int:
        """Append one entry to a log that exists. Returns the length."""
        text = json.dumps(value)
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            when = now()
            stamp = text_of(when)
            _, ttl, length, position = self._alive(execute(FIND, (log, sid)).fetchone(), when)
            execute(UPDATE, (length + 1, position + 1, stamp, sid, log))
            execute(INSERT, (sid, log, position, text, stamp))
            execute(ACCESS, (*stamps(when, ttl), sid))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        appended: int = length + 1
        return appended

    def read_last(self, sid: str, log: str, count: int) -> list[tuple[int, Any, datetime]]:
        """The newest entries, in order: position, value and time."""
        when = now()
        execute = self.connection.execute
        execute("BEGIN")
        try:
            session = execute(FIND, (log, sid)).fetchone()
            rows = execute(LAST, (sid, log, count)).fetchall()
        finally:
            execute("COMMIT")
        self._accessed(sid, session, when)
        return [
            (position, json.loads(text), datetime.fromisoformat(created))
            for position, text, created in reversed(rows)
        ]


def start_logs(lab: Lab, closers: list[Callable[[], Any]]) -> LogOperations:
    """Logs by hand, in a file of their own."""
    path = lab.new_path("baseline-logs.db")
    create_tables(path)
    seeds = connect(path)
    seed_logs(seeds, lab.long_log)
    baseline = LogBaseline(path)
    closers += [baseline.close, seeds.close]
    return LogOperations(append=baseline.append, read_last=baseline.read_last, seeds=seeds)
