"""Tables that Citus distributes by the session over several servers.

``SNAKESTORE_TEST_CITUS_URL`` names a cluster; the contract runs there too (tests/contract).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import URL, Connection, Engine

import snakestore
from snakestore import SessionRepository, StoreBusyError, StoreError, ValidationError
from snakestore.repository.store import distributed_sweep
from snakestore.storage.schema.revisions import HEAD, VERSION_TABLE, VIEW_NAMES
from snakestore.storage.schema.tables import Base
from tests.servers import emptied, new_schema
from tests.storage.statements import named_statements

SESSIONS = 40


@pytest.fixture
def distributed(citus_database: URL) -> URL:
    """An empty database with distributed tables."""
    emptied(citus_database)
    return citus_database


@pytest.fixture
def opened(distributed: URL) -> Iterator[Callable[..., SessionRepository]]:
    with ExitStack() as stack:

        def opened(url: URL = distributed, **options: Any) -> SessionRepository:
            return stack.enter_context(SessionRepository.open(url, **options))

        yield opened


@pytest.fixture
def repo(opened: Callable[..., SessionRepository]) -> SessionRepository:
    return opened()


@pytest.fixture
def outside(distributed: URL) -> Iterator[Connection]:
    """A connection to the coordinator that has nothing to do with snakestore, in autocommit."""
    engine = sqlalchemy.create_engine(distributed, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def workers(distributed: URL, outside: Connection) -> list[URL]:
    """The same database as each worker serves it."""
    nodes = outside.exec_driver_sql(
        "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0 ORDER BY nodeport"
    )
    return [distributed.set(host=name, port=port) for name, port in nodes]


def placements(url: URL) -> dict[str, tuple[str, int | None]]:
    """How each table is distributed, and with which others it is colocated."""
    engine = snakestore.create_engine(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT relname, partmethod::text, colocationid FROM pg_dist_partition JOIN pg_class ON"
            " pg_class.oid = logicalrelid WHERE relnamespace = current_schema()::regnamespace"
        ).all()
    engine.dispose()
    return {name: (method, colocation) for name, method, colocation in found}


def check_distributed(url: URL) -> None:
    found = placements(url)
    method, colocation = found["sessions"]
    assert method == "h"
    assert {name: found[name] for name in Base.metadata.tables} == dict.fromkeys(
        Base.metadata.tables, (method, colocation)
    )
    assert found[VERSION_TABLE][0] == "n"  # a reference table


# --- migrations


def test_every_table_is_distributed_by_the_session_and_colocated(distributed: URL) -> None:
    check_distributed(distributed)


def test_a_later_migration_distributes_what_it_creates(citus_cluster: URL) -> None:
    with new_schema(citus_cluster) as url:
        snakestore.upgrade(url, "0001", distribute=True)
        snakestore.upgrade(url)

        check_distributed(url)
        with SessionRepository.open(url) as repo:
            repo.create_session("s")
            assert repo.check().problems == []


def test_tables_with_rows_are_distributed_with_them(citus_cluster: URL) -> None:
    with new_schema(citus_cluster) as url:
        with SessionRepository.open(url, migrate=True) as repo:
            for number in range(SESSIONS):
                repo.create_session(f"s{number}")
                repo.register_variable(f"s{number}", "x", "integer", number)
        snakestore.upgrade(url, distribute=True)
        snakestore.upgrade(url, distribute=True)

        check_distributed(url)
        with SessionRepository.open(url) as repo:
            values = [repo.get_value(f"s{number}", "x") for number in range(SESSIONS)]
            assert values == list(range(SESSIONS))
            assert repo.check().problems == []


def test_distributed_tables_are_dropped_and_made_again(citus_cluster: URL) -> None:
    with new_schema(citus_cluster) as url:
        snakestore.upgrade(url, distribute=True)
        snakestore.downgrade(url, "0003")
        snakestore.upgrade(url)
        check_distributed(url)
        snakestore.downgrade(url, "base")
        snakestore.upgrade(url, distribute=True)

        assert snakestore.current(url) == HEAD


def test_partitioned_tables_are_not_distributed(citus_cluster: URL) -> None:
    with new_schema(citus_cluster) as url:
        snakestore.upgrade(url, partitions=2)

        with pytest.raises(StoreError, match=r"snakestore\.copy"):
            snakestore.upgrade(url, distribute=True)


# --- where statements go


def test_a_statement_that_names_a_session_goes_to_one_shard(distributed: URL, tmp_path) -> None:
    SessionRepository.open(tmp_path / "empty.db").close()
    snakestore.copy(tmp_path / "empty.db", distributed)  # which creates a table
    engine: Engine = snakestore.create_engine(distributed)
    tasks = {}
    with engine.connect() as connection, connection.connection.cursor() as cursor:
        for each in named_statements():
            prepared = each.compiled(engine.dialect)
            parameters = each.parameters(engine.dialect)
            if "sid" in parameters:
                cursor.execute(f"EXPLAIN {prepared.sql}", prepared.bind(parameters))
                plan = "\n".join(line for (line,) in cursor.fetchall())
                tasks[each.name] = re.findall(r"Task Count: (\d+)", plan)
    engine.dispose()

    assert len(tasks) > 50
    # which finds the next variable that has past versions, in any session after one
    assert {name.rpartition(".")[2] for name, counts in tasks.items() if counts != ["1"]} == {
        "select_owners"
    }


def test_a_store_is_used_from_every_node(
    opened: Callable[..., SessionRepository], distributed: URL, workers: list[URL]
) -> None:
    for number, url in enumerate([distributed, *workers]):
        repo = opened(url)
        repo.create_session(f"s{number}")
        repo.register_variable(f"s{number}", "x", "integer", number)
    repo = opened()

    assert [repo.get_value(f"s{number}", "x") for number in range(1 + len(workers))] == [0, 1, 2]


def test_every_view_is_read_from_every_node(
    repo: SessionRepository, distributed: URL, workers: list[URL]
) -> None:
    for number in range(3):
        repo.create_session(f"s{number}")
        repo.register_variable(f"s{number}", "x", "integer", number)
    for url in [distributed, *workers]:
        engine = snakestore.create_engine(url)
        with engine.connect() as connection:
            counts = {
                name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
                for name in VIEW_NAMES
            }
            rows = connection.exec_driver_sql("SELECT * FROM session_overview").all()
        engine.dispose()

        assert (counts["session_overview"], counts["variable_overview"]) == (3, 3)
        assert len(rows) == 3


def test_sizes_are_summed_over_the_shards(repo: SessionRepository) -> None:
    before = repo.store_stats().size_bytes
    for number in range(SESSIONS):
        repo.create_session(f"s{number}")
        repo.register_variable(f"s{number}", "x", "bytes", b"x" * 1000)

    assert repo.store_stats().size_bytes >= before + 1000 * SESSIONS


def test_a_store_is_not_copied_into_itself_by_way_of_another_node(
    distributed: URL, workers: list[URL]
) -> None:
    with pytest.raises(ValidationError, match="same database"):
        snakestore.copy(workers[0], distributed)


def test_a_store_is_copied_into_a_cluster_and_out_of_it(repo, distributed: URL, tmp_path) -> None:
    with SessionRepository.open(tmp_path / "source.db") as source:
        for number in range(SESSIONS):
            source.create_session(f"s{number}")
            source.register_variable(f"s{number}", "x", "integer", number)
    there = snakestore.copy(tmp_path / "source.db", distributed)
    again = snakestore.copy(tmp_path / "source.db", distributed)
    back = snakestore.copy(distributed, tmp_path / "target.db")

    assert (there.copied, again.copied, back.copied) == (SESSIONS, 0, SESSIONS)
    assert there.checksum == again.checksum == back.checksum
    assert placements(distributed)["snakestore_copied_sessions"][0] == "h"


# --- locks and lost connections


def test_busy_timeout_limits_waits_on_the_workers(
    opened: Callable[..., SessionRepository], repo: SessionRepository
) -> None:
    hasty = opened(busy_timeout=0.2)
    repo.create_session("s")
    began = time.monotonic()
    with repo.transaction() as transaction:
        transaction.touch("s")
        with pytest.raises(StoreBusyError):
            run_in_thread(lambda: hasty.touch("s"))

    assert time.monotonic() - began < 10


def run_in_thread(call: Callable[[], object]) -> None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except StoreError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_a_write_is_run_again_after_the_connections_to_the_workers_were_lost(
    repo: SessionRepository, workers: list[URL]
) -> None:
    repo.create_session("s")
    repo.register_variable("s", "n", "integer", 0)
    for worker in workers:
        engine = sqlalchemy.create_engine(worker, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                " current_database() AND application_name LIKE 'citus_internal%%'"
            )
        engine.dispose()

    assert repo.update_variable("s", "n", 1).version == 1
    assert repo.get_value("s", "n") == 1


# --- sweeping


def test_sweepers_on_several_nodes_share_the_work(
    opened: Callable[..., SessionRepository], distributed: URL, workers: list[URL], clock
) -> None:
    repo = opened(clock=clock)
    for number in range(SESSIONS):
        repo.create_session(f"s{number}", ttl=10)
    repo.create_session("live")
    clock.advance(11)
    counts: list[int] = []

    def sweep(url: URL) -> None:
        counts.append(opened(url, clock=clock).delete_expired(batch_size=5))

    threads = [threading.Thread(target=sweep, args=[url]) for url in [distributed, *workers]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == SESSIONS
    assert [session.id for session in repo.list_sessions(include_expired=True)] == ["live"]


def test_a_session_that_is_created_anew_after_it_was_found_is_not_deleted(
    opened: Callable[..., SessionRepository], clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, other = opened(clock=clock), opened(clock=clock)
    for sid in ("anew", "revived", "old"):
        repo.create_session(sid, ttl=10)
    clock.advance(11)
    find = distributed_sweep._find

    def find_then_create(*arguments):
        found = find(*arguments)
        run_in_thread(lambda: other.create_session("anew"))
        run_in_thread(lambda: other.revive_session("revived"))
        return found

    monkeypatch.setattr(distributed_sweep, "_find", find_then_create)

    assert repo.delete_expired() == 1
    assert [session.id for session in repo.list_sessions()] == ["anew", "revived"]


def test_a_sweep_skips_a_session_that_is_locked(
    opened: Callable[..., SessionRepository], clock
) -> None:
    repo, other = opened(clock=clock, busy_timeout=1), opened(clock=clock)
    for sid in ("locked", "old"):
        repo.create_session(sid, ttl=10)
    clock.advance(11)
    with other.transaction() as transaction:
        transaction.revive_session("locked")

        swept: list[int] = []
        run_in_thread(lambda: swept.append(repo.delete_expired(batch_size=1)))

    assert swept == [1]
    assert repo.session_exists("locked")


# --- elsewhere


def test_a_server_without_the_extension_is_refused(url: URL) -> None:
    with pytest.raises(StoreError, match="CREATE EXTENSION citus"):
        snakestore.upgrade(url, distribute=True)


def test_tables_are_partitioned_or_distributed(url: URL) -> None:
    with pytest.raises(ValidationError, match="one of the two"):
        snakestore.upgrade(url, partitions=4, distribute=True)


def test_sqlite_is_not_distributed(tmp_path) -> None:
    with pytest.raises(ValidationError, match="Citus"):
        snakestore.upgrade(tmp_path / "store.db", distribute=True)

    assert not (tmp_path / "store.db").exists()
