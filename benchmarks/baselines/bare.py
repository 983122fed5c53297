"""The least that one writes by hand with ``sqlite3``: what a sceptic compares with.

Two tables, and a third one for the history. A change of a value, its version and the session's
counter are one commit. There is no expiry, no recorded access, no lock and no merge of metadata.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.implementations import Lab
from benchmarks.scattered import (
    DOCUMENTS,
    KEPT_VERSIONS,
    Scattered,
    kept_sessions,
    plain_sessions,
    scattered_makers,
)
from benchmarks.work import Bench, Committed
from benchmarks.workload import NAMES, now, text_of

TABLES = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, updates INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE variables (
    session_id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, metadata TEXT NOT NULL,
    version INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    PRIMARY KEY (session_id, name)
) WITHOUT ROWID;
CREATE TABLE versions (
    session_id TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL,
    updated_at TEXT NOT NULL, PRIMARY KEY (session_id, name, version)
) WITHOUT ROWID;
"""
GET = "SELECT value FROM variables WHERE session_id = ? AND name = ?"
_COLUMNS = "SELECT name, value, metadata, version, created_at, updated_at FROM variables"
RECORD = f"{_COLUMNS} WHERE session_id = ? AND name = ?"
LIST = f"{_COLUMNS} WHERE session_id = ? ORDER BY name"
PREFIX = f"{_COLUMNS} WHERE session_id = ? AND name >= ? AND name < ? ORDER BY name"
INSERT_SESSION = "INSERT INTO sessions VALUES (?, 0)"
INSERT = "INSERT INTO variables VALUES (?, ?, ?, ?, ?, ?, ?)"
UPDATE = (
    "UPDATE variables SET value = ?, version = version + 1, updated_at = ?"
    " WHERE session_id = ? AND name = ?"
)
RETURNING = f"{UPDATE} RETURNING version"
KEEP = (
    "INSERT INTO versions SELECT session_id, name, version, value, updated_at FROM variables"
    " WHERE session_id = ? AND name = ?"
)
PRUNE = "DELETE FROM versions WHERE session_id = ? AND name = ? AND version <= ?"
PRUNE_MANY = (
    "DELETE FROM versions WHERE session_id = ? AND name = ? AND version <= (SELECT version - ?"
    " FROM variables WHERE session_id = ? AND name = ?)"
)
COUNT = "UPDATE sessions SET updates = updates + ? WHERE id = ?"
SEED_VERSION = "INSERT INTO versions VALUES (?, ?, ?, ?, ?)"


