"""When the recording of an access is tried again after it failed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import (
    SessionRepository,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from snakestore.storage.execution import recording
from snakestore.storage.execution.recording import FIRST_PAUSE, MAX_PAUSE, RecordingPause


@pytest.fixture
def moment(monkeypatch):
    """The present time, in a list of one number."""
    moment = [100.0]
    monkeypatch.setattr(recording, "monotonic", lambda: moment[0])
    return moment


@pytest.mark.parametrize("problem", [StoreBusyError("locked"), StoreFullError("full")])
def test_after_a_lock_or_a_full_disk_the_next_read_tries_again(moment, problem):
    pause = RecordingPause()

    pause.failed(problem)

    assert not pause.paused()


def test_after_a_refusal_pauses_grow_to_a_limit_until_one_try_succeeds(moment):
    pause = RecordingPause()
    pauses = []
    for _ in range(10):
        pause.failed(StoreReadOnlyError("read-only"))
        before = moment[0]
        while pause.paused():
            moment[0] += FIRST_PAUSE / 10
        pauses.append(moment[0] - before)
    pause.succeeded()
    pause.failed(StoreError("permission denied"))
    before = moment[0]
    while pause.paused():
        moment[0] += FIRST_PAUSE / 10

    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(FIRST_PAUSE, rel=0.2)
    assert pauses[-1] == pytest.approx(MAX_PAUSE, rel=0.2)
    assert moment[0] - before == pytest.approx(FIRST_PAUSE, rel=0.2)


def test_an_access_leaves_the_indexed_expiry_alone_until_it_lags(tmp_path):
    start = now = datetime(2040, 1, 1, tzinfo=UTC)
    seen = []
    with (
        SessionRepository.open(tmp_path / "s.db", clock=lambda: now) as repo,
        closing(sqlite3.connect(tmp_path / "s.db")) as outside,
    ):
        repo.create_session("s", ttl=1000.0)
        for _ in range(3):
            now += timedelta(seconds=40)
            repo.touch("s")
            [(text,)] = outside.execute("SELECT expires_at FROM sessions")
            seen.append((datetime.fromisoformat(text) - start).total_seconds())
        expires_at = repo.get_session("s").expires_at

    assert seen == [1000.0, 1080.0, 1080.0]
    assert expires_at == now + timedelta(seconds=1000)


def test_a_shorter_ttl_is_recorded_at_once(tmp_path):
    now = datetime(2040, 1, 1, tzinfo=UTC)
    with SessionRepository.open(tmp_path / "s.db", clock=lambda: now) as repo:
        repo.create_session("s", ttl=1000.0)
        repo.update_session("s", ttl=10.0)
        now += timedelta(seconds=11)

        deleted = repo.delete_expired()

    assert deleted == 1
