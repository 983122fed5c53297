"""A lease that is lost: the block writes nothing more."""

from __future__ import annotations

import pytest

from snakestore import LeaseLostError, SessionNotFoundError, VariableLockedError
from tests.contract.leases.losses import every_loss, taken


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
