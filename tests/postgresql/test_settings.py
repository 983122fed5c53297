"""Settings that others gave to a database or role: the library works as without them."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import create_async_engine

import snakestore
from snakestore import AsyncSessionRepository, OptimizationStatus, SessionRepository, StoreError
from snakestore.storage.schema.revisions import HEAD
from tests.contract.backends import for_driver
from tests.servers import new_database

SETTINGS = {
    "DateStyle": ["SQL, DMY", "German", "Postgres, MDY"],
    "TimeZone": ["Asia/Kathmandu", "America/St_Johns"],
    "IntervalStyle": ["iso_8601"],
    "extra_float_digits": ["-15"],
    "bytea_output": ["escape"],
    "quote_all_identifiers": ["on"],
    "standard_conforming_strings": ["off"],
    "client_encoding": ["LATIN1", "SQL_ASCII"],
    "default_transaction_isolation": ["repeatable read", "serializable"],
    "default_transaction_deferrable": ["on"],
    "row_security": ["off"],
    "lock_timeout": ["1ms"],
    "statement_timeout": ["20s"],
    "idle_in_transaction_session_timeout": ["20s"],
    "synchronous_commit": ["off"],
    "transform_null_equals": ["on"],
    "plan_cache_mode": ["force_generic_plan"],
}
Set = tuple[str, str, URL]
"""A setting, its value, and the database that has it."""
CASES = [(name, value) for name, values in SETTINGS.items() for value in values]
TEXT = "日本 \\ ' \" \0 𝄞 %s"
TTL = 123.456789
MOMENT = dt.datetime(1999, 12, 31, 23, 59, 59, 999999, dt.UTC)


@pytest.fixture(scope="module")
def server_and_database(postgresql_server: URL) -> Iterator[URL]:
    with new_database(postgresql_server) as url:
        yield url


@pytest.fixture(params=CASES, ids=["-".join(case) for case in CASES])
def set_by_others(request: pytest.FixtureRequest, server_and_database: URL) -> Iterator[Set]:
    """A database that has one setting of the list."""
    name, value = request.param
    url = server_and_database
    with _admin(url) as admin:
        quoted = f"'{value}'"
        admin.exec_driver_sql(f"ALTER DATABASE {url.database} SET {name} = {quoted}")
        yield name, value, url
        admin.exec_driver_sql(f"ALTER DATABASE {url.database} RESET ALL")


@contextmanager
def _admin(url: URL) -> Iterator[Connection]:
    engine = sqlalchemy.create_engine(
        url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
    )
    with engine.connect() as connection:
        yield connection


VALUES = {
    "text": ("string", TEXT),
    "number": ("float", 0.1 + 0.2),
    "whole": ("integer", 2**80),
    "vector": ("embedding", [0.1, math.pi]),
}


def _use(repo: SessionRepository) -> list[Any]:
    """Write and read every kind of cell. Returns the sessions that there are now."""
    repo.delete_session("s")
    made = repo.create_session("s", ttl=TTL, metadata={TEXT: [-0.0, TEXT]})
    held = _write(repo)
    session = repo.get_session("s")
    age = dt.datetime.now(dt.UTC) - session.created_at
    found = {name: repo.get_value("s", name) for name in VALUES}

    assert (session.ttl, session.metadata) == (TTL, made.metadata)
    assert session.created_at == made.created_at
    assert session.created_at.tzinfo is dt.UTC
    assert abs(age.total_seconds()) < 30
    assert found == {name: value for name, (_, value) in VALUES.items()}
    assert repo.get_variable("s", "past").created_at == MOMENT
    assert [each.value for each in repo.variable_history("s", "text")] == [TEXT, TEXT]
    assert held.expires_at is not None
    assert held.started_at is not None
    assert (held.expires_at - held.started_at).total_seconds() == 60.5
    assert repo.variable_names("s", "*\\*") == []
    assert repo.list_sessions("s*") == [session]
    assert repo.list_expired() == []
    report = repo.check()
    assert report.ok, report.problems
    return [session]


def _write(repo: SessionRepository) -> OptimizationStatus:
    """Write every kind of cell. Returns the lease of a variable."""
    for name, (kind, value) in VALUES.items():
        repo.register_variable("s", name, kind, value)
        repo.update_variable("s", name, value)
    past = snakestore.create_variable(
        name="past", type="json", value={TEXT: TEXT}, created_at=MOMENT
    )
    repo.put_variable("s", past)
    repo.put_variable("s", past)
    repo.put_program("s", TEXT.replace("\0", ""), {TEXT: None})
    repo.start_optimization("s", "number", "optimizer", lease=60.5)
    with repo.transaction() as transaction:
        held = transaction.get_variable("s", "number").optimization_status
        with transaction.transaction() as inner:
            inner.update_variable("s", "text", TEXT)
    return held


def test_a_repository_of_open_works_and_so_do_migrations(set_by_others: Set) -> None:
    _, _, url = set_by_others
    snakestore.upgrade(url)
    with SessionRepository.open(url) as repo:
        _use(repo)
    snakestore.downgrade(url, "base")
    snakestore.upgrade(url, partitions=2)
    with SessionRepository.open(url, migrate=True) as repo:
        _use(repo)

    assert snakestore.current(url) == HEAD
    snakestore.downgrade(url, "base")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_an_engine_of_the_users_works(set_by_others: Set, driver: str) -> None:
    name, value, url = set_by_others
    snakestore.upgrade(url)
    engine = sqlalchemy.create_engine(for_driver(url, driver))
    try:
        with SessionRepository(engine) as repo, _refused(name, value, driver):
            _use(repo)
        with engine.connect() as connection, _refused(name, value, driver):
            _use(SessionRepository(connection))
            connection.commit()
    finally:
        engine.dispose()


def _refused(name: str, value: str, driver: str) -> AbstractContextManager[Any]:
    """A block that is to be refused, where the driver cannot do without the setting's default."""
    if (value, driver) == ("SQL_ASCII", "psycopg"):
        pytest.skip("SQLAlchemy itself cannot connect so: psycopg returns bytes for texts")
    if name == "client_encoding" and driver != "asyncpg":
        return pytest.raises(StoreError, match=f"client encoding {value}.*client_encoding='utf8'")
    if (name, driver) == ("bytea_output", "pg8000"):
        return pytest.raises(StoreError, match="bytea_output = hex")
    return nullcontext()


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_an_asynchronous_engine_of_the_users_works(set_by_others: Set, driver: str) -> None:
    name, value, url = set_by_others
    snakestore.upgrade(url)

    async def use(repo: AsyncSessionRepository) -> None:
        await repo.delete_session("s")
        made = await repo.create_session("s", ttl=TTL)
        await repo.register_variable("s", "text", "string", TEXT)
        found = await repo.get_session("s")
        assert (found.created_at, found.ttl) == (made.created_at, TTL)
        assert await repo.get_value("s", "text") == TEXT
        assert (await repo.check()).ok

    async def main() -> None:
        engine = create_async_engine(for_driver(url, driver))
        try:
            with _refused(name, value, driver):
                await use(AsyncSessionRepository(engine))
        finally:
            await engine.dispose()

    asyncio.run(main())
