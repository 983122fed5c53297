"""LeaseMethods: one holder per variable, who alone may write it. Reads are free."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import (
    BatchError,
    InvalidNameError,
    LeaseLostError,
    SessionNotFoundError,
    ValidationError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
)

YEAR = 366 * 86_400


@pytest.fixture
def sid(repo):
    """A session that outlives every lease, with the variable ``x`` at version 1."""
    session = repo.create_session("s", ttl=None)
    repo.register_variable(session.id, "x", "integer", 1, id="var_x")
    repo.update_variable(session.id, "x", 2)
    return session.id


WRITES = {
    "put": lambda repo, sid, **who: repo.put_variable(
        sid, dataclasses.replace(repo.get_variable(sid, "x"), value=9), **who
    ),
    "update": lambda repo, sid, **who: repo.update_variable(sid, "x", 9, **who),
    "set": lambda repo, sid, **who: repo.set_value(sid, "x", 9, **who),
    "modify": lambda repo, sid, **who: repo.modify_variable(
        sid, "x", lambda value: value + 7, **who
    ),
    "rollback": lambda repo, sid, **who: repo.rollback_variable(sid, "x", 0, **who),
    "delete": lambda repo, sid, **who: repo.delete_variable(sid, "x", **who),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


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


# --- renewal


def test_a_lease_is_renewed_while_it_is_held(repo, sid, clock):
    started = clock()
    repo.start_optimization(sid, "x", "opt", "pid-7", lease=60)
    clock.advance(59)

    renewed = repo.renew_optimization(sid, "var_x", "opt", lease=10)

    status = renewed.optimization_status
    assert renewed == repo.get_variable(sid, "x")
    assert (status.optimizer_id, status.optimizer_pid) == ("opt", "pid-7")
    assert (status.started_at, status.expires_at) == (started, clock() + timedelta(seconds=10))


def test_a_renewal_may_shorten_a_lease_or_take_its_end_away(repo, sid, clock):
    repo.start_optimization(sid, "x", "opt", lease=60)

    shorter = repo.renew_optimization(sid, "x", "opt", lease=timedelta(seconds=1))
    endless = repo.renew_optimization(sid, "x", "opt", lease=None)

    assert shorter.optimization_status.expires_at == clock() + timedelta(seconds=1)
    assert endless.optimization_status.expires_at is None


def test_a_renewal_changes_neither_value_nor_version_nor_stats_and_is_an_access(repo, sid, clock):
    held, stats = repo.start_optimization(sid, "x", "opt", lease=60), repo.get_stats(sid)
    clock.advance(1)

    renewed = repo.renew_optimization(sid, "x", "opt", lease=59)

    assert renewed == held
    assert repo.get_stats(sid) == stats
    assert repo.list_sessions()[0].last_accessed == clock()


def lost_by(how, repo, sid, clock):
    """``opt`` holds no lease on ``x``; who does."""
    if how != "never":
        repo.start_optimization(sid, "x", "opt", lease=60)
    if how in ("ran out", "taken"):
        clock.advance(60)
        repo.touch(sid)
    if how == "ended":
        repo.end_optimization(sid, "x")
    if how == "taken":
        repo.start_optimization(sid, "x", "other", lease=60)
    return "other" if how == "taken" else None


@pytest.mark.parametrize("how", ["never", "ran out", "ended", "taken"])
def test_a_lease_that_is_not_held_is_not_renewed(repo, sid, clock, unchanged, how):
    holder = lost_by(how, repo, sid, clock)

    with unchanged(), pytest.raises(LeaseLostError) as lost:
        repo.renew_optimization(sid, "x", "opt", lease=60)

    assert (lost.value.session_id, lost.value.identifier) == (sid, "x")
    assert lost.value.holder == holder
    assert (lost.value.expires_at is None) == (holder is None)


@pytest.mark.parametrize("optimizer_id", ["", "x" * 256, "a\0b"])
def test_text_that_is_no_name_holds_nothing(repo, sid, optimizer_id):
    with pytest.raises(LeaseLostError):
        repo.renew_optimization(sid, "x", optimizer_id, lease=60)


@pytest.mark.parametrize("lease", [0, -1, float("nan"), "60", True])
def test_a_renewal_needs_a_time_to_come(repo, sid, unchanged, lease):
    repo.start_optimization(sid, "x", "opt", lease=60)

    with unchanged(), pytest.raises(ValidationError):
        repo.renew_optimization(sid, "x", "opt", lease=lease)


def test_one_that_slept_past_its_lease_writes_nothing_when_its_successor_has_ended(
    repo, sid, clock
):
    repo.start_optimization(sid, "x", "sleeper", lease=60)
    clock.advance(90)
    repo.start_optimization(sid, "x", "successor", lease=60)
    repo.update_variable(sid, "x", 9, optimizer_id="successor")
    repo.end_optimization(sid, "x", "successor")

    with pytest.raises(LeaseLostError, match="decide again"):
        repo.renew_optimization(sid, "x", "sleeper", lease=60)
    with pytest.raises(VariableLockedError, match="decide again"):
        repo.update_variable(sid, "x", 3, optimizer_id="sleeper")

    assert repo.get_value(sid, "x") == 9


# --- writes


@every_write
@pytest.mark.parametrize("who", [{}, {"optimizer_id": "other"}], ids=["anonymous", "other"])
def test_a_write_by_anyone_but_the_holder_is_refused_and_changes_nothing(
    repo, sid, clock, write, who
):
    held = repo.start_optimization(sid, "x", "opt", lease=60)
    stats = repo.get_stats(sid)

    with pytest.raises(VariableLockedError) as caught:
        write(repo, sid, **who)

    assert (caught.value.session_id, caught.value.holder) == (sid, "opt")
    assert caught.value.expires_at == clock() + timedelta(seconds=60)
    assert repo.get_stats(sid) == stats
    assert repo.get_variable(sid, "x") == held


@every_write
def test_the_holder_writes_and_goes_on_holding(repo, sid, write):
    held = repo.start_optimization(sid, "x", "opt", lease=60)

    write(repo, sid, optimizer_id="opt")

    after = repo.get_variable(sid, "x", None)
    assert after is None or after.optimization_status == held.optimization_status


@every_write
def test_a_write_that_names_an_optimiser_of_a_free_variable_is_refused(repo, sid, write):
    before = repo.get_variable(sid, "x")

    with pytest.raises(VariableLockedError) as caught:
        write(repo, sid, optimizer_id="opt")

    assert caught.value.holder is None
    assert repo.get_variable(sid, "x") == before


@every_write
def test_an_optimiser_that_slept_past_its_lease_cannot_overwrite(repo, sid, clock, write):
    repo.start_optimization(sid, "x", "opt", lease=60)
    clock.advance(61)

    with pytest.raises(VariableLockedError) as free:
        write(repo, sid, optimizer_id="opt")
    repo.start_optimization(sid, "x", "other")
    with pytest.raises(VariableLockedError) as taken:
        write(repo, sid, optimizer_id="opt")

    assert (free.value.holder, taken.value.holder) == (None, "other")


@every_write
def test_everyone_may_write_when_the_lease_ran_out(repo, sid, clock, write):
    repo.start_optimization(sid, "x", "opt", lease=60)
    clock.advance(61)

    write(repo, sid)

    after = repo.get_variable(sid, "x", None)
    assert after is None or after.version == 2


@every_write
def test_everyone_may_write_when_it_was_ended(repo, sid, write):
    repo.start_optimization(sid, "x", "opt")
    repo.end_optimization(sid, "x", "opt")

    write(repo, sid)

    after = repo.get_variable(sid, "x", None)
    assert after is None or after.version == 2


def test_a_put_writes_no_optimisation_status(repo, sid):
    free = repo.get_variable(sid, "x")
    held = repo.start_optimization(sid, "x", "opt")

    repo.put_variable(sid, free, optimizer_id="opt")
    still_held = repo.get_variable(sid, "x")
    repo.end_optimization(sid, "x")
    repo.put_variable(sid, held)

    assert still_held.optimization_status == held.optimization_status
    assert not repo.get_variable(sid, "x").optimizing


def test_modify_does_not_call_its_function_on_a_locked_variable(repo, sid):
    repo.start_optimization(sid, "x", "opt")
    calls = []

    with pytest.raises(VariableLockedError):
        repo.modify_variable(sid, "x", calls.append)

    assert calls == []


def test_a_lock_is_refused_before_a_version_conflict_and_a_bad_value(repo, sid):
    repo.start_optimization(sid, "x", "opt")

    with pytest.raises(VariableLockedError):
        repo.update_variable(sid, "x", "bad", expected_version=77)
    with pytest.raises(VersionConflictError):
        repo.update_variable(sid, "x", "bad", expected_version=77, optimizer_id="opt")


def test_a_batch_is_refused_with_the_locked_ones_named(repo, sid):
    repo.register_variable(sid, "y", "integer", 1)
    repo.start_optimization(sid, "x", "opt")

    with pytest.raises(BatchError) as caught:
        repo.update_variables(sid, {"x": 9, "y": 9})

    assert set(caught.value.errors) == set(caught.value.conflicts) == {"x"}
    assert caught.value.errors["x"].holder == "opt"
    assert repo.get_value(sid, "y") == 1


def test_a_batch_of_the_holder_needs_every_variable_held(repo, sid):
    repo.register_variable(sid, "y", "integer", 1)
    repo.start_optimization(sid, "x", "opt")

    with pytest.raises(BatchError) as caught:
        repo.update_variables(sid, {"x": 9, "y": 9}, optimizer_id="opt")
    repo.start_optimization(sid, "y", "opt")
    done = repo.update_variables(sid, {"x": 9, "y": 9}, optimizer_id="opt")

    assert set(caught.value.errors) == {"y"}
    assert caught.value.errors["y"].holder is None
    assert {name: variable.value for name, variable in done.items()} == {"x": 9, "y": 9}


@pytest.mark.parametrize(
    "write",
    [
        lambda repo, sid, **who: repo.update_variables(sid, {"x": 9, "y": 9}, **who),
        lambda repo, sid, **who: repo.set_values(sid, {"x": 9, "y": 9}, **who),
        lambda repo, sid, **who: repo.delete_variables(sid, ["x", "y"], **who),
    ],
    ids=["update", "set", "delete"],
)
@pytest.mark.parametrize("who", [{}, {"optimizer_id": "sleeper"}], ids=["anonymous", "sleeper"])
def test_no_batch_gets_past_the_holder_of_one(repo, sid, clock, unchanged, write, who):
    repo.register_variable(sid, "y", "integer", 1)
    repo.start_optimization(sid, "x", "sleeper", lease=1)
    clock.advance(2)
    repo.start_optimization(sid, "x", "opt", lease=60)

    with unchanged(), pytest.raises(BatchError) as caught:
        write(repo, sid, **who)

    holders = {name: error.holder for name, error in caught.value.errors.items()}
    assert holders == ({"x": "opt", "y": None} if who else {"x": "opt"})


def test_a_deleted_variable_takes_its_lock_along(repo, sid):
    repo.start_optimization(sid, "x", "opt")
    repo.delete_variable(sid, "x", optimizer_id="opt")

    repo.register_variable(sid, "x", "integer", 1, id="var_x")

    assert not repo.get_variable(sid, "x").optimizing


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
