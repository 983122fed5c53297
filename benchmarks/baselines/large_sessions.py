"""Hand-written ``sqlite3`` for sessions with many variables."""

from __future__ import annotations

import json

from benchmarks.baselines.records import Record
from benchmarks.baselines.rows import free_record, not_taken, record_of, stamps
from benchmarks.baselines.sqlite import SqliteBaseline
from benchmarks.baselines.statements import COUNT, KEEP, LIST, SELECT, SESSION
from benchmarks.workload import now, text_of

IDENTITIES = (
    "SELECT id, name FROM variables WHERE session_id = ? AND id IN (?, ?) UNION ALL"
    " SELECT id, name FROM variables WHERE session_id = ? AND name IN (?, ?)"
)
REPLACE = (
    "UPDATE variables SET name = ?, type = ?, value = ?, value_blob = NULL, constraints = ?,"
    " metadata = ?, version = ?, created_at = ?, last_updated_at = ?, access_rules = ?"
    " WHERE session_id = ? AND id = ?"
)
NEWEST = LIST.replace("v.created_at, v.id", "v.created_at DESC, v.id DESC LIMIT ?")


class LargeSessionBaseline(SqliteBaseline):
    """The hand-written store, with what is done to sessions of many variables."""

    def put(self, sid: str, record: Record) -> Record:
        """Replace a whole variable, whose id and name no other variable may have."""
        execute = self.connection.execute
        text, keys = json.dumps(record.value), (record.id, record.name)
        execute("BEGIN IMMEDIATE")
        try:
            when = now()
            session = self._alive(execute(SESSION, (sid,)).fetchone(), when)
            identities = execute(IDENTITIES, (sid, *keys, sid, *keys)).fetchall()
            not_taken(record.name, next((each for each in identities if each != keys), None))
            row = execute(f"{SELECT} v.id = ?", (sid, record.id)).fetchone()
            stored = free_record(row, when)
            same = json.dumps(stored.value) == text
            version = max(record.version, stored.version + (not same))
            if version != stored.version and session[2] != 0:
                execute(KEEP, (sid, record.id))
            replaced = (
                record.name,
                record.type,
                text,
                json.dumps(record.constraints),
                json.dumps(record.metadata),
                version,
                text_of(record.created_at),
                text_of(record.last_updated_at),
                json.dumps(record.access_rules),
            )
            execute(REPLACE, (*replaced, sid, record.id))
            execute(COUNT, (*stamps(when, session[1]), 0, 1, sid))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        record.version = version
        return record

    def newest(self, sid: str, count: int) -> list[Record]:
        """The newest variables of a session."""
        when = now()
        execute = self.connection.execute
        execute("BEGIN")
        try:
            session = execute(SESSION, (sid,)).fetchone()
            rows = execute(NEWEST, (sid, count)).fetchall()
        finally:
            execute("COMMIT")
        self._accessed(sid, session, when)
        return [record_of(row, when) for row in rows]
