"""The hand-written programs as implementations."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from benchmarks import seed
from benchmarks.baselines.large_sessions import LargeSessionBaseline
from benchmarks.baselines.logs import start_logs
from benchmarks.baselines.records import Record
from benchmarks.baselines.sqlite import SqliteBaseline, connect, create_tables
from benchmarks.baselines.statements import GET_BY_NAME
from benchmarks.baselines.threads import threaded
from benchmarks.implementations import Lab
from benchmarks.logs import log_makers
from benchmarks.work import (
    Bench,
    Operations,
    array_makers,
    large_session_makers,
    reading,
    scalar_makers,
    writing,
)
from benchmarks.workload import NAMES, PREFIX, READS, SIDE, UPDATED, UPDATES
from snakestore.storage.schema.tables import Base


def new_file(lab: Lab, name: str) -> Path:
    """A seeded file with the tables of snakestore."""
    path = lab.new_path(name)
    create_tables(path)
    baseline = SqliteBaseline(path)
    seed.in_file(baseline.connection)
    baseline.close()
    return path


def open_sqlite(lab: Lab) -> Bench:
    """The baseline of most rows; arrays are stored as JSON."""
    path = new_file(lab, "baseline.db")
    baseline = LargeSessionBaseline(path)
    operations = _operations(baseline, seeds=connect(path))

    def _update(sid: str, name: str, value: Any) -> Any:
        return baseline.update(sid, name, _plain(value))

    def _register(
        sid: str, name: str, type_name: str, value: Any, *, constraints: Mapping[str, Any]
    ) -> Any:
        return baseline.register(sid, name, type_name, _plain(value), constraints=constraints)

    closers = [baseline.close, operations.seeds.close]
    return Bench(
        scalar_makers(operations)
        | array_makers(replace(operations, update=_update, register=_register))
        | large_session_makers(operations, baseline.put, baseline.newest)
        | log_makers(lambda: start_logs(lab, closers)),
        closers,
    )


def open_by_name(lab: Lab) -> Bench:
    """The same read by a program that knows that the identifier is a name."""
    baseline = SqliteBaseline(new_file(lab, "by-name.db"))
    return Bench(
        {"get": lambda: reading(partial(baseline.get_value, sql=GET_BY_NAME), READS, NAMES)},
        [baseline.close],
    )


def open_bytes(lab: Lab) -> Bench:
    """Arrays as raw bytes; the program knows their length and dtype."""
    baseline = BytesBaseline(new_file(lab, "bytes.db"))
    return Bench(
        array_makers(
            replace(_operations(baseline, seeds=baseline.connection), get_value=baseline.get_array)
        ),
        [baseline.close],
    )


def open_memory(_: Lab) -> Bench:
    """A database in memory."""
    baseline = SqliteBaseline(":memory:")
    engine = create_engine("sqlite://", creator=lambda: baseline.connection)
    Base.metadata.create_all(engine)
    seed.in_file(baseline.connection)
    makers = {
        "memory-get": lambda: reading(baseline.get_value, READS, NAMES),
        "memory-update": lambda: writing(baseline.update, UPDATES, UPDATED),
    }
    return Bench(makers, [baseline.close])


def open_threaded(lab: Lab) -> Bench:
    """The baseline in a worker thread."""
    path = new_file(lab, "threaded.db")
    return threaded(lambda: SqliteBaseline(path), "async")


class BytesBaseline(SqliteBaseline):
    """The baseline with arrays as bytes."""

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
        """Create a variable with an array."""
        return super().register(
            sid, name, type_name, value, constraints=constraints, blob=blob or _packed(value)
        )

    def update(
        self,
        sid: str,
        identifier: str,
        value: Any,
        *,
        text: str | None = None,
        blob: bytes | None = None,
    ) -> Record:
        """Replace the array and add a version."""
        return super().update(sid, identifier, value, text=text, blob=blob or _packed(value))

    def get_array(self, sid: str, identifier: str) -> Any:
        """The array: a list of floats for an embedding, a numpy array for a tensor."""
        blob = self.get_bytes(sid, identifier)
        if identifier == "embedding":
            return array("d", blob).tolist()
        import numpy as np  # noqa: PLC0415 - only these rows need it

        return np.frombuffer(blob, dtype=np.float32).reshape(SIDE, SIDE)


def _packed(value: Any) -> bytes:
    packed: bytes = array("d", value).tobytes() if isinstance(value, list) else value.tobytes()
    return packed


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _operations(baseline: SqliteBaseline, *, seeds: sqlite3.Connection) -> Operations:
    return Operations(
        get_value=baseline.get_value,
        get_record=baseline.get_record,
        update=baseline.update,
        register=baseline.register,
        update_many=baseline.update_many,
        list_records=baseline.list_records,
        pattern=PREFIX,
        delete_expired=lambda: baseline.delete_expired()[0],
        longest_transaction=lambda: baseline.delete_expired()[1],
        seeds=seeds,
    )
