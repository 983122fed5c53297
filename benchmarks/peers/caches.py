"""Dictionaries on disk: diskcache and sqlitedict."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

from benchmarks.implementations import Job, Lab
from benchmarks.scattered import DOCUMENTS, Scattered, plain_sessions, scattered_makers
from benchmarks.work import BATCHES, NEW_NAMES, Bench, calling, reading, writing
from benchmarks.workload import (
    CONSTRAINTS,
    METADATA,
    NAMES,
    PLAIN,
    READS,
    SWEPT_VARIABLES,
    TTL,
    UPDATED,
)

DISKCACHE_UNEQUAL = (
    "stores a value by key, pickled unless it is a plain scalar; keys expire, but nothing is"
    " grouped into sessions; no list of a session; at random nothing expires, the record is a value"
    " and a version, and the log is checkpointed by SQLite alone"
)
SQLITEDICT_UNEQUAL = (
    "pickles; writes in its own thread with synchronous OFF; no expiry; the read and the write"
    " of an update are not one transaction"
)


def record(value: Any, version: int = 0) -> dict[str, Any]:
    """A variable as a plain document."""
    return {
        "type": "float",
        "value": value,
        "version": version,
        "constraints": CONSTRAINTS,
        "metadata": METADATA,
    }


def open_diskcache(lab: Lab) -> Bench:
    """One cache of scalars and one of whole records."""
    module = importlib.import_module("diskcache")
    values, records = (
        module.Cache(str(lab.new_path("values"))),
        module.Cache(str(lab.new_path("records"))),
    )
    expiring = module.Cache(str(lab.new_path("expiring")), cull_limit=0)  # only the sweep deletes
    for name in NAMES:
        values.set((READS, name), 0.5, expire=TTL)
        for sid in (READS, PLAIN):
            records.set((sid, name), record(0.5), expire=TTL)

    def _get_value(sid: str, name: str) -> Any:
        return values.get((sid, name))

    def _get_record(sid: str, name: str) -> Any:
        return records.get((sid, name))

    def _change(sid: str, name: str, value: Any) -> None:
        old = records.get((sid, name))
        records.set((sid, name), old | {"value": value, "version": old["version"] + 1}, expire=TTL)

    def _update(sid: str, name: str, value: Any) -> None:
        with records.transact():
            _change(sid, name, value)

    def _add(sid: str, name: str) -> None:
        records.add(f"{sid}/{name}", record(0.5), expire=TTL)

    makers = {
        "get": lambda: reading(_get_value, READS, NAMES),
        "record": lambda: reading(_get_record, READS, NAMES),
        "update-plain": lambda: writing(_update, PLAIN, UPDATED),
        "register": lambda: registering(_add),
        "batch-plain": lambda: changing_many(records.transact, _change, READS),
        "sweep": lambda: _expiring(expiring),
    }
    closers = [values.close, records.close, expiring.close]
    makers |= scattered_makers(lambda: start_scattered(lab, closers))
    return Bench(makers, closers)


def start_scattered(lab: Lab, closers: list[Callable[[], Any]]) -> Scattered:
    """A cache of values, and one of records with a version and of counters. Nothing expires."""
    module = importlib.import_module("diskcache")
    values, records = (
        module.Cache(str(lab.new_path(name)), eviction_policy="none", cull_limit=0)
        for name in ("scattered-values", "scattered-records")
    )
    closers += [values.close, records.close]
    with values.transact(), records.transact():
        for sid in plain_sessions(lab.sessions):
            for name in NAMES:
                values.set(f"{sid}/{name}", DOCUMENTS[0])
                records.set(f"{sid}/{name}", _versioned(DOCUMENTS[0], 0))

    def _get_record(sid: str, name: str) -> Any:
        return records.get(f"{sid}/{name}")

    def _change(sid: str, name: str, value: Any) -> None:
        key = f"{sid}/{name}"
        records.set(key, _versioned(value, records.get(key)["version"] + 1))

    def _update(sid: str, name: str, value: Any) -> None:
        with records.transact():
            _change(sid, name, value)
            records.incr(f"{sid}/", 1)

    def _register(sid: str, name: str, value: Any) -> None:
        with records.transact():
            records.add(f"{sid}/{name}", _versioned(value, 0))
            records.incr(f"{sid}/", 1)

    def _update_many(sid: str, changed: Mapping[str, Any]) -> None:
        with records.transact():
            for name, value in changed.items():
                _change(sid, name, value)
            records.incr(f"{sid}/", len(changed))

    return Scattered(
        sessions=lab.sessions,
        get_value=lambda sid, name: values.get(f"{sid}/{name}"),
        get_record=_get_record,
        update=_update,
        register=_register,
        update_many=_update_many,
    )


def _versioned(value: Any, version: int) -> dict[str, Any]:
    return {"value": value, "metadata": {}, "version": version}


def _expiring(cache: Any) -> Job:
    numbers = count()

    def _prepare(times: int) -> None:
        with cache.transact():
            for _ in range(times * SWEPT_VARIABLES):
                cache.set(next(numbers), record(0.5), expire=-1)

    return Job(lambda _: cache.expire(), _prepare)


def open_sqlitedict(lab: Lab) -> Bench:
    """A table of pickled records, committed after each write."""
    module = importlib.import_module("sqlitedict")
    store = module.SqliteDict(str(lab.new_path("sqlitedict.db")), journal_mode="WAL")
    for name in NAMES:
        for sid in (READS, PLAIN):
            store[f"{sid}/{name}"] = record(0.5)
    store.commit()

    def _get_value(sid: str, name: str) -> Any:
        return store[f"{sid}/{name}"]["value"]

    def _change(sid: str, name: str, value: Any) -> None:
        old = store[f"{sid}/{name}"]
        store[f"{sid}/{name}"] = old | {"value": value, "version": old["version"] + 1}

    def _update(sid: str, name: str, value: Any) -> None:
        _change(sid, name, value)
        store.commit()

    def _add(sid: str, name: str) -> None:
        store[f"{sid}/{name}"] = record(0.5)
        store.commit()

    makers = {
        "get": lambda: reading(_get_value, READS, NAMES),
        "update-plain": lambda: writing(_update, PLAIN, UPDATED),
        "register": lambda: registering(_add),
        "batch-plain": lambda: changing_many(lambda: Committing(store), _change, READS),
    }
    return Bench(makers, [store.close])


class Committing:
    """Commit at the end of a block."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Commit."""
        self.store.commit()


def registering(add: Callable[[str, str], Any]) -> Job:
    """New names in a new session each batch."""
    numbers = count()

    def _run(times: int) -> None:
        sid = f"fresh{next(numbers)}"
        for name in NEW_NAMES[:times]:
            add(sid, name)

    return Job(_run)


def changing_many(
    transaction: Callable[[], AbstractContextManager[Any]],
    change: Callable[[str, str, Any], Any],
    sid: str,
) -> Job:
    """A hundred updates in one transaction."""

    def _many(values: Mapping[str, Any]) -> None:
        with transaction():
            for name, value in values.items():
                change(sid, name, value)

    return calling(_many, BATCHES[0])
