"""Only the holder can write a variable that is being optimised."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from snakestore import BatchError, VariableLockedError, VersionConflictError

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


def test_a_batch_returns_each_variable_with_its_lease(repo, sid):
    repo.register_variable(sid, "y", "integer", 1)
    repo.start_optimization(sid, "x", "opt", 12, lease=60)
    repo.start_optimization(sid, "y", "opt")

    done = repo.update_variables(sid, {"x": 9, "y": 9}, optimizer_id="opt")

    assert done["x"].optimization_status.optimizer_pid == 12
    assert done == {name: repo.get_variable(sid, name) for name in "xy"}


def test_a_batch_of_anyone_writes_after_the_leases_have_run_out(repo, sid, clock):
    repo.register_variable(sid, "y", "integer", 1)
    repo.start_optimization(sid, "x", "opt", lease=60)
    clock.advance(61)

    done = repo.update_variables(sid, {"x": 9, "y": 9})

    assert not done["x"].optimizing
    assert done == {name: repo.get_variable(sid, name) for name in "xy"}


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
