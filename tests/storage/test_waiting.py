"""Writers that wait for SQLite's lock, and sweeps that leave it free, on a fake clock."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
import sqlalchemy

from snakestore import SessionRepository, StoreBusyError
from snakestore.clock import steady_seconds, utc_now
from snakestore.repository import space
from snakestore.storage.execution import retry


class Time:
    """A clock that only pauses move on; it keeps their lengths."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(retry, "steady_seconds", lambda: time.now)
    monkeypatch.setattr(retry, "pause", time.pause)
    monkeypatch.setattr(
        retry, "random", SimpleNamespace(uniform=lambda _low, high: high)
    )  # the longest pause there may be
    return time


def test_pauses_are_a_small_share_of_what_was_waited_already(time):
    backoff = retry.Backoff(10.0)
    while backoff.wait():
        pass

    first, later = time.pauses[:2], time.pauses[2:-1]
    waited = sum(first)
    assert waited == retry.FIRST_SECONDS
    for pause in later:
        assert pause <= max(retry.MIN_PAUSE, retry.JITTER_FACTOR * waited) + 1e-9
        waited += pause
    assert max(time.pauses) == retry.MAX_PAUSE
    assert all(one <= next_ + 1e-9 for one, next_ in pairwise(later))


def test_a_caller_that_has_waited_longer_than_most_tries_more_often(time):
    backoff = retry.Backoff(10.0)
    while time.now < retry.MIN_PAUSE / retry.JITTER_FACTOR:
        backoff.wait()

    young = [pause for pause in time.pauses if pause == retry.FIRST_PAUSE]
    old = time.pauses[len(young) :]
    assert sum(young) == retry.FIRST_SECONDS
    assert max(old) == pytest.approx(retry.MIN_PAUSE)
    assert retry.MIN_PAUSE < retry.FIRST_PAUSE


def test_waiting_ends_at_its_limit_and_not_after(time):
    backoff = retry.Backoff(0.3)
    while backoff.wait():
        pass

    assert time.now == pytest.approx(0.3)
    assert not backoff.wait()


def test_waiting_ends_where_all_clocks_stand_still(time, monkeypatch):
    monkeypatch.setattr(retry, "steady_seconds", lambda: 0.0)
    backoff = retry.Backoff(0.3)
    while backoff.wait():
        pass

    assert sum(time.pauses) == pytest.approx(0.3)


def test_busy_timeout_holds_on_a_users_engine_whose_driver_waits_while_time_is_frozen(
    tmp_path, monkeypatch
):
    with SessionRepository.open(tmp_path / "s.db") as other:
        other.create_session("s")
        engine = sqlalchemy.create_engine(
            f"sqlite:///{tmp_path / 's.db'}", connect_args={"timeout": 0.05}
        )
        repo = SessionRepository(engine, busy_timeout=0.2)
        repo.touch("s")
        for name in ("time", "monotonic", "perf_counter"):
            monkeypatch.setattr(f"time.{name}", lambda: 0.0)
        began = steady_seconds()
        with other.transaction(), pytest.raises(StoreBusyError):
            repo.touch("s")

        assert steady_seconds() - began < 20
    engine.dispose()


def test_no_wait_at_all_where_the_limit_is_zero(time):
    assert not retry.Backoff(0.0).wait()
    assert time.pauses == []


def test_a_writer_that_waited_a_whole_hold_tries_again_within_one_yield():
    waited = space.MAX_HOLD_SECONDS + space.YIELD_SECONDS

    assert max(retry.MIN_PAUSE, retry.JITTER_FACTOR * waited) < space.YIELD_SECONDS


@pytest.fixture
def pauses(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(space, "pause", pauses.append)
    return pauses


def filled(path, sessions):
    past = utc_now() - timedelta(days=1)
    with SessionRepository.open(path, clock=lambda: past) as repo:
        for number in range(sessions):
            repo.create_session(f"s{number}")


def test_a_sweep_pauses_between_transactions_that_took_long_and_not_after_the_last(
    tmp_path, pauses, monkeypatch
):
    filled(tmp_path / "s.db", 25)
    monkeypatch.setattr(space, "MAX_HOLD_SECONDS", 0.0)
    with SessionRepository.open(tmp_path / "s.db") as repo:
        deleted = repo.delete_expired(batch_size=10, limit=25)

    assert deleted == 25
    assert pauses == [space.YIELD_SECONDS] * len(pauses)
    assert len(pauses) >= 2


def test_a_short_sweep_does_not_pause(tmp_path, pauses, monkeypatch):
    filled(tmp_path / "s.db", 25)
    monkeypatch.setattr(space, "MAX_HOLD_SECONDS", 1000.0)
    with SessionRepository.open(tmp_path / "s.db") as repo:
        deleted = repo.delete_expired(batch_size=10)

    assert deleted == 25
    assert pauses == []


def test_a_sweep_within_a_transaction_does_not_pause_as_nobody_could_write_meanwhile(
    tmp_path, pauses, monkeypatch
):
    filled(tmp_path / "s.db", 25)
    monkeypatch.setattr(space, "MAX_HOLD_SECONDS", 0.0)
    with SessionRepository.open(tmp_path / "s.db") as repo, repo.transaction() as transaction:
        deleted = transaction.delete_expired(batch_size=10)

    assert deleted == 25
    assert pauses == []


def test_a_sweep_pauses_once_for_each_twenty_milliseconds_of_work(tmp_path, pauses, monkeypatch):
    now = 0.0
    monkeypatch.setattr(space, "time", SimpleNamespace(monotonic=lambda: now))
    with SessionRepository.open(tmp_path / "s.db") as repo:
        yielding = space.WriterYield(repo._runner)
        before = []
        for _ in range(10):
            with yielding.slice():
                before.append(len(pauses))
                now += 0.008

    assert before == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
