"""The backends that the contract runs on, sync and async, and which tests each one runs.

A SQLite file takes every test with each of its parameter sets. Every other backend takes only those
that are marked ``every_backend``: test_every_method.py.

With ``--full``, PostgreSQL too takes every test with each parameter set. The rest share that code
and differ in how they begin, wait and end, so that they take each test once, with one of its
parameter sets, another one for each test: every verb and every rule is met. With ``--exhaustive``
every backend takes all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
import sqlalchemy
from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import create_async_engine

import snakestore
from snakestore import AsyncSessionRepository, SessionRepository
from tests.contract.awaiting import Awaiter, Loop
from tests.selection import Extent, one_of_each
from tests.servers import emptied


class Backend(ABC):
    """A database for repositories. ``folder`` is the test's copy of what ``prepare`` created."""

    name: ClassVar[str]
    shared: ClassVar[bool] = (
        True  # may several repositories and connections work on the same data at once?
    )
    sweeps_together: ClassVar[bool] = True  # does one transaction of a sweep delete many sessions?
    whole: ClassVar[bool] = False  # does it take every parameter set of every test, with --full?
    database: ClassVar[URL | None] = (
        None  # of a server, for those that need one; set by the conftest
    )
    database_fixture: ClassVar[str | None] = None
    awaited: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.resources = ExitStack()

    @classmethod
    @abstractmethod
    def prepare(cls, folder: Path) -> None:
        """Create the empty database that tests start from. Called once per run."""

    @abstractmethod
    def open(self, **options: Any) -> SessionRepository:
        """A repository on this test's database."""

    @abstractmethod
    def engine(self) -> Engine:
        """An Engine of the caller's on a database of the present schema."""

    def second(self, repo: SessionRepository, **options: Any) -> SessionRepository:
        """Another repository, with connections of its own, on the data of ``repo``."""
        return self.open(**options)


class SqliteFile(Backend):
    """A file opened by path, with our settings."""

    name = "sqlite-file"
    whole = True

    @property
    def path(self) -> Path:
        return self.folder / "store.db"

    @classmethod
    def prepare(cls, folder: Path) -> None:
        SessionRepository.open(folder / "store.db").close()

    def open(self, **options: Any) -> SessionRepository:
        return self.resources.enter_context(SessionRepository.open(self.path, **options))

    def engine(self) -> Engine:
        engine = snakestore.create_engine(self.path)
        self.resources.callback(engine.dispose)
        return engine


class SqliteCached(SqliteFile):
    """A file whose reads are remembered."""

    name = "sqlite-file-cached"
    whole = False

    def open(self, **options: Any) -> SessionRepository:
        return super().open(**{"cache": True, **options})


class SqliteMemory(Backend):
    """A database in memory: one a repository."""

    name = "sqlite-memory"
    shared = False

    @classmethod
    def prepare(cls, folder: Path) -> None:
        """Nothing: each repository makes its own."""

    def open(self, **options: Any) -> SessionRepository:
        return self.resources.enter_context(SessionRepository.open("sqlite://", **options))

    def engine(self) -> Engine:
        engine = snakestore.create_engine("sqlite://")
        self.resources.callback(engine.dispose)
        snakestore.upgrade(engine)
        return engine


class SqlitePlainEngine(SqliteFile):
    """A file behind a plain SQLAlchemy Engine: no foreign keys, no WAL, the driver begins."""

    name = "sqlite-plain-engine"
    whole = False

    @classmethod
    def prepare(cls, folder: Path) -> None:
        engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'store.db'}")
        snakestore.upgrade(engine)
        engine.dispose()

    def open(self, **options: Any) -> SessionRepository:
        return self.resources.enter_context(SessionRepository(self.engine(), **options))

    def engine(self) -> Engine:
        engine = sqlalchemy.create_engine(f"sqlite:///{self.path}")
        self.resources.callback(engine.dispose)
        return engine


# --- PostgreSQL


class PostgreSQL(Backend):
    """A database of a server, opened by URL; emptied for each test."""

    name = "postgresql"
    whole = True
    database_fixture = "postgresql_database"
    settings: ClassVar[str | None] = None
    """Settings that its connections start with, as libpq takes them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        emptied(self.plain_url)

    @property
    def plain_url(self) -> URL:
        assert self.database is not None
        return self.database

    @property
    def url(self) -> URL:
        return (
            self.plain_url
            if self.settings is None
            else self.plain_url.update_query_dict({"options": self.settings})
        )

    @classmethod
    def prepare(cls, folder: Path) -> None:
        """Nothing: the database is the conftest's."""

    def open(self, **options: Any) -> SessionRepository:
        return self.resources.enter_context(SessionRepository.open(self.url, **options))

    def engine(self) -> Engine:
        engine = snakestore.create_engine(self.url)
        self.resources.callback(engine.dispose)
        return engine


class PostgreSQLSerializable(PostgreSQL):
    """A server whose transactions are serializable by default, as in distributed databases."""

    name = "postgresql-serializable"
    whole = False
    settings = "-c default_transaction_isolation=serializable"


class PostgreSQLPartitioned(PostgreSQL):
    """Tables partitioned by hash of the session."""

    name = "postgresql-partitioned"
    whole = False
    database_fixture = "postgresql_partitioned"