def connect(path: Path) -> sqlite3.Connection:
    """A connection in WAL mode."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 30000")
    return connection


class BareStore:
    """Variables as rows of JSON text, by the shortest SQL that stores them."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        self.connection.executescript(TABLES)

    def get_value(self, sid: str, name: str) -> Any:
        """Read the value of a variable, without a check of its session."""
        [text] = self.connection.execute(GET, (sid, name)).fetchone()
        return json.loads(text)

    def get_record(self, sid: str, name: str) -> dict[str, Any]:
        """A whole variable."""
        return _record(self.connection.execute(RECORD, (sid, name)).fetchone())

    def list_records(self, sid: str) -> list[dict[str, Any]]:
        """All variables of a session."""
        return [_record(row) for row in self.connection.execute(LIST, (sid,))]

    def list_prefix(self, sid: str, prefix: str) -> list[dict[str, Any]]:
        """The variables whose name starts with ``prefix``."""
        upper = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return [_record(row) for row in self.connection.execute(PREFIX, (sid, prefix, upper))]

    def update(self, sid: str, name: str, value: Any) -> int:
        """Store a value as a new version, which is returned."""
        execute = self.connection.execute
        with Committed(self.connection):
            [version] = execute(
                RETURNING, (json.dumps(value), text_of(now()), sid, name)
            ).fetchone()
            execute(COUNT, (1, sid))
        return int(version)

    def update_kept(self, sid: str, name: str, value: Any) -> int:
        """``update`` that keeps the last versions."""
        execute = self.connection.execute
        with Committed(self.connection):
            execute(KEEP, (sid, name))
            [version] = execute(
                RETURNING, (json.dumps(value), text_of(now()), sid, name)
            ).fetchone()
            execute(PRUNE, (sid, name, version - KEPT_VERSIONS - 1))
            execute(COUNT, (1, sid))
        return int(version)

    def update_many(self, sid: str, values: Mapping[str, Any]) -> None:
        """Update several values in one commit."""
        stamp = text_of(now())
        rows = [(json.dumps(value), stamp, sid, name) for name, value in values.items()]
        with Committed(self.connection):
            self.connection.executemany(UPDATE, rows)
            self.connection.execute(COUNT, (len(values), sid))

    def update_many_kept(self, sid: str, values: Mapping[str, Any]) -> None:
        """``update_many`` that keeps the last versions."""
        stamp = text_of(now())
        rows = [(json.dumps(value), stamp, sid, name) for name, value in values.items()]
        with Committed(self.connection):
            self.connection.executemany(KEEP, [(sid, name) for name in values])
            self.connection.executemany(UPDATE, rows)
            self.connection.executemany(
                PRUNE_MANY, [(sid, name, KEPT_VERSIONS + 1, sid, name) for name in values]
            )
            self.connection.execute(COUNT, (len(values), sid))

    def register(self, sid: str, name: str, value: Any) -> None:
        """Create a variable."""
        stamp = text_of(now())
        with Committed(self.connection):
            self.connection.execute(INSERT, (sid, name, json.dumps(value), "{}", 0, stamp, stamp))
            self.connection.execute(COUNT, (1, sid))

    def checkpoint(self) -> None:
        """Write the log into the file."""
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def seed(self, sessions: int) -> None:
        """Create the sessions."""
        stamp, text = text_of(now()), json.dumps(DOCUMENTS[0])
        plain, kept = plain_sessions(sessions), kept_sessions(sessions)
        with Committed(self.connection) as cursor:
            cursor.executemany(INSERT_SESSION, ((sid,) for sid in plain + kept))
            for sids, version in ((plain, 0), (kept, KEPT_VERSIONS)):
                cursor.executemany(
                    INSERT,
                    (
                        (sid, name, text, "{}", version, stamp, stamp)
                        for sid in sids
                        for name in NAMES
                    ),
                )
            cursor.executemany(
                SEED_VERSION,
                (
                    (sid, name, number, text, stamp)
                    for sid in kept
                    for name in NAMES
                    for number in range(KEPT_VERSIONS)
                ),
            )
        self.checkpoint()


def _record(row: Sequence[Any]) -> dict[str, Any]:
    name, text, metadata, version, created, updated = row
    return {
        "name": name,
        "value": json.loads(text),
        "metadata": json.loads(metadata),
        "version": version,
        "created_at": datetime.fromisoformat(created),
        "updated_at": datetime.fromisoformat(updated),
    }


def open_bare(lab: Lab) -> Bench:
    """The store, seeded on first use."""
    closers: list[Callable[[], Any]] = []
    return Bench(scattered_makers(lambda: start_bare(lab, closers)), closers)


def start_bare(lab: Lab, closers: list[Callable[[], Any]]) -> Scattered:
    """A store on a new seeded file."""
    store = BareStore(lab.new_path("bare.db"))
    store.seed(lab.sessions)
    closers.append(store.connection.close)
    kept = set(kept_sessions(lab.sessions))

    def _update(sid: str, name: str, value: Any) -> int:
        return (
            store.update_kept(sid, name, value) if sid in kept else store.update(sid, name, value)
        )

    def _update_many(sid: str, values: Mapping[str, Any]) -> None:
        change = store.update_many_kept if sid in kept else store.update_many
        change(sid, values)

    return Scattered(
        sessions=lab.sessions,
        get_value=store.get_value,
        get_record=store.get_record,
        update=_update,
        register=store.register,
        update_many=_update_many,
        list_records=store.list_records,
        list_prefix=store.list_prefix,
        checkpoint=store.checkpoint,
    )
