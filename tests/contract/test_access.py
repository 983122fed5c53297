"""What counts as an access, and when it is recorded."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import orm

import snakestore
from snakestore import SessionRepository, SnakeStoreError, StoreReadOnlyError

A_MICROSECOND = 1e-6


def recorded(repo, sid):
    """The recorded access, looked at without being one."""
    (session,) = [
        session for session in repo.list_sessions(include_expired=True) if session.id == sid
    ]
    return session.last_accessed


# --- what is one


def test_a_read_is_an_access(repo, filled, clock, reading):
    clock.advance(100)

    reading(repo, filled)

    assert recorded(repo, filled) == clock()


def test_a_write_is_an_access_however_soon_it_comes(repo, filled, clock, writing):
    clock.advance(A_MICROSECOND)

    writing(repo, filled)

    assert recorded(repo, filled) == clock()


def test_ending_an_optimisation_is_an_access(repo, filled, clock):
    repo.start_optimization(filled, "x", "opt")
    clock.advance(A_MICROSECOND)

    repo.end_optimization(filled, "x")

    assert recorded(repo, filled) == clock()


def test_an_access_moves_the_end_of_the_session(repo, filled, clock):
    clock.advance(100)

    assert repo.get_session(filled).expires_at == clock() + timedelta(hours=1)


def test_get_session_shows_the_access_that_it_is(repo, filled, clock):
    clock.advance(100)

    assert repo.get_session(filled).last_accessed == clock()


@pytest.mark.parametrize(
    "look",
    [
        lambda repo, sid: repo.session_exists(sid),
        lambda repo, sid: repo.has_variable(sid, "x"),
        lambda repo, sid: repo.has_program(sid, "p"),
        lambda repo, sid: repo.has_log(sid, "l"),
        lambda repo, sid: repo.log(sid, "l"),
        lambda repo, sid: repo.list_sessions(),
        lambda repo, sid: repo.list_sessions(sid),
        lambda repo, sid: repo.list_expired(),
        lambda repo, sid: repo.expired(sid),
        lambda repo, sid: repo.get_stats(sid),
        lambda repo, sid: repo.store_stats(),
        lambda repo, sid: repo.delete_expired(),
        lambda repo, sid: repo.session(sid),
        lambda repo, sid: "x" in repo.session(sid),
    ],
    ids=[
        "session_exists",
        "has_variable",
        "has_program",
        "has_log",
        "making-a-sequence",
        "list_sessions",
        "list_sessions-pattern",
        "list_expired",
        "expired",
        "get_stats",
        "store_stats",
        "delete_expired",
        "making-a-view",
        "in-a-view",
    ],
)
def test_looking_from_outside_is_no_access(repo, filled, clock, look):
    before = recorded(repo, filled)
    clock.advance(100)

    look(repo, filled)

    assert recorded(repo, filled) == before


@pytest.mark.parametrize(
    "delete",
    [
        lambda repo, sid: repo.delete_variable(sid, "nothing"),
        lambda repo, sid: repo.delete_program(sid, "nothing"),
        lambda repo, sid: repo.delete_log(sid, "nothing"),
        lambda repo, sid: repo.pop_log(sid, "nothing", False),
        lambda repo, sid: bool(repo.trim_log(sid, "nothing", keep_last=0)),
        lambda repo, sid: bool(repo.trim_log(sid, "l", before=0)),
        lambda repo, sid: repo.delete_variables(sid, ["nothing", ""]),
        lambda repo, sid: repo.delete_variables(sid, []),
    ],
    ids=[
        *("delete_variable", "delete_program", "delete_log", "pop_log", "trim_log"),
        *("trim-nothing", "delete_variables", "delete_variables-none"),
    ],
)
def test_deleting_what_is_not_there_is_no_access(repo, filled, clock, delete):
    before = recorded(repo, filled)
    clock.advance(100)

    answer = delete(repo, filled)

    assert answer in (False, 0)
    assert recorded(repo, filled) == before


@pytest.mark.parametrize(
    "fail",
    [
        lambda repo, sid: repo.get_variable(sid, "nothing"),
        lambda repo, sid: repo.get_value(sid, "nothing"),
        lambda repo, sid: repo.variable_history(sid, "nothing"),
        lambda repo, sid: repo.get_variable_version(sid, "x", 99),
        lambda repo, sid: repo.get_program(sid, "nothing"),
        lambda repo, sid: repo.register_variable(sid, "x", "float", 1.0),
        lambda repo, sid: repo.register_variable(sid, "new", "float", "hot"),
        lambda repo, sid: repo.update_variable(sid, "nothing", 1.0),
        lambda repo, sid: repo.update_variable(sid, "x", "hot"),
        lambda repo, sid: repo.update_variable(sid, "x", 1.0, expected_version=99),
        lambda repo, sid: repo.update_variable(sid, "x", 1.0, optimizer_id="nobody"),
        lambda repo, sid: repo.update_variables(sid, {"x": 1.0, "nothing": 1.0}),
        lambda repo, sid: repo.set_value(sid, "x", "hot"),
        lambda repo, sid: repo.set_values(sid, {"x": 1.0, "x-id": 1.0}),
        lambda repo, sid: repo.rollback_variable(sid, "x", 99),
        lambda repo, sid: repo.end_optimization(sid, "nothing"),
        lambda repo, sid: repo.put_program(sid, "p", {1: 2}),
        lambda repo, sid: repo.put_program(sid, "p", 1, expected_version=99),
        lambda repo, sid: repo.rollback_program(sid, "p", 99),
        lambda repo, sid: repo.get_program_version(sid, "p", 99),
        lambda repo, sid: repo.get_program_record(sid, "nothing"),
        lambda repo, sid: repo.read_log(sid, "nothing"),
        lambda repo, sid: repo.log_length(sid, "nothing"),
        lambda repo, sid: repo.pop_log(sid, "nothing"),
        lambda repo, sid: repo.append_log(sid, "l", [{1: 2}]),
        lambda repo, sid: repo.append_log(sid, "l", [1], expected_length=9),
        lambda repo, sid: repo.update_session(sid, metadata={"a": object()}),
        lambda repo, sid: repo.touch(sid, worker_id=""),
    ],
    ids=[
        "get_variable",
        "get_value",
        "variable_history",
        "get_variable_version",
        "get_program",
        "register-a-name-in-use",
        "register-a-wrong-value",
        "update-nothing",
        "update-wrong-value",
        "update-wrong-version",
        "update-by-nobody",
        "update_variables",
        "set-wrong-value",
        "set_values",
        "rollback_variable",
        "end_optimization",
        "put_program",
        "put_program-wrong-version",
        "rollback_program",
        "get_program_version",
        "get_program_record",
        *("read_log", "log_length", "pop_log", "append-wrong-value", "append-wrong-length"),
        "update_session",
        "touch",
    ],
)
def test_what_fails_is_no_access(repo, filled, clock, fail):
    before = recorded(repo, filled)
    clock.advance(100)

    with pytest.raises(SnakeStoreError):
        fail(repo, filled)

    assert recorded(repo, filled) == before


def test_a_function_that_raises_is_no_access(repo, filled, clock):
    before = recorded(repo, filled)
    clock.advance(100)

    with pytest.raises(ZeroDivisionError):
        repo.modify_variable(filled, "x", lambda value: value / 0)

    assert recorded(repo, filled) == before


def test_an_access_to_one_session_is_none_to_another(repo, filled, clock):
    before = recorded(repo, filled)
    repo.create_session("t")
    clock.advance(100)

    repo.touch("t")

    assert recorded(repo, filled) == before


# --- when a read is recorded


@pytest.mark.parametrize(
    ("ttl", "gap"),
    [(3600, 60), (None, 60), (600, 60), (100, 10), (50, 5), (timedelta(seconds=1), 0.1)],
)
def test_a_read_is_recorded_when_a_tenth_of_the_ttl_or_a_minute_passed(repo, clock, ttl, gap):
    start = repo.create_session("s", ttl=ttl).last_accessed
    repo.put_program("s", "p", 1)

    clock.advance(gap - A_MICROSECOND)
    repo.get_program("s", "p")
    too_soon = recorded(repo, "s")
    clock.set(start + timedelta(seconds=gap))
    repo.get_program("s", "p")

    assert too_soon == start
    assert recorded(repo, "s") == clock()


def test_a_read_too_soon_to_be_recorded_shows_the_last_one_recorded(repo, filled, clock):
    before = recorded(repo, filled)
    clock.advance(59)

    assert repo.get_session(filled).last_accessed == before


def test_the_time_counts_from_the_last_recorded_access(repo, filled, clock):
    clock.advance(59)
    repo.touch(filled)
    touched = clock()
    clock.advance(59)

    repo.get_value(filled, "x")

    assert recorded(repo, filled) == touched


def test_a_session_that_is_only_read_stays_alive(repo, filled, clock):
    for _ in range(10):
        clock.advance(1000)
        repo.get_value(filled, "x")

    assert repo.session_exists(filled)


# --- never back


def test_a_write_by_a_clock_that_stepped_back_moves_no_access_back(repo, filled, clock, writing):
    before = repo.list_sessions()[0]
    clock.advance(-500)

    writing(repo, filled)

    after = repo.list_sessions()[0]
    assert (after.last_accessed, after.expires_at) == (before.last_accessed, before.expires_at)


def test_a_read_by_a_clock_that_stepped_back_moves_no_access_back(repo, filled, clock, reading):
    before = repo.list_sessions()
    clock.advance(-500)

    reading(repo, filled)

    assert repo.list_sessions() == before


def test_exist_ok_by_a_clock_that_stepped_back_moves_no_access_back(repo, filled, clock):
    before = repo.list_sessions()
    clock.advance(-500)

    repo.create_session(filled, exist_ok=True)

    assert repo.list_sessions() == before


# --- in the way of nobody


def test_a_read_does_not_wait_for_a_writer_to_record_its_access(repo, filled, second, clock):
    clock.advance(100)
    with second.transaction() as writer:
        writer.update_variable(filled, "x", 9.0)
        started = time.monotonic()

        value = repo.get_value(filled, "x")

        waited = time.monotonic() - started
    assert value == 2.0
    assert waited < 2


def test_reads_in_a_transaction_of_the_callers_own_record_nothing(backend, clock, reading, fill):
    engine = backend.engine()
    repo = backend.resources.enter_context(SessionRepository(engine, clock=clock))
    repo.create_session("s")
    fill(repo, "s")
    before = recorded(repo, "s")
    clock.advance(100)

    with engine.connect() as connection:
        reading(SessionRepository(connection, clock=clock), "s")
        connection.commit()

    assert recorded(repo, "s") == before


@pytest.mark.parametrize(
    "bind_of", [lambda engine: engine.connect(), orm.Session], ids=["Connection", "orm.Session"]
)
def test_touch_in_a_transaction_of_the_callers_own_is_recorded_by_their_commit(
    backend, clock, bind_of
):
    engine = backend.engine()
    repo = backend.resources.enter_context(SessionRepository(engine, clock=clock))
    repo.create_session("s")
    clock.advance(1)

    with bind_of(engine) as bind:
        SessionRepository(bind, clock=clock).touch("s")
        bind.commit()

    assert recorded(repo, "s") == clock()


def test_reads_work_over_a_read_only_url(tmp_path, clock, reading, fill):
    path = tmp_path / "store.db"
    with SessionRepository.open(path, clock=clock) as repo:
        repo.create_session("s")
        fill(repo, "s")
    clock.advance(100)

    with SessionRepository.open(f"sqlite:///file:{path}?mode=ro&uri=true", clock=clock) as reader:
        reading(reader, "s")
        assert recorded(reader, "s") < clock()


def test_writes_over_a_read_only_url_are_refused(tmp_path, clock, writing, fill):
    path = tmp_path / "store.db"
    with SessionRepository.open(path, clock=clock) as repo:
        repo.create_session("s")
        fill(repo, "s")

    with SessionRepository.open(f"sqlite:///file:{path}?mode=ro&uri=true", clock=clock) as reader:
        with pytest.raises(StoreReadOnlyError):
            writing(reader, "s")

        assert reader.get_value("s", "x") == 2.0


def test_an_engine_of_create_engine_and_one_of_the_caller_record_alike(tmp_path, clock):
    with SessionRepository.open(tmp_path / "store.db", clock=clock) as repo:
        repo.create_session("s")
        clock.advance(100)
        engine = snakestore.create_engine(tmp_path / "store.db")

        SessionRepository(engine, clock=clock).get_session("s")

        engine.dispose()
        assert recorded(repo, "s") == clock()
