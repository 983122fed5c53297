from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Connection, Engine, column, insert, select, table, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from snakestore import AsyncSessionRepository, SessionRepository, StoreError, upgrade
from snakestore.storage.dialects.sqlite.begin import begin_for
from snakestore.storage.engine import create_engine

T = table("t", column("x"))


@pytest.fixture(params=["file", "memory"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(
        tmp_path / "s.db" if request.param == "file" else "sqlite://", busy_timeout=0.2
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    yield engine
    engine.dispose()


def in_transaction(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.in_transaction


def rows(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(select(T.c.x).order_by(T.c.x)))


@pytest.mark.parametrize(
    ("statement", "begin"),
    [
        ("SELECT 1", "BEGIN"),
        ("  -- a comment\n/* and\nanother */ select 1", "BEGIN"),
        ("VALUES (1)", "BEGIN"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "BEGIN"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "BEGIN IMMEDIATE"),
        ("INSERT INTO t VALUES (1)", "BEGIN IMMEDIATE"),
        ("CREATE TABLE u (x)", "BEGIN IMMEDIATE"),
        ("SAVEPOINT a", "BEGIN IMMEDIATE"),
        ("PRAGMA foreign_keys", None),
        ("explain select 1", None),
        ("VACUUM", None),
        ("ATTACH ':memory:' AS a", None),
        ("BEGIN EXCLUSIVE", None),
        ("ROLLBACK", None),
    ],
)
def test_a_statement_begins_as_it_needs(statement: str, begin: str | None) -> None:
    assert begin_for(statement) == begin


def test_telling_statements_apart_takes_no_time_on_hostile_text() -> None:
    assert begin_for(" " * 200_000 + "\0") == "BEGIN IMMEDIATE"


def test_nothing_is_begun_before_the_first_statement(engine: Engine) -> None:
    with engine.begin() as connection:
        assert not in_transaction(connection)
        connection.execute(select(T))
        assert in_transaction(connection)


def test_a_transaction_that_fails_leaves_nothing_not_even_ddl(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE u (x)")
        connection.execute(insert(T), [{"x": 1}, {"x": 2}])
        1 / 0  # noqa: B018 - it is to raise

    assert rows(engine) == []
    with engine.connect() as connection:
        assert (
            connection.exec_driver_sql(
                "SELECT count(*) FROM sqlite_master WHERE name = 'u'"
            ).scalar_one()
            == 0
        )


def test_a_savepoint_undoes_its_own_part_only(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(T).values(x=1))
        with pytest.raises(ZeroDivisionError), connection.begin_nested():
            connection.execute(insert(T).values(x=2))
            1 / 0  # noqa: B018 - it is to raise
        connection.execute(insert(T).values(x=3))

    assert rows(engine) == [1, 3]


def test_a_savepoint_comes_first_and_all_of_it_rolls_back(engine: Engine) -> None:
    with engine.connect() as connection:
        with connection.begin_nested():
            connection.execute(insert(T).values(x=1))
        connection.rollback()

    assert rows(engine) == []


def test_a_write_takes_the_lock_at_once(tmp_path: Path) -> None:
    engine = create_engine(tmp_path / "s.db", busy_timeout=0)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")

    with engine.begin() as one, engine.connect() as other:
        one.execute(text("UPDATE t SET x = 1 WHERE 0"))
        assert other.execute(select(T)).all() == []
        other.rollback()
        with pytest.raises(OperationalError, match="locked"):
            other.execute(text("UPDATE t SET x = 1 WHERE 0"))
    engine.dispose()


def test_autocommit_is_respected_and_ends_with_the_connection(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(insert(T).values(x=1))
        assert not in_transaction(connection)
    with engine.connect() as connection:
        connection.execute(insert(T).values(x=2))
        assert in_transaction(connection)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        assert driver.isolation_level is None

    assert rows(engine) == [1]


def test_an_engine_in_autocommit_is_respected(engine: Engine) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(insert(T).values(x=1))
        assert not in_transaction(connection)

    assert rows(engine) == [1]


class WithoutTransactions(sqlite3.Connection):
    """What Python 3.12 gives for ``autocommit=True``, on every Python."""

    autocommit = True  # type: ignore[assignment]


since_3_12 = pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 added autocommit")


@pytest.mark.parametrize(
    "arguments",
    [
        {"factory": WithoutTransactions},
        pytest.param({"autocommit": True}, marks=since_3_12),
    ],
    ids=["attribute", "argument"],
)
def test_a_driver_whose_commit_does_nothing_is_refused(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    upgrade(tmp_path / "s.db")
    plain = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 's.db'}", connect_args=arguments)

    with pytest.raises(StoreError, match="autocommit=True"):
        SessionRepository(plain).create_session("s")
    with plain.connect() as connection, pytest.raises(StoreError, match="autocommit=True"):
        SessionRepository(connection).create_session("s")
    with pytest.raises(StoreError, match="autocommit=True"):
        upgrade(plain, "head")
    plain.dispose()


@since_3_12
@pytest.mark.parametrize("autocommit", [True, False])
def test_a_commit_of_aiosqlite_that_does_nothing_is_refused(
    tmp_path: Path, autocommit: bool
) -> None:
    upgrade(tmp_path / "s.db")

    async def create() -> None:
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{tmp_path / 's.db'}", connect_args={"autocommit": autocommit}
        )
        try:
            await AsyncSessionRepository(engine).create_session("s")
        finally:
            await engine.dispose()

    with pytest.raises(StoreError, match="autocommit=True") if autocommit else nullcontext():
        asyncio.run(create())
    with SessionRepository.open(tmp_path / "s.db", busy_timeout=1) as repo:
        assert repo.session_exists("s") is not autocommit


def test_a_pragma_runs_outside_a_transaction_as_it_must(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 0


def test_a_begin_of_the_users_own_is_joined(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        connection.execute(insert(T).values(x=1))
        connection.commit()

    assert rows(engine) == [1]
