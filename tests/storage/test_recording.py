"""When the recording of an access is tried again after it failed."""

from __future__ import annotations

import pytest

from snakestore import StoreBusyError, StoreError, StoreFullError, StoreReadOnlyError
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
