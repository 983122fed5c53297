"""Which methods are an access of their session, and what they record."""

from __future__ import annotations

from datetime import timedelta

import pytest

from snakestore import SnakeStoreError
from tests.contract.times import A_MICROSECOND, recorded

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
