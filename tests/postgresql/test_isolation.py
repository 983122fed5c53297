"""Locks and isolation: no update is lost at any level, and sessions do not block each other."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy
from sqlalchemy import orm, text

from snakestore import SessionExpiredError, SessionRepository, StoreBusyError, StoreError

LEVELS = {
    level: f"-c default_transaction_isolation={level.replace(' ', chr(92) + ' ')}"
    for level in ("read committed", "repeatable read", "serializable")
}


@pytest.fixture
def url(url_of_either_kind):
    """All of this holds for partitioned tables, too."""
    return url_of_either_kind


@pytest.fixture(params=LEVELS.values(), ids=[level.replace(" ", "-") for level in LEVELS])
def settings(request):
    """What a server's default isolation is."""
    return request.param


def in_threads(count, work):
    """Run ``work(number)`` in threads that start together; the errors they had."""
    errors = []
    start = threading.Barrier(count)

    def run(number):
        start.wait(30)
        try:
            work(number)
        except Exception as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return errors


def test_the_level_is_really_the_servers_default(opened, settings):
    repo = opened(settings)
    levels = []

    with repo.transaction() as transaction:
        levels.append(
            transaction._runner._connection.execute("SHOW transaction_isolation").fetchone()[0]
        )

    assert levels[0].replace(" ", "\\ ") in settings


def test_no_increment_is_lost(repo, opened, settings):
    repos = [opened(settings) for _ in range(4)]

    errors = in_threads(
        4,
        lambda number: [
            repos[number].modify_variable("s", "n", lambda value: value + 1) for _ in range(10)
        ],
    )

    assert errors == []
    assert (repo.get_value("s", "n"), repo.get_variable("s", "n").version) == (40, 40)
    assert repo.get_stats("s").total_variable_updates == 42


def test_of_many_that_make_the_same_session_one_makes_it(opened, settings):
    repos = [opened(settings) for _ in range(4)]

    errors = in_threads(4, lambda number: repos[number].create_session("new", exist_ok=True))

    assert errors == []
    assert [session.id for session in repos[0].list_sessions()] == ["new"]


def test_of_many_that_register_the_same_name_one_does(repo, opened, settings):
    repos = [opened(settings) for _ in range(4)]

    errors = in_threads(
        4, lambda number: repos[number].register_variable("s", "new", "float", 1.0, exist_ok=True)
    )

    assert errors == []
    assert repo.get_stats("s").variable_count == 3


def test_batches_over_the_same_variables_in_any_order_do_not_lock_each_other_up(
    repo, opened, settings
):
    repos = [opened(settings) for _ in range(4)]
    orders = [["x", "n"], ["n", "x"]] * 2

    errors = in_threads(
        4,
        lambda number: [
            repos[number].update_variables("s", dict.fromkeys(orders[number], number))
            for _ in range(5)
        ],
    )

    assert errors == []
    assert repo.get_value("s", "x") == repo.get_value("s", "n")
    assert repo.get_stats("s").total_variable_updates == 42


def test_only_one_optimiser_wins(repo, opened, settings):
    repos = [opened(settings) for _ in range(4)]

    errors = in_threads(
        4, lambda number: repos[number].start_optimization("s", "x", f"optimiser-{number}")
    )

    assert len(errors) == 3
    assert repo.get_variable("s", "x").optimizing


def test_sweepers_and_writers_at_any_level_share_the_work(opened, settings):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    repos = [opened(settings, clock=lambda: now) for _ in range(3)]
    for number in range(60):
        repos[0].create_session(f"old-{number:02}", ttl=1.0)
    repos[0].create_session("live", ttl=1000.0)
    now += timedelta(seconds=10)
    swept = [0, 0, 0]

    def work(number):
        swept[number] = repos[number].delete_expired(batch_size=7)
        repos[number].touch("live")

    assert in_threads(3, work) == []
    assert sum(swept) == 60
    assert [session.id for session in repos[0].list_sessions(include_expired=True)] == ["live"]


def test_a_batch_is_read_from_one_snapshot(repo, opened):
    writer, stop, torn = opened(), threading.Event(), []
    writer.update_variables("s", {"x": 0, "n": 0})

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            writer.update_variables("s", {"x": number, "n": number})

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(100):
        found = repo.get_variables("s", ["x", "n"]).found
        if found["x"].value != found["n"].value:
            torn.append(found)
    stop.set()
    thread.join(30)

    assert torn == []


def test_a_read_only_transaction_is_one_snapshot(repo, opened):
    with repo.transaction(read_only=True) as transaction:
        before = transaction.get_value("s", "x"), transaction.variable_names("s")
        opened().update_variable("s", "x", 5.0)
        opened().register_variable("s", "y", "float", 5.0)
        after = transaction.get_value("s", "x"), transaction.variable_names("s")

    assert before == after == (1.0, ["n", "x"])
    assert repo.get_value("s", "x") == 5.0


# --- who waits for whom


def test_a_read_neither_waits_for_a_writer_nor_records_beside_it(repo, opened):
    later = datetime.now(UTC) + timedelta(seconds=600)
    reader = opened(clock=lambda: later)
    with repo.transaction() as transaction:
        transaction.update_variable("s", "x", 5.0)
        started = time.monotonic()
        value, session = reader.get_value("s", "x"), reader.get_session("s")
        waited = time.monotonic() - started

    assert (value, session.last_accessed < later) == (1.0, True)
    assert waited < 2


