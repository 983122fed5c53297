"""lease(): a block holds a variable under an id of its own, and renews meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
import queue
import threading
import time
from datetime import timedelta

import pytest

from snakestore import (
    ConstraintError,
    InvalidNameError,
    LeaseLostError,
    SessionNotFoundError,
    StoreBusyError,
    StoreError,
    ValidationError,
    VariableLockedError,
    VariableNotFoundError,
    VersionConflictError,
)
from snakestore.aio import lease as aio_lease
from snakestore.repository.variables import held_lease
from tests.contract.backends import loop


@pytest.fixture
def sid(repo):
    """A session that outlives every lease, with the variable ``x``."""
    session = repo.create_session("s", ttl=None)
    repo.register_variable(session.id, "x", "integer", 1, id="var_x", constraints={"max": 100})
    return session.id


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


# --- a lease that is lost


def ran_out(repo, sid, clock, _lease):
    clock.advance(60)


def taken(repo, sid, clock, _lease):
    clock.advance(60)
    repo.start_optimization(sid, "x", "other", lease=30)


def ended(repo, sid, _clock, _lease):
    repo.end_optimization(sid, "x")


def ended_and_taken(repo, sid, _clock, _lease):
    repo.end_optimization(sid, "x")
    repo.start_optimization(sid, "x", "other", lease=30)


every_loss = pytest.mark.parametrize("lose", [ran_out, taken, ended, ended_and_taken])


@every_loss
@pytest.mark.parametrize(
    "write",
    [
        lambda lease: lease.update(2),
        lambda lease: lease.modify(lambda value: value + 1),
        lambda lease: lease.renew(),
    ],
    ids=["update", "modify", "renew"],
)
def test_once_it_is_lost_nothing_is_written_and_the_block_raises(repo, sid, clock, lose, write):
    seen = []

    with pytest.raises(LeaseLostError) as at_end, repo.lease(sid, "x", renew=False) as lease:
        lose(repo, sid, clock, lease)
        for _ in range(2):
            with pytest.raises(LeaseLostError) as refused:
                write(lease)
            seen.append(refused.value)
        assert lease.lost

    holder = "other" if "taken" in lose.__name__ else None
    assert [(each.session_id, each.identifier, each.holder) for each in [*seen, at_end.value]] == [
        (sid, "x", holder)
    ] * 3
    assert (repo.get_variable(sid, "x").value, repo.get_variable(sid, "x").version) == (1, 0)
    assert repo.get_variable(sid, "x").optimization_status.optimizer_id == holder


@every_loss
def test_the_end_of_the_block_raises_a_loss_that_was_not_raised_before(repo, sid, clock, lose):
    with pytest.raises(LeaseLostError), repo.lease(sid, "x", renew=False) as lease:
        lease.update(2)
        lose(repo, sid, clock, lease)

    assert repo.get_value(sid, "x") == 2


@every_loss
def test_a_loss_does_not_hide_an_exception_of_the_block(repo, sid, clock, lose):
    with pytest.raises(ZeroDivisionError) as raised, repo.lease(sid, "x", renew=False) as lease:
        lose(repo, sid, clock, lease)
        raise ZeroDivisionError

    assert ["is lost" in note for note in raised.value.__notes__] == [True]


def test_a_loss_that_leaves_the_block_is_raised_once(repo, sid, clock):
    with pytest.raises(LeaseLostError) as raised, repo.lease(sid, "x", renew=False) as lease:
        taken(repo, sid, clock, lease)
        lease.update(2)

    assert not hasattr(raised.value, "__notes__")
    assert isinstance(raised.value.__cause__, VariableLockedError)


def test_lost_needs_no_statement_and_stays(repo, sid, clock):
    with pytest.raises(LeaseLostError), repo.lease(sid, "x", seconds=60, renew=False) as lease:
        clock.advance(59.999999)
        assert not lease.lost
        clock.advance(0.000001)
        assert lease.lost
        clock.advance(-30)
        assert lease.lost
        with pytest.raises(LeaseLostError):
            lease.update(2)

    assert repo.get_value(sid, "x") == 1
    assert not repo.get_variable(sid, "x").optimizing


def test_a_block_that_has_ended_writes_nothing(repo, sid):
    with repo.lease(sid, "x") as lease:
        pass

    with pytest.raises(LeaseLostError):
        lease.update(2)

    assert repo.get_value(sid, "x") == 1


def test_a_session_that_is_gone_takes_the_lease_along(repo, sid):
    with pytest.raises(LeaseLostError, match="session"), repo.lease(sid, "x") as lease:
        repo.delete_session(sid)
        with pytest.raises(SessionNotFoundError):
            lease.update(2)
        assert lease.lost


def test_a_variable_that_is_gone_when_the_lease_has_run_out_was_lost(repo, sid, clock):
    with pytest.raises(LeaseLostError), repo.lease(sid, "x", renew=False):
        clock.advance(60)
        repo.delete_variable(sid, "x")


def test_an_error_of_fn_about_another_variable_is_no_loss(repo, sid):
    def fn(_value):
        raise VariableLockedError(sid, "y", "other", None)

    with repo.lease(sid, "x") as lease:
        with pytest.raises(VariableLockedError) as raised:
            lease.modify(fn)

        assert type(raised.value) is VariableLockedError
        assert not lease.lost


# --- renewal


class Pause:
    """Stands in for the waiting of the renewing thread or task: a test lets it go on."""

    def __init__(self):
        self._asked = queue.Queue()
        self._turns = queue.Queue()
        self._wake = lambda: self._turns.put(False)

    def wait(self, seconds):
        """For the thread: whether it is to end."""
        self._asked.put(seconds)
        return self._turns.get()

    def set(self):
        """For the end of the block."""
        self._turns.put(True)

    async def sleep(self, seconds):
        """For the task."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._wake = lambda: loop.call_soon_threadsafe(waiter.set_result, None)
        self._asked.put(seconds)
        await waiter

    def next(self):
        """How long it waits now."""
        return self._asked.get(timeout=30)

    def go_on(self):
        """Let it go on."""
        self._wake()

    def waits_again(self):
        """Let it go on until it waits again; how long it waits then."""
        self.go_on()
        return self.next()


