"""Hand-written ``sqlite3``: one connection, one cursor per statement, only needed statements."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

from sqlalchemy import NullPool, create_engine

from benchmarks.baselines.records import GoneError, Record, access_is_due, check_alive
from benchmarks.baselines.rows import free_record, not_taken, record_of, stamps
from benchmarks.baselines.statements import (
    ACCESS,
    COUNT,
    EXPIRED,
    FIND,
    GET,
    GET_BY_NAME,
    INSERT,
    KEEP,
    LIST,
    PREFIX,
    PRUNE,
    SELECT,
    SESSION,
    SWEEP_BATCH,
    TAKEN,
    UPDATE,
)
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
        execute("BEGIN IMMEDIATE")
        try:
            when = now()
            stamp = text_of(when)
            session = self._alive(execute(SESSION, (sid,)).fetchone(), when)
            records = self._free_records(sid, list(values), when)
            for record in records.values():
                record.metadata |= {"source": "python", "updated_at": stamp}
            if session[2] != 0:
                self._keep(sid, records.values(), session[2])
            changes = [
                (json.dumps(values[name]), None, json.dumps(record.metadata), stamp, sid, record.id)
                for name, record in records.items()
            ]
            executemany(UPDATE, changes)
            execute(COUNT, (*stamps(when, session[1]), 0, len(values), sid))
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

    def _free_records(self, sid: str, names: list[str], when: datetime) -> dict[str, Record]:
        """The variables of these ids and names, which nobody may be optimising."""
        in_list = f"IN ({marks(len(names))})"
        # two searches by key; with OR, SQLite reads the whole session
        found = f"{SELECT} v.id {in_list} UNION ALL {SELECT} v.name {in_list}"
        rows = self.connection.execute(found, (sid, *names, sid, *names))
        records = {record.name: record for record in (free_record(row, when) for row in rows)}
        if len(records) < len(names):
            message = "a variable is missing"
            raise GoneError(message)
        return records

    def _keep(self, sid: str, records: Collection[Record], limit: int | None) -> None:
        """Keep the present values in the history, of which ``limit`` remain."""
        executemany = self.connection.executemany
        executemany(KEEP, [(sid, record.id) for record in records])
        if limit is not None:
            beyond = [(sid, record.id, record.version + 1 - limit) for record in records]
            executemany(PRUNE, beyond)

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
