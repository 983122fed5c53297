"""claim_variable: the first free variable that matches, to one claimer only."""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta

import pytest

from snakestore import (
    InvalidNameError,
    SessionExpiredError,
    SessionNotFoundError,
    UnknownTypeError,
    ValidationError,
    VariableLockedError,
    VariableType,
    create_variable,
)
from snakestore.types import registry


@pytest.fixture
def sid(repo, clock):
    """A session with ``trial/2``, ``trial/1`` and ``trial/0``, created in this order."""
    session = repo.create_session("s", ttl=None)
    for number in (2, 1, 0):
        repo.register_variable(session.id, f"trial/{number}", "integer", number)
        clock.advance(1)
    return session.id


def claimed(repo, sid, pattern="trial/*", who="opt"):
    found = repo.claim_variable(sid, pattern, who, lease=60)
    return None if found is None else found.name


def test_the_first_by_creation_is_claimed_then_the_next_then_none(repo, sid):
    assert [claimed(repo, sid, who=f"opt{number}") for number in range(4)] == [
        "trial/2",
        "trial/1",
        "trial/0",
        None,
    ]


def test_the_id_decides_between_variables_of_one_time(repo, sid, clock):
    for vid in ("b", "a", "c"):
        repo.put_variable(
            sid,
            create_variable(name=f"tie/{vid}", type="integer", value=0, id=vid, created_at=clock()),
        )

    assert [claimed(repo, sid, "tie/*") for _ in range(3)] == ["tie/a", "tie/b", "tie/c"]


def test_a_claim_is_a_start(repo, sid, clock):
    found = repo.claim_variable(sid, "trial/*", "opt", 4711, lease=60)

    status = found.optimization_status
    assert (found.value, found.version, found.optimizing) == (2, 0, True)
    assert (status.optimizer_id, status.optimizer_pid) == ("opt", 4711)
    assert (status.started_at, status.expires_at) == (clock(), clock() + timedelta(seconds=60))
    assert repo.get_variable(sid, "trial/2") == found
    with pytest.raises(VariableLockedError):
        repo.update_variable(sid, "trial/2", 9)
    assert repo.update_variable(sid, "trial/2", 9, optimizer_id="opt").value == 9


def test_what_an_optimiser_holds_is_not_claimed_by_itself_again(repo, sid):
    repo.start_optimization(sid, "trial/2", "opt")

    assert claimed(repo, sid, who="opt") == "trial/1"


def test_an_expired_lease_and_an_ended_one_leave_a_variable_to_be_claimed(repo, sid, clock):
    repo.start_optimization(sid, "trial/2", "dead", "pid-1", lease=10)
    repo.start_optimization(sid, "trial/1", "done", lease=10)
    repo.end_optimization(sid, "trial/1", "done")

    before = claimed(repo, sid)
    clock.advance(10)
    after = repo.claim_variable(sid, "trial/*", "opt", lease=60)

    assert (before, after.name) == ("trial/1", "trial/2")
    assert after.optimization_status.optimizer_pid is None
    assert after.optimization_status.started_at == clock()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", "trial/2"),
        ("trial/1", "trial/1"),
        ("*/1", "trial/1"),
        ("t*l/*", "trial/2"),
        ("trial/1*", "trial/1"),
        ("trial", None),
        ("TRIAL/*", None),
        ("trial/?", None),
        ("trial_*", None),
        ("", None),
        ("a\0*", None),
    ],
)
def test_a_pattern_says_which(repo, sid, pattern, expected):
    assert claimed(repo, sid, pattern) == expected


def test_a_damaged_or_foreign_variable_beyond_the_range_does_not_matter(repo, sid, clock):
    first = repo.get_variable(sid, "trial/2")
    repo.put_variable(
        sid, dataclasses.replace(first, id="early", name="aaa", created_at=clock.advance(-100))
    )

    assert claimed(repo, sid) == "trial/2"


def test_without_a_lease_the_claim_lasts_until_it_is_ended(repo, sid, clock):
    repo.claim_variable(sid, "trial/2", "opt", lease=None)
    clock.advance(10**9)

    assert claimed(repo, sid) == "trial/1"


def test_a_claim_changes_neither_stats_nor_other_variables(repo, sid):
    stats, others = repo.get_stats(sid), repo.list_variables(sid)[1:]

    claimed(repo, sid)

    assert repo.get_stats(sid) == stats
    assert repo.list_variables(sid)[1:] == others


@pytest.mark.parametrize(
    "arguments",
    [
        {"pattern": None},
        {"pattern": 5},
        {"optimizer_id": ""},
        {"optimizer_id": None},
        {"optimizer_pid": [1]},
        {"lease": 0},
        {"lease": "60"},
    ],
    ids=str,
)
@pytest.mark.parametrize("pattern", ["trial/*", "none"])
def test_a_bad_argument_is_refused_whether_or_not_anything_matches(
    repo, sid, unchanged, arguments, pattern
):
    given = {"pattern": pattern, "optimizer_id": "opt", "optimizer_pid": None, "lease": 60}
    given |= arguments

    with unchanged(), pytest.raises(ValidationError):
        repo.claim_variable(sid, **given)


def test_the_lease_has_to_be_given(repo, sid):
    with pytest.raises(TypeError):
        repo.claim_variable(sid, "trial/*", "opt")


def test_a_missing_or_expired_session_is_refused_first(repo, clock):
    repo.create_session("old", ttl=1)
    clock.advance(2)

    with pytest.raises(SessionNotFoundError):
        repo.claim_variable("nobody", None, "", lease="long")
    with pytest.raises(SessionExpiredError):
        repo.claim_variable("old", None, "", lease="long")
    with pytest.raises(InvalidNameError):
        repo.claim_variable(5, "*", "opt", lease=1)


class Odd(VariableType):
    """A type that is registered for a while."""

    name = "odd"

    def normalise(self, value):
        return value


def test_a_variable_that_cannot_be_read_is_not_claimed(repo, sid, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_types", {**registry._types, Odd.name: Odd()})
        repo.register_variable(sid, "unknown", Odd.name, 1)

    with pytest.raises(UnknownTypeError):
        claimed(repo, sid, "unknown")

    assert claimed(repo, sid) == "trial/2"


def test_a_claim_in_a_transaction_that_is_rolled_back_was_none(repo, sid):
    with pytest.raises(ZeroDivisionError), repo.transaction() as transaction:
        first = claimed(transaction, sid)
        second = claimed(transaction, sid, who="other")
        transaction.update_variable(sid, "trial/2", 5, optimizer_id="opt")
        raise ZeroDivisionError

    assert (first, second) == ("trial/2", "trial/1")
    assert claimed(repo, sid) == "trial/2"


def test_threads_that_claim_at_once_get_each_variable_once(repo):
    repo.create_session("many")
    names = [f"job/{number:02}" for number in range(24)]
    for name in names:
        repo.register_variable("many", name, "json", {})
    got = []

    def work(who):
        while (name := claimed(repo, "many", "job/*", who)) is not None:
            got.append(name)

    workers = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(got) == names
