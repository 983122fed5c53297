"""What SQLAlchemy does not document is used in one module, and works as that module expects."""

from __future__ import annotations

import ast
import asyncio
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import QueuePool, StaticPool

import snakestore
from snakestore.storage import sqlalchemy_internals
from snakestore.storage.sqlalchemy_internals import (
    forget_connection,
    greenlet_spawn,
    in_autocommit,
    in_greenlet,
    keeps_prepared,
    only_connection,
    pool_limit,
    wait_for,
)
from tests.contract.backends import for_driver

PACKAGE = Path(snakestore.__file__).parent
DOCUMENTED = {
    "sqlalchemy",
    "sqlalchemy.dialects",
    "sqlalchemy.exc",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.ext.compiler",
    "sqlalchemy.orm",
    "sqlalchemy.pool",
    "sqlalchemy.schema",
    "sqlalchemy.sql.compiler",
    "sqlalchemy.sql.functions",
    "sqlalchemy.sql.operators",
    "sqlalchemy.types",
}
UNDOCUMENTED = {
    "detect_autocommit_setting",
    "_result_columns",
    "_compiled_cache",
    "_max_overflow",
    "_prepared_statement_cache",
}


def modules() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text("utf-8"))
        for path in PACKAGE.rglob("*.py")
        if path.name != "sqlalchemy_internals.py"
    }


def test_other_modules_import_documented_modules_of_sqlalchemy_only():
    imported = {
        (name, node.module)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy.")
    }

    assert len(imported) > 20
    assert {(name, module) for name, module in imported if module not in DOCUMENTED} == set()


def test_other_modules_import_no_private_names_of_sqlalchemy():
    private = {
        (name, alias.name)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
        if alias.name.startswith("_")
    }

    assert private == set()


def test_other_modules_use_no_attribute_that_is_known_to_be_undocumented():
    used = {
        (name, node.attr)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in UNDOCUMENTED
    }
    assigned = {
        (name, node.attr)
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "dbapi_connection"
        and isinstance(node.ctx, ast.Store)
    }

    assert used == assigned == set()


def test_synchronous_code_awaits_in_a_greenlet():
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    def synchronous() -> tuple[bool, int]:
        return in_greenlet(), wait_for(answer())

    assert not in_greenlet()
    assert asyncio.run(greenlet_spawn(synchronous)) == (True, 42)


def test_a_greenlet_is_distinguished_from_the_task_around_it():
    async def around() -> tuple[bool, bool]:
        return in_greenlet(), await greenlet_spawn(in_greenlet)

    assert asyncio.run(around()) == (False, True)


def test_a_pool_forgets_a_connection_without_closing_it(tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/s.db")
    given: list[sqlite3.Connection] = []

    @event.listens_for(engine, "checkout")
    def refuse_the_first(connection, entry, _proxy):
        given.append(connection)
        if len(given) == 2:
            forget_connection(entry)
            raise DisconnectionError

    engine.connect().close()
    engine.connect().close()
    engine.dispose()

    first, again, new = given
    assert first is again is not new
    assert first.execute("SELECT 1").fetchone() == (1,)  # still open
    first.close()


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({"pool_size": 5, "max_overflow": 3}, 8),
        ({"pool_size": 30, "max_overflow": 3}, 16),
        ({"pool_size": 5, "max_overflow": -1}, 16),
        ({"pool_size": 0}, 16),
        ({"poolclass": sqlalchemy.NullPool}, 16),
        ({"poolclass": sqlalchemy.StaticPool}, 1),
    ],
)
def test_a_pool_has_the_number_of_connections_that_it_opens(options, limit):
    engine = sqlalchemy.create_engine("sqlite:///unused.db", **options)

    assert pool_limit(engine.pool, 16) == limit


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_autocommit_of_postgresql_is_detected_with_every_driver(postgresql_database, driver):
    engine = sqlalchemy.create_engine(for_driver(postgresql_database, driver))
    automatic = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as plain, automatic.connect() as other:
        found = in_autocommit(plain), in_autocommit(other)
    engine.dispose()

    assert found == (False, True)


def test_autocommit_of_postgresql_is_detected_with_asyncpg(postgresql_database):
    engine = create_async_engine(for_driver(postgresql_database, "asyncpg"))
    automatic = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def look() -> tuple[bool, bool]:
        async with engine.connect() as plain, automatic.connect() as other:
            found = await plain.run_sync(in_autocommit), await other.run_sync(in_autocommit)
        await engine.dispose()
        return found

    assert asyncio.run(look()) == (False, True)


def test_asyncpg_shows_whether_its_prepared_statements_are_kept(postgresql_database):
    async def look(**arguments: int) -> bool:
        engine = create_async_engine(
            for_driver(postgresql_database, "asyncpg"), connect_args=arguments
        )
        async with engine.connect() as connection:
            found = await connection.run_sync(keeps_prepared)
        await engine.dispose()
        return found

    assert asyncio.run(look())
    assert not asyncio.run(look(prepared_statement_cache_size=0))


def test_everything_of_the_module_is_used():
    used = {
        alias.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == sqlalchemy_internals.__name__
        for alias in node.names
    }

    assert used == set(sqlalchemy_internals.__all__)


def test_the_only_connection_of_a_static_pool_is_had_without_a_checkout():
    engine = sqlalchemy.create_engine("sqlite://", poolclass=StaticPool)
    checkouts: list[object] = []
    event.listen(engine, "checkout", lambda *arguments: checkouts.append(arguments))

    driver_connection = only_connection(engine.pool)

    assert checkouts == []
    with engine.connect() as connection:
        assert connection.connection.driver_connection is driver_connection
    engine.dispose()


def test_a_pool_without_a_limit_can_be_used_after_dispose():
    engine = sqlalchemy.create_engine(
        "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=-1
    )
    in_use = engine.connect()
    for _ in range(3):
        engine.connect().close()
        engine.pool.dispose()
    in_use.close()
    [one, two, three] = [engine.connect() for _ in range(3)]

    assert one.exec_driver_sql("SELECT 1").scalar_one() == 1
    for connection in (one, two, three):
        connection.close()
    engine.dispose()
