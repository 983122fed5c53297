"""renew_optimization: a lease lasts as long as it is renewed in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from snakestore import LeaseLostError, ValidationError, VariableLockedError


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
