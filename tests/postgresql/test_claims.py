"""Claims on a server: side by side, past locked rows, and never beside another write."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy
from sqlalchemy import text

from snakestore import LeaseLostError, VariableLockedError
from snakestore.repository.variables import grant
from tests.postgresql.test_isolation import in_threads, settings

__all__ = ["settings"]

JOBS = [f"job/{number:02}" for number in range(16)]


@pytest.fixture
def url(url_of_either_kind):
    return url_of_either_kind


@pytest.fixture
def jobs(repo):
    for name in JOBS:
        repo.register_variable("s", name, "integer", 0)
    return repo


@pytest.fixture
def other(url):
    """A transaction of another client. A lock that it waits for is an error at once."""
    engine = sqlalchemy.create_engine(url, connect_args={"options": "-c lock_timeout=1ms"})
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_at_any_level_each_variable_is_claimed_once(jobs, opened, settings):
    repos = [opened(settings) for _ in range(4)]
    claimed = []

    def work(number):
        while (
            job := repos[number].claim_variable("s", "job/*", f"w{number}", lease=60)
        ) is not None:
            claimed.append(job.name)

    assert in_threads(4, work) == []
    assert sorted(claimed) == JOBS


@pytest.mark.parametrize("pattern", ["job/*", "j*/*"])
def test_a_variable_that_another_transaction_has_locked_is_skipped(jobs, opened, other, pattern):
    repo = opened("-c lock_timeout=1ms", busy_timeout=0)
    other.execute(text("SELECT id FROM variables WHERE name IN ('job/00', 'job/01') FOR UPDATE"))

    assert repo.claim_variable("s", pattern, "opt", lease=60).name == "job/02"


def test_claims_of_one_session_do_not_wait_for_each_other(jobs, opened, other):
    repo = opened("-c lock_timeout=1ms", busy_timeout=0)
    other.execute(text("SELECT id FROM sessions WHERE id = 's' FOR KEY SHARE"))
    other.execute(text("SELECT id FROM variables WHERE name = 'job/00' FOR UPDATE"))

    assert repo.claim_variable("s", "job/*", "opt", lease=60).name == "job/01"


def test_what_was_claimed_is_not_written_by_one_who_looked_before(jobs, opened, settings):
    claimer, writers, stop = opened(settings), [opened(settings) for _ in range(2)], []
    refused = threading.Event()

    def work(number):
        if number < 2:
            while not stop:
                try:
                    writers[number].update_variable("s", "job/00", number)
                except VariableLockedError:
                    refused.set()
            return
        try:
            for _ in range(30):
                job = claimer.claim_variable("s", "job/00", "opt", lease=60)
                claimer.update_variable(
                    "s", "job/00", 9, expected_version=job.version, optimizer_id="opt"
                )
                claimer.end_optimization("s", "job/00", "opt")
        finally:
            stop.append(True)

    assert in_threads(3, work) == []
    assert refused.is_set()


def test_by_the_servers_clock_a_lease_is_lost_here_no_later_than_there(repo, monkeypatch):
    with pytest.raises(LeaseLostError), repo.lease("s", "x", seconds=60, renew=False) as lease:
        before = lease.lost
        now = grant.steady_seconds()
        monkeypatch.setattr(grant, "steady_seconds", lambda: now + 60)
        after = lease.lost
        with pytest.raises(LeaseLostError):
            lease.update(2.0)

    assert (before, after) == (False, True)
    assert repo.get_value("s", "x") == 1.0
    assert not repo.get_variable("s", "x").optimizing
