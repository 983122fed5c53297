"""Hand-written ``psycopg``: statements prepared by the driver, the session's row locked first."""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from benchmarks import seed
from benchmarks.baselines.records import GoneError, LockedError, Record, access_is_due, check_alive
from benchmarks.baselines.threads import threaded
from benchmarks.implementations import Job, Lab
from benchmarks.postgres_server import server_in
from benchmarks.relay import distant
from benchmarks.work import Bench, reading, writing
from benchmarks.workload import NAMES, READS, ROUND_TRIP, UPDATED, UPDATES
from snakestore import create_engine
from snakestore.storage.schema.tables import Base

GET = (
    "SELECT s.last_accessed, s.ttl, clock_timestamp(), v.type, v.value, v.value_blob FROM sessions"
    " AS s LEFT JOIN variables AS v ON v.session_id = s.id AND (v.id = %s OR v.name = %s) WHERE"
    " s.id = %s"
)
# two statements: after waiting for the lock, only a new statement sees the other's changes
LOCK_SESSION = (
    "SELECT last_accessed, ttl, history_limit, expires_at, clock_timestamp() FROM sessions WHERE id"
    " = %s FOR UPDATE"
)
FIND = (
    "SELECT id, name, type, constraints::text, metadata::text, version, created_at, optimizer_id,"
    " optimization_expires_at, access_rules::text FROM variables WHERE session_id = %s AND (id = %s"
    " OR name = %s)"
)
KEEP = (
    "INSERT INTO variable_versions (session_id, variable_id, version, type, value, value_blob,"
    " metadata, created_at) SELECT session_id, id, version, type, value, value_blob, metadata,"
    " last_updated_at FROM variables WHERE session_id = %s AND id = %s"
)
PRUNE = "DELETE FROM variable_versions WHERE session_id = %s AND variable_id = %s AND version < %s"
UPDATE = (
    "UPDATE variables SET value = %s, metadata = %s, version = version + 1, last_updated_at = %s"
    " WHERE session_id = %s AND id = %s"
)
COUNT = (
    "UPDATE sessions SET last_accessed = greatest(last_accessed, %s), total_variable_updates ="
    " total_variable_updates + 1 WHERE id = %s"
)
COUNT_AND_MOVE = (
    "UPDATE sessions SET last_accessed = greatest(last_accessed, %s), expires_at ="
    " greatest(expires_at, %s), total_variable_updates = total_variable_updates + 1 WHERE id = %s"
)
ACCESS = (
    "UPDATE sessions SET last_accessed = greatest(last_accessed, %s), expires_at ="
    " greatest(expires_at, %s) WHERE id = %s"
)


class PostgresBaseline:
    """The hand-written store on PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.connection = importlib.import_module("psycopg").connect(url, autocommit=True)
        self.connection.execute("SET TIME ZONE 'UTC'")

    def get_value(self, sid: str, identifier: str) -> Any:
        """Read a value by id or name; records the access when that is due."""
        row = self.connection.execute(GET, (identifier, identifier, sid)).fetchone()
        if row is None or row[3] is None:
            message = f"no variable {identifier}"
            raise GoneError(message)
        accessed, ttl, when = row[:3]
        idle = (when - accessed).total_seconds()
        check_alive(idle, ttl)
        if access_is_due(idle, ttl):
            self.connection.execute(
                ACCESS, (when, None if ttl is None else when + timedelta(seconds=ttl), sid)
            )
        return json.loads(row[4])

    def update(self, sid: str, identifier: str, value: Any) -> Record:
        """Store a value as a new version."""
        execute = self.connection.execute
        execute("BEGIN")
        try:
            session = execute(LOCK_SESSION, (sid,)).fetchone()
            accessed, ttl, limit, expires, when = session
            check_alive((when - accessed).total_seconds(), ttl)
            record = _record(execute(FIND, (sid, identifier, identifier)).fetchone(), value, when)
            if limit != 0:
                execute(KEEP, (sid, record.id))
                if limit is not None:
                    execute(PRUNE, (sid, record.id, record.version - limit))
            execute(UPDATE, (json.dumps(value), json.dumps(record.metadata), when, sid, record.id))
            later = None if ttl is None else when + timedelta(seconds=ttl)
            # the indexed column moves only when it lags, so that most updates of the session touch
            # no index
            if later is not None and (later - expires).total_seconds() > min(ttl / 10, 60.0):
                execute(COUNT_AND_MOVE, (when, later, sid))
            else:
                execute(COUNT, (when, sid))
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return record

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class PercentCursor:
    """A cursor for seeds, whose statements use question marks."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run ``sql`` once per row."""
        return self.cursor.executemany(sql.replace("?", "%s"), list(rows))


