"""One holder per variable: it starts, renews its lease and ends. Reads are free."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import (
    InvalidNameError,
    SessionNotFoundError,
    ValidationError,
    VariableLockedError,
    VariableNotFoundError,
)

YEAR = 366 * 86_400


# --- start


def test_starting_shows_who_optimises_since_when_and_until_when(repo, sid, clock):
    started = repo.start_optimization(sid, "x", "opt", "pid-7", lease=60)

    assert started.optimizing is True
    status = started.optimization_status
    assert (status.optimizing, status.optimizer_id, status.optimizer_pid) == (True, "opt", "pid-7")
    assert status.started_at == clock()
    assert status.expires_at == clock() + timedelta(seconds=60)
    assert repo.get_variable(sid, "x") == started
    assert repo.list_variables(sid) == [started]
    assert repo.get_variables(sid, ["x"]).found == {"x": started}


def test_without_a_lease_it_lasts_until_it_is_ended(repo, sid, clock):
    assert repo.start_optimization(sid, "x", "opt").optimization_status.expires_at is None

    clock.advance(50 * YEAR)

    assert repo.get_variable(sid, "x").optimizing is True
    with pytest.raises(VariableLockedError):
        repo.update_variable(sid, "x", 9)


def test_a_process_id_may_be_a_number(repo, sid):
    repo.start_optimization(sid, "x", "opt", 4711)

    assert str(repo.get_variable(sid, "x").optimization_status.optimizer_pid) == "4711"


def test_start_and_end_change_neither_value_nor_version_nor_stats(repo, sid, clock):
    before, stats = repo.get_variable(sid, "x"), repo.get_stats(sid)

    repo.start_optimization(sid, "x", "opt", lease=60)
    repo.end_optimization(sid, "x", "opt")

    assert repo.get_variable(sid, "x") == before
    assert repo.get_stats(sid) == stats
    assert len(repo.variable_history(sid, "x")) == 1


def test_start_and_end_count_as_access(repo, sid, clock):
    for write in (
        lambda: repo.start_optimization(sid, "x", "opt"),
        lambda: repo.end_optimization(sid, "x"),
    ):
        clock.advance(1)
        write()
        assert repo.list_sessions()[0].last_accessed == clock()


def test_an_optimiser_may_be_an_enum_member(repo, sid):
    class Optimiser(enum.Enum):
        MIPRO = "mipro"

    repo.start_optimization(sid, "x", Optimiser.MIPRO)

    assert repo.get_variable(sid, "x").optimization_status.optimizer_id == "mipro"
    assert repo.update_variable(sid, "x", 9, optimizer_id=Optimiser.MIPRO).value == 9


@pytest.mark.parametrize("optimizer_id", ["", "x" * 256, "a\0b", "\ud800", None, 5])
def test_an_optimiser_needs_a_name(repo, sid, optimizer_id):
    with pytest.raises(InvalidNameError):
        repo.start_optimization(sid, "x", optimizer_id)

    assert not repo.get_variable(sid, "x").optimizing


@pytest.mark.parametrize("lease", [-1, float("nan"), "60", True])
def test_a_lease_is_a_time_to_come(repo, sid, lease):
    with pytest.raises(ValidationError):
        repo.start_optimization(sid, "x", "opt", lease=lease)

    assert not repo.get_variable(sid, "x").optimizing


def test_what_is_not_there_cannot_be_optimised(repo, sid):
    for verb in (lambda s, v: repo.start_optimization(s, v, "opt"), repo.end_optimization):
        with pytest.raises(VariableNotFoundError):
            verb(sid, "absent")
        with pytest.raises(SessionNotFoundError):
            verb("nobody", "x")


# --- one holder


def test_another_is_refused_with_the_holder_and_the_end_of_its_lease(repo, sid, clock):
    held = repo.start_optimization(sid, "x", "opt", lease=60)

    with pytest.raises(VariableLockedError) as caught:
        repo.start_optimization(sid, "var_x", "other")

    assert (caught.value.session_id, caught.value.holder) == (sid, "opt")
    assert caught.value.expires_at == clock() + timedelta(seconds=60)
    assert repo.get_variable(sid, "x") == held


def test_the_holder_renews_its_lease(repo, sid, clock):
    repo.start_optimization(sid, "x", "opt", lease=60)
    clock.advance(50)

    renewed = repo.start_optimization(sid, "x", "opt", lease=60)

    assert renewed.optimization_status.expires_at == clock() + timedelta(seconds=60)
    clock.advance(50)
    with pytest.raises(VariableLockedError):
        repo.start_optimization(sid, "x", "other")


def test_the_holder_may_turn_a_lease_into_one_without_end(repo, sid, clock):
    repo.start_optimization(sid, "x", "opt", lease=60)

    repo.start_optimization(sid, "x", "opt")
    clock.advance(YEAR)

    assert repo.get_variable(sid, "x").optimization_status.expires_at is None
    assert repo.get_variable(sid, "x").optimizing


def test_another_takes_over_when_the_lease_ran_out(repo, sid, clock):
    repo.start_optimization(sid, "x", "opt", lease=60)
    clock.advance(61)

    taken = repo.start_optimization(sid, "x", "other", lease=30)

    status = taken.optimization_status
    assert (status.optimizer_id, status.started_at, status.expires_at) == (
        "other",
        clock(),
        clock() + timedelta(seconds=30),
    )


def test_a_lease_is_the_variables_own(repo, sid):
    repo.register_variable(sid, "y", "integer", 1)
    repo.start_optimization(sid, "x", "opt")

    repo.update_variable(sid, "y", 2)
    repo.start_optimization(sid, "y", "other")

    assert repo.get_variable(sid, "y").optimization_status.optimizer_id == "other"


# --- reads


def test_reads_are_free(repo, sid):
    repo.start_optimization(sid, "x", "opt")

    assert repo.get_value(sid, "x") == 2
    assert repo.has_variable(sid, "x")
    assert repo.variable_names(sid) == ["x"]
    assert [past.value for past in repo.variable_history(sid, "x")] == [1]
    assert repo.get_variable_version(sid, "x", 0).value == 1


def test_a_lease_that_ran_out_is_shown_nowhere(repo, sid, clock):
    free = repo.get_variable(sid, "x")
    repo.start_optimization(sid, "x", "opt", lease=60)
    clock.advance(61)

    assert repo.get_variable(sid, "x").optimizing is False
    assert repo.list_variables(sid)[0].optimizing is False
    assert repo.get_variables(sid, ["x"]).found["x"].optimizing is False
    assert repo.update_variable(sid, "x", free.value).optimizing is False


def test_a_lease_is_shown_until_it_runs_out(repo, sid, clock):
    repo.start_optimization(sid, "x", "opt", lease=60)
    clock.advance(59.999)

    assert repo.get_variable(sid, "x").optimizing is True


# --- end


@pytest.mark.parametrize("who", [None, "opt"])
def test_the_holder_or_a_caller_without_an_id_ends_it(repo, sid, who):
    before = repo.get_variable(sid, "x")
    repo.start_optimization(sid, "x", "opt", lease=60)

    ended = repo.end_optimization(sid, "x", who)

    assert ended == repo.get_variable(sid, "x") == before


def test_one_who_does_not_hold_it_cannot_end_it(repo, sid):
    held = repo.start_optimization(sid, "x", "opt")

    with pytest.raises(VariableLockedError) as caught:
        repo.end_optimization(sid, "x", "other")

    assert caught.value.holder == "opt"
    assert repo.get_variable(sid, "x") == held


def test_ending_what_is_free_changes_nothing(repo, sid):
    before = repo.get_variable(sid, "x")

    assert repo.end_optimization(sid, "x") == before


@pytest.mark.parametrize("lease", [60, timedelta(days=36_525)], ids=["minute", "century"])
def test_a_lease_taken_close_to_the_end_of_time_runs_until_then(repo, sid, clock, lease):
    clock.set(datetime.max.replace(tzinfo=UTC) - timedelta(seconds=5))

    taken = repo.start_optimization(sid, "x", "opt", lease=lease)

    assert taken.optimization_status.expires_at == datetime.max.replace(tzinfo=UTC)
    assert repo.get_variable(sid, "x").optimizing
    with pytest.raises(VariableLockedError):
        repo.update_variable(sid, "x", 9)


def test_a_lease_has_run_out_at_its_very_end(repo, sid, clock):
    repo.register_variable(sid, "leased", "float", 0.5)
    repo.start_optimization(sid, "leased", "opt", lease=10)

    clock.advance(9.999999)
    assert repo.get_variable(sid, "leased").optimizing
    clock.advance(0.000001)
    assert not repo.get_variable(sid, "leased").optimizing
