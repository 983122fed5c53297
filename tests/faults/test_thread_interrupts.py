"""After an exception at any event of a thread, nobody waits for ever and nothing is written twice.

The exceptions are those of a tracer, see ``tests/faults/events.py``.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

from snakestore import CommitUnknownError, SessionRepository, Variable
from snakestore.storage.execution import write_turn
from tests.faults import thread_storm
from tests.faults.events import _interrupted
from tests.faults.test_interrupts import outside_of_coverage
from tests.threads.crowd import held_turn, outcomes_of, turn_of, update

FIRST_EVENT = 1


def interrupt(repo: SessionRepository, place: int, number: int, value: int) -> str | None:
    """Interrupt one of three threads that write ``value``, at an event. Returns that event."""
    seen: list[Any] = []

    def struck() -> None:
        gc.disable()  # it calls code of test tools, where an exception reaches nobody
        try:
            seen.append(next(_interrupted(number, update(repo, place, value))))
        finally:
            gc.enable()

    before = [repo.get_variable("s", f"v{each}").version for each in range(3)]
    calls = [update(repo, each, value) for each in range(3)]
    calls[place] = struck
    with held_turn(repo) as crowd:
        crowd.come(*calls)
    outcomes = outcomes_of(crowd)
    [(event, error)] = seen
    stored = [repo.get_variable("s", f"v{each}") for each in range(3)]
    try:
        assert not turn_of(repo).waiting
        for each, outcome in enumerate(outcomes):
            if each != place:
                assert isinstance(outcome, Variable | CommitUnknownError), outcome
            known = error is None if each == place else isinstance(outcome, Variable)
            written = stored[each].version - before[each]
            assert written == 1 if known else written in {0, 1}
    except AssertionError as problem:
        problem.add_note(f"after an exception at {event}")
        raise
    return event


@pytest.mark.parametrize("place", [0, 1], ids=["the one who leads", "one who joins"])
def test_after_an_exception_at_any_event_of_a_thread_the_others_have_written(
    tmp_path, monkeypatch, place, size
):
    monkeypatch.setattr(write_turn, "LOOK_AGAIN", 0.01)
    monkeypatch.setattr(write_turn, "PATIENCE", 1000.0)  # no turn is lost
    step = size(3, 1, default=9)
    with SessionRepository.open(tmp_path / "s.db", history=2) as repo:
        repo.create_session("s", ttl=None)
        for number in range(3):
            repo.register_variable("s", f"v{number}", "integer", 0)
        for number in range(FIRST_EVENT, sys.maxsize, step):
            if interrupt(repo, place, number, number) is None:
                break

        assert number > 100
        assert repo.check().ok


@outside_of_coverage
def test_after_exceptions_at_random_instants_in_threads_no_write_is_lost_or_done_twice(
    tmp_path, size, figures
):
    hits = size(200, 3000)

    seen = thread_storm.rage(str(tmp_path / "s.db"), hits, 8, 12)

    assert seen["acknowledged"] > hits
    figures("thread interrupts", **seen)