def test_two_sessions_never_wait_for_each_other(repo, opened):
    other = opened(busy_timeout=0.2)
    with ExitStack() as stack:
        holder = stack.enter_context(repo.transaction())
        holder.update_variable("s", "x", 5.0)
        holder.create_session("mine")
        other.create_session("t")
        other.register_variable("t", "x", "float", 1.0)
        other.update_variable("t", "x", 2.0)
        other.put_program("t", "p", 1)
        swept = other.delete_expired()
        deleted = other.delete_session("t")

    assert (swept, deleted) == (0, True)


def test_a_locked_session_is_waited_for_until_busy_timeout(repo, opened):
    hasty = opened(busy_timeout=0.3)
    with repo.transaction() as transaction:
        transaction.touch("s")
        started = time.monotonic()
        with pytest.raises(StoreBusyError):
            hasty.update_variable("s", "x", 2.0)
        waited = time.monotonic() - started

    assert 0.25 < waited < 3
    assert repo.get_variable("s", "x").version == 0


def test_a_sweep_leaves_to_others_what_they_hold(opened):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    repo, sweeper = opened(clock=lambda: now), opened(clock=lambda: now, busy_timeout=0.3)
    for sid in ("a", "b", "c"):
        repo.create_session(sid, ttl=1.0)
    now += timedelta(seconds=10)
    with repo.transaction() as transaction:
        transaction.delete_session("b")
        swept = sweeper.delete_expired()

    assert swept == 2
    assert repo.list_sessions(include_expired=True) == []


# --- transactions of the caller's


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_serialization_failure_in_a_transaction_of_the_callers_says_to_run_it_again(
    url, repo, level
):
    engine = sqlalchemy.create_engine(url, isolation_level=level)
    with engine.connect() as connection:
        bound = SessionRepository(connection)
        value = bound.get_value("s", "x")
        repo.update_variable("s", "x", 5.0)

        with pytest.raises(StoreBusyError, match="roll back and run it again"):
            bound.update_variable("s", "x", value + 1)

        connection.rollback()
        bound.update_variable("s", "x", bound.get_value("s", "x") + 1)
        connection.commit()
    engine.dispose()

    assert repo.get_value("s", "x") == 6.0


@pytest.mark.parametrize(
    "bind_of", [lambda engine: engine.connect(), orm.Session], ids=["Connection", "orm.Session"]
)
def test_a_connection_in_autocommit_is_refused(url, repo, bind_of):
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with bind_of(engine) as bind:
        bound = SessionRepository(bind)

        with pytest.raises(StoreError, match="AUTOCOMMIT"):
            bound.get_value("s", "x")
        with pytest.raises(StoreError, match="AUTOCOMMIT"):
            bound.update_variable("s", "x", 2.0)
    engine.dispose()

    assert repo.get_value("s", "x") == 1.0


def test_an_engine_in_autocommit_is_refused(url, repo):
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")

    with pytest.raises(StoreError, match="AUTOCOMMIT"):
        SessionRepository(engine).update_variable("s", "x", 2.0)
    engine.dispose()

    assert repo.get_value("s", "x") == 1.0


# --- the clock


def test_the_time_is_the_servers(repo, outside):
    before = outside.execute(text("SELECT clock_timestamp()")).scalar_one()
    variable = repo.update_variable("s", "x", 2.0)
    after = outside.execute(text("SELECT clock_timestamp()")).scalar_one()

    assert before <= variable.last_updated_at <= after
    assert variable.last_updated_at.utcoffset() == timedelta(0)


def test_times_are_utc_whatever_the_servers_time_zone(url, repo):
    engine = sqlalchemy.create_engine(url, connect_args={"options": "-c timezone=Asia/Kolkata"})
    session = SessionRepository(engine).get_session("s")
    engine.dispose()

    assert session.created_at.tzinfo is UTC
    assert session.created_at == repo.get_session("s").created_at


def test_a_clock_of_the_users_is_the_one_that_counts(opened):
    now = datetime(2040, 1, 1, tzinfo=UTC)
    repo = opened(clock=lambda: now)
    session = repo.create_session("s", ttl=10.0)
    now += timedelta(seconds=11)

    assert session.created_at == datetime(2040, 1, 1, tzinfo=UTC)
    with pytest.raises(SessionExpiredError):
        repo.get_session("s")


def test_an_access_leaves_the_indexed_expiry_alone_until_it_lags(opened, outside):
    now = datetime(2040, 1, 1, tzinfo=UTC)
    repo = opened(clock=lambda: now)
    repo.create_session("s", ttl=1000.0)

    def stored():
        return outside.execute(text("SELECT expires_at FROM sessions")).scalar_one()

    seen = []
    for _ in range(3):
        now += timedelta(seconds=40)
        repo.touch("s")
        seen.append((stored() - datetime(2040, 1, 1, tzinfo=UTC)).total_seconds())

    assert seen == [1000.0, 1080.0, 1080.0]
    assert repo.get_session("s").expires_at == now + timedelta(seconds=1000)