@pytest.fixture
def pause(monkeypatch):
    pause = Pause()
    monkeypatch.setattr(aio_lease.AsyncLease, "_sleep", staticmethod(pause.sleep))
    monkeypatch.setattr(held_lease.Renewal, "new_event", staticmethod(lambda: pause))
    return pause


def until(condition):
    """Wait for what another thread does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_lease_is_renewed_after_each_third_of_its_length(repo, sid, clock, pause):
    with repo.lease(sid, "x", seconds=60) as lease:
        waits = [pause.next()]
        for _ in range(5):
            clock.advance(20)
            waits.append(pause.waits_again())
            status = repo.get_variable(sid, "x").optimization_status
            assert status.expires_at == clock() + timedelta(seconds=60)
            assert status.optimizer_id == lease.optimizer_id
        lease.update(2)

        assert waits == [20.0] * 6
        assert not lease.lost

    assert repo.get_value(sid, "x") == 2


def test_renewals_end_with_the_block(repo, sid, backend):
    def renewing():
        tasks = asyncio.all_tasks(loop()._loop) if backend.awaited else []
        return [
            *(each for each in threading.enumerate() if each.name == "snakestore lease"),
            *(each for each in tasks if "_keep_renewing" in repr(each)),
        ]

    with repo.lease(sid, "x"):
        during = renewing()

    assert len(during) == 1
    assert renewing() == []


def test_a_renewal_that_finds_the_lease_lost_is_the_last(repo, sid, clock, pause):
    with pytest.raises(LeaseLostError) as lost, repo.lease(sid, "x", seconds=60) as lease:
        pause.next()
        taken(repo, sid, clock, lease)
        pause.go_on()
        until(lambda: lease.lost)
        with pytest.raises(LeaseLostError):
            lease.update(2)

    assert lost.value.holder == "other"
    assert repo.get_value(sid, "x") == 1


def test_a_renewal_that_fails_is_tried_again_until_the_lease_has_run_out(
    repo, sid, clock, pause, monkeypatch
):
    failing = threading.Event()

    def extend(*args, **kwargs):
        if failing.is_set():
            message = "locked by others"
            raise StoreBusyError(message)
        return real(*args, **kwargs)

    real = held_lease.extend
    monkeypatch.setattr(held_lease, "extend", extend)
    monkeypatch.setattr(aio_lease, "extend", extend)

    with pytest.raises(LeaseLostError), repo.lease(sid, "x", seconds=60) as lease:
        waits = [pause.next()]
        failing.set()
        clock.advance(20)
        waits += [pause.waits_again(), pause.waits_again()]
        failing.clear()
        waits.append(pause.waits_again())
        survived = repo.get_variable(sid, "x").optimization_status.expires_at - clock()
        failing.set()
        clock.advance(60)
        pause.go_on()
        until(lambda: lease.lost)

    assert waits == [20.0, 1.0, 1.0, 20.0]
    assert survived == timedelta(seconds=60)


def test_a_renewal_keeps_a_large_value_where_it_is(repo, sid, clock, pause):
    repo.register_variable(sid, "big", "json", ["x" * 100_000])

    with repo.lease(sid, "big", seconds=3) as lease:
        pause.next()
        clock.advance(1)
        pause.waits_again()

        assert lease.variable.value == ["x" * 100_000]
        assert lease.update(["y"]).version == 1
