"""PgBouncer: everything works without configuration where connections are lent by transaction."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import snakestore
from snakestore import (
    AsyncSessionRepository,
    SessionRepository,
    StoreError,
    ValidationError,
    create_engine,
)
from snakestore.storage.schema.revisions import HEAD
from tests.cli.conftest import Cli
from tests.contract.conftest import READS, WRITES, fill
from tests.postgresql.pgbouncer import pgbouncer, session_settings
from tests.servers import new_database

Pooled = Callable[..., URL]
DEFAULT_THRESHOLD = 5
"""psycopg's."""


@pytest.fixture(scope="module")
def lending(postgresql_server: URL) -> Iterator[URL]:
    """The server through a PgBouncer that has two connections and lends them by transaction."""
    with pgbouncer(postgresql_server, mode="transaction", pool_size=2) as url:
        yield url


@pytest.fixture
def through(lending: URL, url: URL) -> URL:
    """The database with our tables, through that."""
    return lending.set(drivername=url.drivername, database=url.database)


def _count(repo: SessionRepository, name: str, times: int) -> None:
    for _ in range(times):
        repo.modify_variable("s", name, lambda value: value + 1)
        repo.get_value("s", name)


def _counters(repo: SessionRepository, number: int) -> list[str]:
    names = [f"n{each}" for each in range(number)]
    repo.create_session("s")
    for name in names:
        repo.register_variable("s", name, "integer", 0)
    return names


def _in_threads(work: Callable[[str], Any], names: list[str]) -> list[BaseException]:
    errors: list[BaseException] = []

    def run(name: str) -> None:
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def test_threads_count_without_an_error_or_a_loss(
    through: URL, opened: Callable[..., SessionRepository]
) -> None:
    direct = opened()
    names = _counters(direct, 6)

    with SessionRepository.open(through) as repo:
        errors = _in_threads(lambda name: _count(repo, name, 20), names)

    assert errors == []
    assert [direct.get_value("s", name) for name in names] == [20] * 6
    assert direct.check().ok


_COUNTING = """
import sys
from snakestore import SessionRepository
with SessionRepository.open(sys.argv[1]) as repo:
    for _ in range(30):
        with repo.transaction() as tx:
            tx.modify_variable("s", "n0", lambda value: value + 1)
        repo.modify_variable("s", sys.argv[2], lambda value: value + 1)
        repo.get_value("s", "n0")
"""


def test_processes_that_share_two_connections_count_without_a_loss(
    through: URL, opened: Callable[..., SessionRepository]
) -> None:
    direct = opened()
    _counters(direct, 4)
    arguments = [sys.executable, "-c", _COUNTING, through.render_as_string(hide_password=False)]

    processes = [subprocess.Popen([*arguments, f"n{number}"]) for number in (1, 2, 3)]
    codes = [process.wait(60) for process in processes]

    assert codes == [0, 0, 0]
    assert [direct.get_value("s", f"n{number}") for number in range(4)] == [90, 30, 30, 30]
    assert direct.check().ok


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("verb", [*READS, *WRITES])
def test_every_method_works(request: pytest.FixtureRequest, url: URL, mode: str, verb: str) -> None:
    server = request.getfixturevalue("lending" if mode == "transaction" else "lending_sessions")
    address = server.set(drivername=url.drivername, database=url.database)
    with SessionRepository.open(address) as repo:
        repo.create_session("s")
        fill(repo, "s")

        for _ in range(DEFAULT_THRESHOLD + 2 if verb in READS else 1):
            (READS | WRITES)[verb](repo, "s")


@pytest.fixture(scope="module")
def lending_sessions(postgresql_server: URL) -> Iterator[URL]:
    """The server through a PgBouncer that lends connections until their clients close them."""
    with pgbouncer(postgresql_server, mode="session", pool_size=4) as url:
        yield url


def test_a_pooler_that_lends_by_statement_is_refused_at_once(
    postgresql_server: URL, url: URL
) -> None:
    with pgbouncer(postgresql_server, mode="statement", pool_size=2) as server:
        address = server.set(drivername=url.drivername, database=url.database)
        with pytest.raises(StoreError, match="lend connections for whole transactions"):
            SessionRepository.open(address).create_session("s")


# --- settings and prepared statements


def test_no_setting_is_left_on_a_connection(postgresql_server: URL, url: URL) -> None:
    with pgbouncer(postgresql_server, mode="transaction", pool_size=1) as server:
        address = server.set(drivername=url.drivername, database=url.database)
        before = session_settings(address)
        with SessionRepository.open(address, busy_timeout=2) as repo:
            repo.create_session("s")
            fill(repo, "s")
            repo.get_value("s", "x")
            repo.check()

        assert session_settings(address) == before
        assert "lock_timeout" not in before


def test_a_lock_is_waited_for_no_longer_than_busy_timeout(
    through: URL, opened: Callable[..., SessionRepository]
) -> None:
    direct = opened()
    _counters(direct, 1)

    with SessionRepository.open(through, busy_timeout=0.3) as repo, direct.transaction() as holder:
        holder.touch("s")
        with pytest.raises(snakestore.StoreBusyError, match="stayed locked"):
            repo.update_variable("s", "n0", 1)


def _threshold(address: URL, **query: str) -> int | None:
    engine = create_engine(address.update_query_dict(query))
    with engine.connect() as connection:
        threshold: int | None = connection.connection.driver_connection.prepare_threshold  # type: ignore[union-attr]
    engine.dispose()
    return threshold


