"""The hand-written programs as contenders."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine

from benchmarks import seed
from benchmarks.contenders import Lab
from benchmarks.floors.records import Record
from benchmarks.floors.sqlite import GET_BY_NAME, SqliteFloor, connect
from benchmarks.floors.threads import threaded
from benchmarks.work import Bench, Verbs, array_makers, reading, scalar_makers, writing
from benchmarks.workload import NAMES, PREFIX, READS, SIDE, UPDATED, UPDATES
from snakestore.storage.schema.tables import Base


def new_file(lab: Lab, name: str) -> Path:
    """A seeded file with our tables, made from the mapped classes."""
    path = lab.new_path(name)
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
    Base.metadata.create_all(engine)
    engine.dispose()
    floor = SqliteFloor(path)
    seed.in_file(floor.connection)
    floor.close()
    return path


def open_sqlite(lab: Lab) -> Bench:
    """The floor of most rows; it keeps arrays as JSON."""
    path = new_file(lab, "floor.db")
    floor = SqliteFloor(path)
    verbs = _verbs(floor, seeds=connect(path))

    def update(sid: str, name: str, value: Any) -> Any:
        return floor.update(sid, name, _plain(value))

    def register(
        sid: str, name: str, type_name: str, value: Any, *, constraints: Mapping[str, Any]
    ) -> Any:
        return floor.register(sid, name, type_name, _plain(value), constraints=constraints)

    return Bench(
        scalar_makers(verbs) | array_makers(replace(verbs, update=update, register=register)),
        [floor.close, verbs.seeds.close],
    )


def open_by_name(lab: Lab) -> Bench:
    """The same read for someone who knows that what he has is a name."""
    floor = SqliteFloor(new_file(lab, "by-name.db"))
    return Bench(
        {"get": lambda: reading(partial(floor.get_value, sql=GET_BY_NAME), READS, NAMES)},
        [floor.close],
    )


def open_bytes(lab: Lab) -> Bench:
    """Arrays as their bare bytes, of a length and dtype that the program knows."""
    floor = BytesFloor(new_file(lab, "bytes.db"))
    return Bench(
        array_makers(replace(_verbs(floor, seeds=floor.connection), get_value=floor.get_array)),
        [floor.close],
    )


def open_memory(_: Lab) -> Bench:
    """A database in memory."""
    floor = SqliteFloor(":memory:")
    engine = create_engine("sqlite://", creator=lambda: floor.connection)
    Base.metadata.create_all(engine)
    seed.in_file(floor.connection)
    makers = {
        "memory-get": lambda: reading(floor.get_value, READS, NAMES),
        "memory-update": lambda: writing(floor.update, UPDATES, UPDATED),
    }
    return Bench(makers, [floor.close])


def open_threaded(lab: Lab) -> Bench:
    """The floor in a worker thread."""
    path = new_file(lab, "threaded.db")
    return threaded(lambda: SqliteFloor(path), "async")


class BytesFloor(SqliteFloor):
    """The floor with arrays as bytes."""

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
        """A new variable that holds an array."""
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
        """A new array."""
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


def _verbs(floor: SqliteFloor, *, seeds: sqlite3.Connection) -> Verbs:
    return Verbs(
        get_value=floor.get_value,
        get_record=floor.get_record,
        update=floor.update,
        register=floor.register,
        update_many=floor.update_many,
        list_records=floor.list_records,
        pattern=PREFIX,
        delete_expired=lambda: floor.delete_expired()[0],
        longest_transaction=lambda: floor.delete_expired()[1],
        seeds=seeds,
    )
