"""lease(): a block holds a variable under an id of its own."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from snakestore import (
    ConstraintError,
    InvalidNameError,
    SessionNotFoundError,
    StoreError,
    ValidationError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
)

# --- the block


def test_a_block_holds_the_variable_and_frees_it(repo, sid, clock):
    with repo.lease(sid, "x", seconds=30) as lease:
        held = repo.get_variable(sid, "x").optimization_status
        with pytest.raises(VariableLockedError):
            repo.update_variable(sid, "x", 9)

    assert (held.optimizing, held.optimizer_id) == (True, lease.optimizer_id)
    assert (held.started_at, held.expires_at) == (clock(), clock() + timedelta(seconds=30))
    assert repo.update_variable(sid, "x", 9).optimizing is False
    assert lease.lost is False


def test_each_block_has_an_id_of_its_own(repo, sid):
    seen = []

    for _ in range(3):
        with repo.lease(sid, "x") as lease:
            seen.append(lease.optimizer_id)

    assert len(set(seen)) == 3


def test_a_given_id_holds_what_was_claimed_by_it(repo, sid):
    claimed = repo.claim_variable(sid, "x", "w1", lease=5)

    with repo.lease(sid, claimed.id, optimizer_id="w1") as lease:
        assert lease.optimizer_id == "w1"
        assert repo.update_variable(sid, "x", 2, optimizer_id="w1").value == 2

    assert not repo.get_variable(sid, "x").optimizing


def test_another_block_waits_for_nothing_and_is_refused(repo, sid):
    with (
        repo.lease(sid, "x") as first,
        pytest.raises(VariableLockedError) as refused,
        repo.lease(sid, "x"),
    ):
        pytest.fail("two blocks hold one variable")

    assert refused.value.holder == first.optimizer_id
    assert type(refused.value) is VariableLockedError


def test_the_lease_shows_the_variable_as_last_seen(repo, sid):
    with repo.lease(sid, "x") as lease:
        at_first = lease.variable
        updated = lease.update(5, metadata={"why": "better"}, source="climb")
        after_update = lease.variable
        modified = lease.modify(lambda value: value + 1, metadata={"n": 1})

        assert (at_first.value, at_first.version, at_first.optimizing) == (1, 0, True)
        assert (updated.value, updated.version) == (5, 1)
        assert (updated.metadata["why"], updated.metadata["source"]) == ("better", "climb")
        assert after_update == updated
        assert lease.variable == modified == repo.get_variable(sid, "x")
        assert (modified.value, modified.version, modified.metadata["n"]) == (6, 2, 1)


def test_a_write_of_the_lease_is_refused_as_any_write_and_the_lease_lasts(repo, sid):
    with repo.lease(sid, "x") as lease:
        with pytest.raises(VersionConflictError):
            lease.update(5, expected_version=7)
        with pytest.raises(ConstraintError):
            lease.update(101)
        with pytest.raises(ZeroDivisionError):
            lease.modify(lambda value: value / 0)

        assert not lease.lost
        assert lease.update(5, expected_version=0).version == 1


def test_a_lease_is_renewed_by_hand(repo, sid, clock):
    with repo.lease(sid, "x", seconds=30, renew=False) as lease:
        clock.advance(29)
        renewed = lease.renew()
        clock.advance(29)

        assert renewed.optimization_status.expires_at == clock() + timedelta(seconds=1)
        assert lease.variable == renewed
        assert not lease.lost
        assert lease.update(2).value == 2


def test_a_renamed_variable_is_still_held(repo, sid):
    with repo.lease(sid, "x") as lease:
        renamed = dataclasses.replace(lease.variable, name="y")
        repo.put_variable(sid, renamed, optimizer_id=lease.optimizer_id)
        lease.update(7)

    assert repo.get_variable(sid, "y").value == 7
    assert not repo.get_variable(sid, "y").optimizing


def test_the_holder_may_delete_the_variable(repo, sid):
    with repo.lease(sid, "x") as lease:
        repo.delete_variable(sid, "x", optimizer_id=lease.optimizer_id)

        with pytest.raises(VariableNotFoundError):
            lease.update(1)

    assert not repo.has_variable(sid, "x")


def test_an_exception_leaves_the_block_unchanged_and_frees_the_variable(repo, sid):
    with pytest.raises(ZeroDivisionError) as raised, repo.lease(sid, "x"):
        raise ZeroDivisionError

    assert not hasattr(raised.value, "__notes__")
    assert not repo.get_variable(sid, "x").optimizing


def test_a_block_counts_as_an_access_and_changes_no_stats(repo, sid, clock):
    stats = repo.get_stats(sid)
    clock.advance(1)
    with repo.lease(sid, "x"):
        assert repo.list_sessions()[0].last_accessed == clock()
        clock.advance(1)

    assert repo.list_sessions()[0].last_accessed == clock()
    assert repo.get_stats(sid) == stats


def test_a_lease_is_entered_once(repo, sid, backend):
    if backend.awaited:
        pytest.skip("a lease of the async repository cannot be entered without await")
    lease = repo.lease(sid, "x")
    with lease:
        pass

    with pytest.raises(RuntimeError, match="once"), lease:
        pytest.fail("a lease was entered twice")
    with pytest.raises(StoreError, match="with block"):
        _ = repo.lease(sid, "x").variable


# --- refusals on entry


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"sid": "nobody", "identifier": "nothing", "seconds": -1}, SessionNotFoundError),
        ({"identifier": "nothing", "seconds": -1}, VariableNotFoundError),
        ({"identifier": 5}, InvalidNameError),
        ({"optimizer_id": ""}, InvalidNameError),
        ({"seconds": 0}, ValidationError),
        ({"seconds": None}, ValidationError),
        ({"seconds": "60"}, ValidationError),
        ({"seconds": True}, ValidationError),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_on_entry(repo, sid, unchanged, arguments, error):
    given = {"sid": sid, "identifier": "x"} | arguments

    with unchanged(), pytest.raises(error), repo.lease(**given):
        pytest.fail("a lease was granted")


def test_a_lock_is_refused_before_a_bad_argument(repo, sid):
    repo.start_optimization(sid, "x", "other")

    with pytest.raises(VariableLockedError), repo.lease(sid, "x", seconds=None):
        pytest.fail("a lease was granted")


def test_in_a_transaction_a_lease_is_not_renewed_by_itself(repo, sid):
    with repo.transaction() as transaction:
        with pytest.raises(StoreError, match="renew=False"), transaction.lease(sid, "x"):
            pytest.fail("a lease was granted")
        with transaction.lease(sid, "x", renew=False) as lease:
            lease.update(5)

    assert repo.get_variable(sid, "x").value == 5
    assert not repo.get_variable(sid, "x").optimizing
