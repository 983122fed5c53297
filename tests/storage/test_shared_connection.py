"""Repositories on one database in memory share its connection, in turns."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy
from sqlalchemy.pool import StaticPool

import snakestore
from snakestore import SessionRepository, StoreBusyError


@pytest.fixture(params=["create_engine", "plain engine"])
def engine(request):
    if request.param == "create_engine":
        engine = snakestore.create_engine("sqlite://")
    else:
        engine = sqlalchemy.create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
    snakestore.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def repos(engine):
    repos = [SessionRepository(engine, busy_timeout=20) for _ in range(2)]
    repos[0].create_session("s", ttl=None)
    repos[0].register_variable("s", "count", "integer", 0)
    return repos


def test_no_repository_sees_what_another_has_not_committed(repos):
    one, other = repos
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.append(other.get_value("s", "count")))
    with pytest.raises(KeyError), one.transaction() as transaction:
        transaction.update_variable("s", "count", 1)
        reader.start()
        reader.join(0.05)
        assert seen == []
        raise KeyError
    reader.join(20)

    assert seen == [0]


def test_threads_of_several_repositories_lose_nothing(repos):
    counted = [0] * 4

    def work(number: int) -> None:
        for _ in range(50):
            repos[number % 2].modify_variable("s", "count", lambda value: value + 1)
            counted[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert counted == [50] * 4
    assert repos[1].get_value("s", "count") == 200


def test_a_reader_gets_its_turn_beside_a_thread_that_writes_without_pause(repos):
    stop = threading.Event()
    writes = 0

    def write() -> None:
        nonlocal writes
        while not stop.is_set():
            repos[0].update_variable("s", "count", 1)
            writes += 1

    writer = threading.Thread(target=write)
    writer.start()
    while writes < 5:
        time.sleep(0.001)
    before = writes
    for _ in range(50):
        repos[1].get_value("s", "count")
    between = writes - before
    stop.set()
    writer.join(60)

    assert between <= 200  # about one write between two reads


def test_waiting_for_the_connection_ends_after_busy_timeout(engine, repos):
    impatient = SessionRepository(engine, busy_timeout=0.05)
    with repos[0].transaction(), pytest.raises(StoreBusyError, match="only connection"):
        impatient.get_value("s", "count")

    assert impatient.get_value("s", "count") == 0


def test_a_transaction_of_the_engines_owner_is_neither_read_nor_ended(engine, repos):
    impatient = SessionRepository(engine, busy_timeout=0.05)
    with engine.connect() as connection:
        connection.exec_driver_sql("UPDATE variables SET value = '7'")
        for use in (
            lambda: impatient.get_value("s", "count"),
            lambda: impatient.update_variable("s", "count", 1),
        ):
            with pytest.raises(StoreBusyError, match="transaction on the engine's only connection"):
                use()
        connection.commit()

    assert impatient.get_value("s", "count") == 7


def test_an_error_leaves_the_database_usable(repos):
    one, other = repos

    def fail(_value: int) -> int:
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            one.modify_variable("s", "count", fail)
        with pytest.raises(ZeroDivisionError), other.transaction() as transaction:
            transaction.modify_variable("s", "count", fail)

    assert one.modify_variable("s", "count", lambda value: value + 1).value == 1
    assert other.get_value("s", "count") == 1


def test_a_repository_that_is_collected_rolls_nothing_of_another_back(engine, repos):
    forgotten = SessionRepository(engine)
    forgotten.get_value("s", "count")
    with repos[0].transaction() as transaction:
        transaction.update_variable("s", "count", 1)
        del forgotten

    assert repos[1].get_value("s", "count") == 1


@pytest.mark.parametrize("engine", ["create_engine"], indirect=True)
def test_the_cache_sees_what_others_change_over_the_same_connection(engine, repos):
    cached = SessionRepository(engine, cache=True)
    seen = []
    for value in range(1, 4):
        cached.get_value("s", "count")
        repos[0].update_variable("s", "count", value)
        seen.append(cached.get_value("s", "count"))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE variables SET value = '7'")
    seen.append(cached.get_value("s", "count"))

    assert seen == [1, 2, 3, 7]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_call_beside_a_block_of_another_repository_is_refused_at_once(repos, read_only):
    one, other = repos
    started = time.monotonic()
    with one.transaction(read_only=read_only):
        for call in (lambda: other.touch("s"), lambda: other.get_value("s", "count")):
            with pytest.raises(StoreBusyError, match="would deadlock: this thread"):
                call()

    assert time.monotonic() - started < 10
    assert other.get_value("s", "count") == 0


def test_a_function_of_modify_variable_cannot_wait_for_another_repository(repos):
    one, other = repos

    with pytest.raises(StoreBusyError, match="would deadlock: this thread"):
        one.modify_variable("s", "count", lambda _: other.get_value("s", "count"))

    assert other.get_value("s", "count") == 0