def new_database(lab: Lab, name: str, *, tables: bool = False) -> str:
    """The URL of a new database on a private server, which the first call starts.

    The tables and the seed rows are created on request.
    """
    server = lab.shared.get("postgres")
    if server is None:
        # not in the lab's directory: see server_in
        directory = lab.stack.enter_context(
            tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True)
        )
        server = lab.stack.enter_context(server_in(Path(directory)))
        lab.shared["postgres"] = server
    with importlib.import_module("psycopg").connect(
        server.get_uri(), autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        lab.shared["postgres version"] = connection.execute("SHOW server_version").fetchone()[0]
    url: str = server.get_uri(database=name)
    if tables:
        engine = create_engine(sqlalchemy_url(url))
        Base.metadata.create_all(engine)
        engine.dispose()
        fill(url)
    return url


def distant_database(lab: Lab, url: str) -> str:
    """The URL of a database of the private server as from afar, without waits for its disk."""
    folder = lab.stack.enter_context(tempfile.TemporaryDirectory(prefix="pg"))
    settings = {"options": "-csynchronous_commit=off"}
    hurried = make_url(url).update_query_dict(settings).render_as_string(hide_password=False)
    return lab.stack.enter_context(distant(hurried, Path(folder), ROUND_TRIP))


def sqlalchemy_url(url: str) -> str:
    """The same database as a URL of SQLAlchemy with psycopg."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def fill(url: str) -> None:
    """``seed.everything``, in one commit, into a database whose tables exist."""
    with importlib.import_module("psycopg").connect(url) as connection:
        seed.everything(PercentCursor(connection.cursor()))
    with importlib.import_module("psycopg").connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def open_postgres(lab: Lab) -> Bench:
    """The baseline of the rows on PostgreSQL."""
    url = new_database(lab, "baseline", tables=True)
    baseline = PostgresBaseline(url)
    closers = [baseline.close]

    def _update_afar() -> Job:
        distant_baseline = PostgresBaseline(distant_database(lab, url))
        closers.append(distant_baseline.close)
        return writing(distant_baseline.update, UPDATES, UPDATED)

    makers = {
        "postgres-get": lambda: reading(baseline.get_value, READS, NAMES),
        "postgres-update": lambda: writing(baseline.update, UPDATES, UPDATED),
        "postgres-update-afar": _update_afar,
    }
    return Bench(makers, closers)


def open_threaded(lab: Lab) -> Bench:
    """The same, in a worker thread."""
    url = new_database(lab, "threaded_baseline", tables=True)
    return threaded(lambda: PostgresBaseline(url), "async-postgres")


def _record(row: Sequence[Any] | None, value: Any, when: Any) -> Record:
    if row is None:
        message = "no such variable"
        raise GoneError(message)
    (
        identifier,
        name,
        type_name,
        constraints,
        metadata,
        version,
        created,
        optimizer,
        lease,
        rules,
    ) = row
    if optimizer is not None and (lease is None or lease > when):
        message = f"{name} is being optimised"
        raise LockedError(message)
    merged = json.loads(metadata) | {"source": "python", "updated_at": when.isoformat()}
    optimizing = False
    return Record(
        identifier,
        name,
        type_name,
        value,
        json.loads(constraints),
        merged,
        version + 1,
        created,
        when,
        optimizing,
        json.loads(rules),
    )