def test_statements_are_prepared_unless_there_is_a_pooler_or_the_url_says_otherwise(
    through: URL, url: URL
) -> None:
    assert _threshold(url) == DEFAULT_THRESHOLD
    assert _threshold(through) is None
    for address in (url, through):
        assert _threshold(address, prepare_threshold="7") == 7
        assert _threshold(address, prepare_threshold="None") is None


@pytest.mark.parametrize("threshold", ["", "-1", "many", "1.5", "٣"])
def test_a_prepare_threshold_that_is_no_number_is_refused(url: URL, threshold: str) -> None:
    address = url.update_query_dict({"prepare_threshold": threshold})

    with pytest.raises(ValidationError, match="prepare_threshold"):
        SessionRepository.open(address)


def test_no_statement_that_controls_a_transaction_is_prepared(
    opened: Callable[..., SessionRepository],
) -> None:
    repo = opened(max_connections=1)
    _counters(repo, 1)
    for _ in range(DEFAULT_THRESHOLD + 2):
        repo.update_variable("s", "n0", 1)
        repo.variable_names("s")
        with repo.transaction() as transaction:
            transaction.update_variable("s", "n0", 1)
            with transaction.transaction() as inner:
                inner.update_variable("s", "n0", 1)
    with repo.transaction(read_only=True) as transaction:
        prepared = transaction._runner._connection.execute(  # type: ignore[attr-defined]
            "SELECT statement FROM pg_prepared_statements"
        ).fetchall()

    words = {statement.split()[0] for (statement,) in prepared}
    assert words
    assert words <= {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}


# --- other ways in


def test_databases_are_created_migrated_and_copied_through_a_pooler(
    lending: URL, postgresql_server: URL, tmp_path: Path
) -> None:
    cli = Cli()
    with SessionRepository.open(tmp_path / "source.db") as source:
        source.create_session("s")
        fill(source, "s")
    with new_database(postgresql_server) as database:
        address = lending.set(drivername="postgresql", database=database.database)
        shown = address.render_as_string(hide_password=False)
        cli("db", "upgrade", shown)
        report = snakestore.copy(tmp_path / "source.db", address)
        cli("copy", shown, str(tmp_path / "target.db"))
        cli("set", shown, "s", "x", "7.5")
        current = snakestore.current(address)
        snakestore.downgrade(address, "base")
        snakestore.upgrade(address, partitions=2)

    assert (report.copied, current) == (1, HEAD)
    with SessionRepository.open(tmp_path / "target.db") as target:
        assert target.get_value("s", "x") == 2.0


@pytest.fixture
def engine(through: URL) -> Iterator[Engine]:
    """A user's engine that knows nothing of the pooler."""
    engine = sqlalchemy.create_engine(through)
    yield engine
    engine.dispose()


def test_an_engine_of_the_users_counts_without_an_error_or_a_loss(
    engine: Engine, opened: Callable[..., SessionRepository]
) -> None:
    direct = opened()
    names = _counters(direct, 4)

    errors = _in_threads(lambda name: _count(SessionRepository(engine), name, 20), names)
    with engine.connect() as connection:
        repo = SessionRepository(connection)
        for name in names:
            _count(repo, name, 10)
        connection.commit()
        driver_connection: Any = connection.connection.driver_connection
        assert driver_connection.prepare_threshold == DEFAULT_THRESHOLD

    assert errors == []
    assert [direct.get_value("s", name) for name in names] == [30] * 4


@asynccontextmanager
async def _async_engine(url: URL, driver: str) -> AsyncIterator[AsyncEngine]:
    options: dict[str, Any] = {}
    if driver == "asyncpg":
        options = {
            "connect_args": {
                "prepared_statement_cache_size": 0,
                "statement_cache_size": 0,
                "prepared_statement_name_func": lambda: f"__asyncpg_{uuid.uuid4()}__",
            },
        }
    engine = create_async_engine(url.set(drivername=f"postgresql+{driver}"), **options)
    try:
        yield engine
    finally:
        await engine.dispose()


@pytest.mark.parametrize("way", ["open", "psycopg", "asyncpg"])
def test_tasks_count_without_an_error_or_a_loss(
    through: URL, opened: Callable[..., SessionRepository], way: str
) -> None:
    direct = opened()
    names = _counters(direct, 4)

    async def count(repo: AsyncSessionRepository) -> None:
        async def work(name: str) -> None:
            for _ in range(15):
                await repo.modify_variable("s", name, lambda value: value + 1)
                await repo.get_value("s", name)

        await asyncio.gather(*map(work, names))

    async def main() -> None:
        if way == "open":
            async with AsyncSessionRepository.open(through) as repo:
                await count(repo)
        else:
            async with _async_engine(through, way) as engine:
                await count(AsyncSessionRepository(engine))

    asyncio.run(main())

    assert [direct.get_value("s", name) for name in names] == [15] * 4


def test_asyncpg_that_keeps_prepared_statements_is_refused_with_the_arguments(through: URL) -> None:
    async def main() -> None:
        engine = create_async_engine(through.set(drivername="postgresql+asyncpg"))
        try:
            repo = AsyncSessionRepository(engine)
            with pytest.raises(StoreError, match="'prepared_statement_cache_size': 0"):
                await repo.create_session("s")
            async with engine.connect() as connection:
                with pytest.raises(StoreError, match="'statement_cache_size': 0"):
                    await AsyncSessionRepository(connection).create_session("s")
        finally:
            await engine.dispose()

    asyncio.run(main())
