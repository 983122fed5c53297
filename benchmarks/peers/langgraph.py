"""LangGraph's ``SqliteStore`` and ``AsyncSqliteStore``."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from benchmarks.baselines.threads import close_loop
from benchmarks.implementations import Lab
from benchmarks.peers.caches import record, registering
from benchmarks.peers.frameworks import PRAGMAS
from benchmarks.scattered import DOCUMENTS, Scattered, plain_sessions, scattered_makers
from benchmarks.work import Bench, calling, read_by, reading, writing, written_by
from benchmarks.workload import NAMES, PLAIN, READS, UPDATED

LANGGRAPH_UNEQUAL = (
    "the read and the write of an update are two transactions; a value is one JSON document;"
    " sessions do not expire as a whole"
)


def open_sync(lab: Lab) -> Bench:
    """``SqliteStore``: a document under a namespace and a key."""
    base, module = (
        importlib.import_module("langgraph.store.base"),
        importlib.import_module("langgraph.store.sqlite"),
    )
    store = lab.stack.enter_context(
        module.SqliteStore.from_conn_string(str(lab.new_path("langgraph.db")))
    )
    store.setup()
    for pragma in PRAGMAS:
        store.conn.execute(f"PRAGMA {pragma}")
    for sid in (READS, PLAIN):
        store.batch([base.PutOp(namespace=(sid,), key=name, value=record(0.5)) for name in NAMES])

    def _get_value(sid: str, name: str) -> Any:
        return store.get((sid,), name).value["value"]

    def _get_record(sid: str, name: str) -> Any:
        return store.get((sid,), name)

    def _update(sid: str, name: str, value: Any) -> None:
        old = store.get((sid,), name).value
        store.put((sid,), name, old | {"value": value, "version": old["version"] + 1})

    def _update_many(sid: str) -> None:
        found = store.batch([base.GetOp(namespace=(sid,), key=name) for name in NAMES])
        changes = [
            (item.key, item.value | {"value": 0.25, "version": item.value["version"] + 1})
            for item in found
        ]
        store.batch(
            [base.PutOp(namespace=(sid,), key=name, value=value) for name, value in changes]
        )

    makers = {
        "get": lambda: reading(_get_value, READS, NAMES),
        "record": lambda: reading(_get_record, READS, NAMES),
        "update-plain": lambda: writing(_update, PLAIN, UPDATED),
        "register": lambda: registering(lambda sid, name: store.put((sid,), name, record(0.5))),
        "batch-plain": lambda: calling(_update_many, READS),
        "list": lambda: calling(lambda: store.search((READS,), limit=100)),
    }
    makers |= scattered_makers(lambda: _scattered(lab, base, store))
    return Bench(makers)


def _scattered(lab: Lab, base: Any, store: Any) -> Scattered:
    """The work at random, with batches wherever more than one operation is known."""
    for sid in plain_sessions(lab.sessions):
        puts = [base.PutOp((sid,), name, _versioned(DOCUMENTS[0], 0)) for name in NAMES]
        store.batch([*puts, base.PutOp(("counts",), sid, {"updates": 0})])

    def _update(sid: str, name: str, value: Any) -> None:
        _update_many(sid, {name: value})

    def _update_many(sid: str, changed: Mapping[str, Any]) -> None:
        gets = [base.GetOp((sid,), name) for name in changed]
        *found, counted = store.batch([*gets, base.GetOp(("counts",), sid)])
        puts = [
            base.PutOp((sid,), item.key, _versioned(changed[item.key], item.value["version"] + 1))
            for item in found
        ]
        count = {"updates": counted.value["updates"] + len(changed)}
        store.batch([*puts, base.PutOp(("counts",), sid, count)])

    def _register(sid: str, name: str, value: Any) -> None:
        counted = store.get(("counts",), sid)
        count = {"updates": counted.value["updates"] + 1}
        put = base.PutOp((sid,), name, _versioned(value, 0))
        store.batch([put, base.PutOp(("counts",), sid, count)])

    return Scattered(
        sessions=lab.sessions,
        get_value=lambda sid, name: store.get((sid,), name).value["value"],
        get_record=lambda sid, name: store.get((sid,), name),
        update=_update,
        register=_register,
        update_many=_update_many,
        list_records=lambda sid: store.search((sid,), limit=100),
    )


def _versioned(value: Any, version: int) -> dict[str, Any]:
    return {"value": value, "version": version}


def open_async(lab: Lab) -> Bench:
    """``AsyncSqliteStore``, which runs statements in the thread of aiosqlite."""
    base, module = (
        importlib.import_module("langgraph.store.base"),
        importlib.import_module("langgraph.store.sqlite.aio"),
    )
    loop = asyncio.new_event_loop()
    opened = module.AsyncSqliteStore.from_conn_string(str(lab.new_path("langgraph-async.db")))

    async def _opened() -> Any:
        store = await opened.__aenter__()
        await store.setup()
        for pragma in PRAGMAS:
            await store.conn.execute(f"PRAGMA {pragma}")
        for sid in (READS, PLAIN):
            await store.abatch([base.PutOp((sid,), name, record(0.5)) for name in NAMES])
        return store

    store = loop.run_until_complete(_opened())

    async def _get_value(sid: str, name: str) -> Any:
        return (await store.aget((sid,), name)).value["value"]

    async def _update(sid: str, name: str, value: Any) -> None:
        old = (await store.aget((sid,), name)).value
        await store.aput((sid,), name, old | {"value": value, "version": old["version"] + 1})

    makers = {
        "async-get": lambda: read_by(loop, _get_value, READS, NAMES),
        "async-update": lambda: written_by(loop, _update, PLAIN, UPDATED),
    }
    closing = opened.__aexit__
    return Bench(
        makers,
        [lambda: loop.run_until_complete(closing(None, None, None)), partial(close_loop, loop)],
    )
