"""Hand-written ``sqlite3``: one connection, one cursor per statement, only needed statements."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

from sqlalchemy import NullPool, create_engine

from benchmarks.baselines.records import GoneError, LockedError, Record, access_is_due, check_alive
from benchmarks.workload import now, text_of
from snakestore.storage.schema.tables import Base

PRAGMAS = (
    "auto_vacuum=INCREMENTAL",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "busy_timeout=30000",
    "journal_size_limit=67108864",
    "cache_size=-8192",
)
SWEEP_BATCH = 100

_FOUND = (
    "FROM sessions AS s LEFT JOIN variables AS v ON v.session_id = s.id AND (v.id = ? OR v.name ="
    " ?) WHERE s.id = ?"
)
_SESSION = "s.last_accessed, s.ttl, s.history_limit"
_COLUMNS = (
    "v.id, v.name, v.type, v.value, v.value_blob, v.constraints, v.metadata, v.version,"
    " v.created_at, v.last_updated_at, v.optimizer_id, v.optimization_expires_at, v.access_rules"
)
GET = f"SELECT s.last_accessed, s.ttl, v.type, v.value, v.value_blob {_FOUND}"
GET_BY_NAME = (
    "SELECT s.last_accessed, s.ttl, v.type, v.value, v.value_blob FROM sessions AS s LEFT JOIN"
    " variables AS v ON v.session_id = s.id AND v.name = ? WHERE s.id = ?"
)
FIND = f"SELECT {_SESSION}, {_COLUMNS} {_FOUND}"
SESSION = f"SELECT {_SESSION} FROM sessions AS s WHERE s.id = ?"
SELECT = f"SELECT {_COLUMNS} FROM variables AS v WHERE v.session_id = ? AND"
LIST = f"SELECT {_COLUMNS} FROM variables AS v WHERE v.session_id = ? ORDER BY v.created_at, v.id"
PREFIX = (
    f"SELECT {_COLUMNS} FROM variables AS v WHERE v.session_id = ? AND v.name >= ? AND v.name < ?"
    " ORDER BY v.created_at, v.id"
)
TAKEN = (
    "SELECT 1 FROM variables WHERE session_id = ? AND id = ? UNION ALL SELECT 1 FROM variables"
    " WHERE session_id = ? AND name = ?"
)
INSERT = (
    "INSERT INTO variables (session_id, id, name, type, value, value_blob, constraints, metadata,"
    " version, created_at, last_updated_at, access_rules) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?,"
    " '[]')"
)
UPDATE = (
    "UPDATE variables SET value = ?, value_blob = ?, metadata = ?, version = version + 1,"
    " last_updated_at = ? WHERE session_id = ? AND id = ?"
)
KEEP = (
    "INSERT INTO variable_versions (session_id, variable_id, version, type, value, value_blob,"
    " metadata, created_at) SELECT session_id, id, version, type, value, value_blob, metadata,"
    " last_updated_at FROM variables WHERE session_id = ? AND id = ?"
)
PRUNE = "DELETE FROM variable_versions WHERE session_id = ? AND variable_id = ? AND version < ?"
ACCESS = (
    "UPDATE sessions SET last_accessed = max(last_accessed, ?), expires_at = max(expires_at, ?)"
    " WHERE id = ?"
)
COUNT = (
    "UPDATE sessions SET last_accessed = max(last_accessed, ?), expires_at = max(expires_at, ?),"
    " variable_count = variable_count + ?, total_variable_updates = total_variable_updates + ?"
    " WHERE id = ?"
)
EXPIRED = f"SELECT id FROM sessions WHERE expires_at < ? ORDER BY expires_at LIMIT {SWEEP_BATCH}"
PAGES_BACK = 64
SWEPT_TABLES = (
    ("variable_versions", "session_id"),
    ("variables", "session_id"),
    ("programs", "session_id"),
    ("sessions", "id"),
)


def connect(path: Path | str) -> sqlite3.Connection:
    """A connection with the pragmas that the library sets."""
    # other threads may close it
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def create_tables(path: Path) -> None:
    """Create the tables of snakestore in a new file."""
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
    Base.metadata.create_all(engine)
    engine.dispose()


def marks(count: int) -> str:
    """``count`` question marks, for IN."""
    return ", ".join("?" * count)


class SqliteBaseline:
    """The hand-written store."""

    def __init__(self, path: Path | str) -> None:
        self.connection = connect(path)

    def get_value(self, sid: str, identifier: str, *, sql: str = GET) -> Any:
        """Read a value by id or name; records the access when that is due."""
        row = self._found(sql, sid, identifier)
        return json.loads(row[3])

    def get_bytes(self, sid: str, identifier: str) -> bytes:
        """The binary form of a value."""
        blob: bytes = self._found(GET, sid, identifier)[4]
        return blob

    def get_record(self, sid: str, identifier: str) -> Record:
        """A whole variable."""
        row = self._found(FIND, sid, identifier, column=3)
        return record_of(row[3:], now())

    def list_records(self, sid: str, prefix: str | None = None) -> list[Record]:
        """All variables of a session, or those whose name starts with ``prefix``, by creation."""
        when = now()
        execute = self.connection.execute
        execute("BEGIN")
        try:
            session = execute(SESSION, (sid,)).fetchone()
            if prefix is None:
                rows = execute(LIST, (sid,)).fetchall()
            else:
                rows = execute(
                    PREFIX, (sid, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1))
                ).fetchall()
        finally:
            execute("COMMIT")
        self._accessed(sid, session, when)
        return [record_of(row, when) for row in rows]

    def update(
        self,
        sid: str,
        identifier: str,
        value: Any,
        *,
        text: str | None = None,
        blob: bytes | None = None,
    ) -> Record:
        """Store a value as a new version; ``text`` or ``blob`` is the stored form (JSON)."""
        if text is None and blob is None:
            text = json.dumps(value)
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            when = now()
            stamp = text_of(when)
            row = execute(FIND, (identifier, identifier, sid)).fetchone()
            session, record = self._writable(row, when)
            record.metadata |= {"source": "python", "updated_at": stamp}
            if session[2] != 0:
                execute(KEEP, (sid, record.id))
                if session[2] is not None:
                    execute(PRUNE, (sid, record.id, record.version + 1 - session[2]))
            execute(UPDATE, (text, blob, json.dumps(record.metadata), stamp, sid, record.id))
            execute(COUNT, (*stamps(when, session[1]), 0, 1, sid))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        record.value, record.version, record.last_updated_at = value, record.version + 1, when
        return record

    def update_many(self, sid: str, values: Mapping[str, Any]) -> dict[str, Record]:
        """Update several values in one transaction."""
        execute, executemany = self.connection.execute, self.connection.executemany
        names = list(values)
        execute("BEGIN IMMEDIATE")
        try:
            when = now()
            stamp = text_of(when)
            session = self._alive(execute(SESSION, (sid,)).fetchone(), when)
            in_list = f"IN ({marks(len(names))})"
            # two searches by key; with OR, SQLite reads the whole session
            found = f"{SELECT} v.id {in_list} UNION ALL {SELECT} v.name {in_list}"
            records = {
                record.name: record
                for record in (
                    free_record(row, when) for row in execute(found, (sid, *names, sid, *names))
                )
            }
            _all_there(records, names)
            for record in records.values():
                record.metadata |= {"source": "python", "updated_at": stamp}
            if session[2] != 0:
                executemany(KEEP, [(sid, record.id) for record in records.values()])
                if session[2] is not None:
                    executemany(
                        PRUNE,
                        [
                            (sid, record.id, record.version + 1 - session[2])
                            for record in records.values()
                        ],
                    )
            executemany(
                UPDATE,
                [
                    (
                        json.dumps(values[name]),
                        None,
                        json.dumps(record.metadata),
                        stamp,
                        sid,
                        record.id,
                    )
                    for name, record in records.items()
                ],
            )
            execute(COUNT, (*stamps(when, session[1]), 0, len(names), sid))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        for name, record in records.items():
            record.value, record.version, record.last_updated_at = (
                values[name],
                record.version + 1,
                when,
            )
        return records

    def register(
        self,
        sid: str,
        name: str,
        type_name: str,
        value: Any,
        *,
        constraints: Mapping[str, Any],
        blob: bytes | None = None,
    ) -> Record:
        """Create a variable."""
        execute = self.connection.execute
        text = None if blob is not None else json.dumps(value)
        execute("BEGIN IMMEDIATE")
        try:
            when = now()
            stamp = text_of(when)
            session = self._alive(execute(SESSION, (sid,)).fetchone(), when)
            identifier = f"var_{name}_{uuid4().hex}"
            # not covered by the unique keys: a name that is the id of another variable, or reversed
            not_taken(name, execute(TAKEN, (sid, name, sid, identifier)).fetchone())
            execute(
                INSERT,
                (
                    sid,
                    identifier,
                    name,
                    type_name,
                    text,
                    blob,
                    json.dumps(constraints),
                    "{}",
                    stamp,
                    stamp,
                ),
            )
            execute(COUNT, (*stamps(when, session[1]), 1, 1, sid))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return Record(
            identifier,
            name,
            type_name,
            value,
            dict(constraints),
            {},
            0,
            when,
            when,
            optimizing=False,
            access_rules=[],
        )

    def delete_expired(self) -> tuple[int, float]:
        """Delete expired sessions, a hundred per transaction.

        Returns their number, and the seconds of the longest transaction.
        """
        deleted, longest = 0, 0.0
        while True:
            started = perf_counter()
            count = self._sweep()
            longest = max(longest, perf_counter() - started)
            deleted += count
            if count < SWEEP_BATCH:
                self._incremental_vacuum()
                return deleted, longest

    def _incremental_vacuum(self) -> None:
        """Return free pages to the disk in steps, and checkpoint."""
        while self.connection.execute("PRAGMA freelist_count").fetchone()[0]:
            self.connection.executescript(f"PRAGMA incremental_vacuum({PAGES_BACK})")
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _sweep(self) -> int:
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            ids = [row[0] for row in execute(EXPIRED, (text_of(now()),))]
            if ids:
                for table, column in SWEPT_TABLES:
                    execute(f"DELETE FROM {table} WHERE {column} IN ({marks(len(ids))})", ids)
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return len(ids)

    def _found(self, sql: str, sid: str, identifier: str, column: int = 2) -> Sequence[Any]:
        keys = (identifier, sid) if sql is GET_BY_NAME else (identifier, identifier, sid)
        row = self.connection.execute(sql, keys).fetchone()
        self._accessed(sid, row, now())
        if row[column] is None:
            message = f"no variable {identifier}"
            raise GoneError(message)
        found: Sequence[Any] = row
        return found

    def _accessed(self, sid: str, row: Sequence[Any] | None, when: datetime) -> None:
        """Refuse a session that is not alive; record the access when that is due."""
        if row is None:
            message = "no such session"
            raise GoneError(message)
        ttl = row[1]
        idle = (when - datetime.fromisoformat(row[0])).total_seconds()
        check_alive(idle, ttl)
        if access_is_due(idle, ttl):
            self.connection.execute(ACCESS, (*stamps(when, ttl), sid))

    @staticmethod
    def _alive(row: Sequence[Any] | None, when: datetime) -> Sequence[Any]:
        if row is None:
            message = "no such session"
            raise GoneError(message)
        check_alive((when - datetime.fromisoformat(row[0])).total_seconds(), row[1])
        return row

    def _writable(self, row: Sequence[Any] | None, when: datetime) -> tuple[Sequence[Any], Record]:
        alive = self._alive(row, when)
        if alive[3] is None:
            message = "no such variable"
            raise GoneError(message)
        return alive, free_record(alive[3:], when)


def _all_there(records: Mapping[str, Record], names: Sequence[str]) -> None:
    if len(records) < len(names):
        message = "a variable is missing"
        raise GoneError(message)


def not_taken(name: str, row: Sequence[Any] | None) -> None:
    """Refuse a name that another variable has."""
    if row is not None:
        message = f"{name} is taken"
        raise ValueError(message)


def free_record(row: Sequence[Any], when: datetime) -> Record:
    """The variable of a row, which nobody may be optimising."""
    record = record_of(row, when)
    if record.optimizing:
        message = f"{record.name} is being optimised"
        raise LockedError(message)
    return record


def record_of(row: Sequence[Any], when: datetime) -> Record:
    """The variable of a row."""
    (
        identifier,
        name,
        type_name,
        text,
        blob,
        constraints,
        metadata,
        version,
        created,
        updated,
        optimizer,
        lease,
        rules,
    ) = row
    return Record(
        identifier,
        name,
        type_name,
        blob if text is None else json.loads(text),
        json.loads(constraints),
        json.loads(metadata),
        version,
        datetime.fromisoformat(created),
        datetime.fromisoformat(updated),
        optimizer is not None and (lease is None or datetime.fromisoformat(lease) > when),
        json.loads(rules),
    )


def stamps(when: datetime, ttl: float | None) -> tuple[str, str | None]:
    """A time of access and the expiry that follows from it, as stored."""
    return text_of(when), None if ttl is None else text_of(when + timedelta(seconds=ttl))