class Citus(PostgreSQL):
    """Tables distributed by the session over the nodes of a cluster."""

    name = "citus"
    whole = False
    sweeps_together = False
    database_fixture = "citus_database"


class PostgreSQLPlainEngine(PostgreSQL):
    """An Engine that the user made with SQLAlchemy alone."""

    name = "postgresql-plain-engine"
    whole = False

    def open(self, **options: Any) -> SessionRepository:
        return self.resources.enter_context(SessionRepository(self.engine(), **options))

    def engine(self) -> Engine:
        engine = sqlalchemy.create_engine(self.url)
        self.resources.callback(engine.dispose)
        return engine


# --- asyncio

_loops: list[Loop] = []


def loop() -> Loop:
    """The loop that all async backends of this process run on."""
    if not _loops:
        _loops.append(Loop())
    return _loops[0]


class Opened(Backend):
    """Opened by ``AsyncSessionRepository.open``: the verbs run in worker threads."""

    awaited = True

    @abstractmethod
    def address(self) -> Any:
        """What is opened."""

    def open(self, **options: Any) -> SessionRepository:
        async def opened() -> AsyncSessionRepository:
            return await AsyncSessionRepository.open(self.address(), **options)

        return cast("SessionRepository", self.resources.enter_context(Awaiter.open(loop(), opened)))

    def engine(self) -> Engine:
        pytest.skip("binds of the caller's own are AsyncEngines here, and have tests of their own")


class AsyncSqliteFile(Opened, SqliteFile):
    """A file."""

    name = "async-sqlite-file"
    whole = False

    def address(self) -> Any:
        return self.path


class AsyncSqliteMemory(Opened, SqliteMemory):
    """A database in memory."""

    name = "async-sqlite-memory"
    whole = False

    def address(self) -> Any:
        return "sqlite://"


class AsyncPostgreSQL(Opened, PostgreSQL):
    """A database of a server."""

    name = "async-postgresql"
    whole = False

    def address(self) -> Any:
        return self.url


class OnAsyncEngine(Opened):
    """An AsyncEngine that the user made: the verbs run in greenlets, on the event loop."""

    def open(self, **options: Any) -> SessionRepository:
        engine = create_async_engine(self.address())
        self.resources.callback(lambda: loop().call(engine.dispose))

        async def bound() -> AsyncSessionRepository:
            return AsyncSessionRepository(engine, **options)

        return cast("SessionRepository", self.resources.enter_context(Awaiter.open(loop(), bound)))


class AsyncEngineSqlite(OnAsyncEngine, SqliteFile):
    """aiosqlite."""

    name = "async-engine-aiosqlite"
    whole = False

    def address(self) -> Any:
        return f"sqlite+aiosqlite:///{self.path}"


class AsyncEnginePsycopg(OnAsyncEngine, PostgreSQL):
    """psycopg's own asyncio."""

    name = "async-engine-psycopg"
    whole = False

    def address(self) -> Any:
        return self.url


class AsyncEngineAsyncpg(OnAsyncEngine, PostgreSQL):
    """asyncpg, which takes numbered parameters and types of its own."""

    name = "async-engine-asyncpg"
    whole = False

    def address(self) -> Any:
        return for_driver(self.url, "asyncpg")


def for_driver(url: URL, driver: str) -> URL:
    """The same server for a driver that names the folder of a socket otherwise."""
    url = url.set(drivername=f"postgresql+{driver}")
    host = url.query.get("host")
    if driver == "pg8000" and isinstance(host, str) and host.startswith("/"):
        return url.set(query={"unix_sock": f"{host}/.s.PGSQL.{url.port or 5432}"}, host=None)
    return url


BACKENDS: list[type[Backend]] = [
    SqliteFile,
    SqliteCached,
    SqliteMemory,
    SqlitePlainEngine,
    PostgreSQL,
    PostgreSQLSerializable,
    PostgreSQLPartitioned,
    PostgreSQLPlainEngine,
    Citus,
    AsyncSqliteFile,
    AsyncSqliteMemory,
    AsyncPostgreSQL,
    AsyncEngineSqlite,
    AsyncEnginePsycopg,
    AsyncEngineAsyncpg,
]


def backends_for(wanted: Extent, *, every: bool) -> list[type[Backend]]:
    """Those that a test is made for; ``every``: it is marked ``every_backend``."""
    return BACKENDS if every or wanted > Extent.DEFAULT else [SqliteFile]


def taken(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests that ``--full`` runs: see the top of this file."""
    chosen: list[pytest.Item] = []
    others: dict[type[Backend], list[pytest.Item]] = {}
    for item in items:
        kind = _kind(item)
        if kind is None or kind.whole or item.get_closest_marker("every_backend") is not None:
            chosen.append(item)
        elif not (kind.awaited and _is_about_the_rest(item)):
            others.setdefault(kind, []).append(item)
    for kind, group in others.items():
        chosen.extend(one_of_each(group, salt=kind.name))
    return chosen


def _is_about_the_rest(item: pytest.Item) -> bool:
    """Whether a test is about views, which async lacks, or binds, which async tests apart."""
    return item.path.name.startswith("test_view") or "engine" in getattr(item, "fixturenames", ())


def _kind(item: pytest.Item) -> type[Backend] | None:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    kind = parameters.get("backend")
    return kind if isinstance(kind, type) and issubclass(kind, Backend) else None
