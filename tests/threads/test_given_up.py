"""Threads that give up, or are interrupted, hold up no other."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from snakestore import SessionRepository, StoreBusyError, StoreError
from snakestore.storage.execution import write_turn
from snakestore.storage.execution.write_turn import TURN
from tests.awaited.group_commit.groups import TASKS, Held, values, versions
from tests.threads.crowd import (
    held_turn,
    numbered,
    outcomes_of,
    turn_of,
    until,
    update,
    updates,
)

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs Unix signals")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Stop(BaseException):
    pass


@contextmanager
def interrupting(when: Callable[[], object]) -> Iterator[None]:
    """Raise Stop in the main thread, by a signal handler, when ``when`` has returned."""

    def handler(*_: object) -> None:
        raise Stop

    def strike() -> None:
        when()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    striker = threading.Thread(target=strike)
    try:
        striker.start()
        yield
    finally:
        striker.join()
        signal.signal(signal.SIGUSR1, before)


@needs_signals
def test_a_thread_interrupted_while_it_waits_writes_nothing(path, commits):
    with SessionRepository.open(path) as repo:
        with held_turn(repo) as crowd:
            crowd.come(update(repo, 1, 1))
            with (
                pytest.raises(Stop),
                interrupting(lambda: until(lambda: len(crowd.turn.waiting) == 2)),
            ):
                repo.update_variable("s", "v0", 1)
            crowd.come(update(repo, 2, 1))
        outcomes = outcomes_of(crowd)

    assert [each.version for each in outcomes] == [1, 1]
    assert values(path)[:3] == [0, 1, 1]
    assert commits.count == 1


@needs_signals
def test_a_thread_interrupted_while_another_does_its_write_waits_for_the_end(
    path, commits, monkeypatch
):
    held = Held(2, monkeypatch)
    with SessionRepository.open(path) as repo:
        with held_turn(repo) as crowd:
            crowd.come(update(repo, 0, 1))

            def when_its_write_is_under_way() -> None:
                until(lambda: len(crowd.turn.waiting) == 2)
                crowd.come(update(repo, 2, 3))
                crowd.turn.end(crowd.holder)
                assert held.begun.wait(30)
                threading.Timer(0.05, held.may_end.set).start()

            with pytest.raises(Stop), interrupting(when_its_write_is_under_way):
                repo.update_variable("s", "v1", 2)
            seen = held.may_end.is_set()
        outcomes = outcomes_of(crowd)

    assert seen
    assert [each.version for each in outcomes] == [1, 1]
    assert values(path)[:3] == [1, 2, 3]
    assert commits.count == 1


@needs_signals
def test_a_signal_handler_writes_while_its_thread_waits(path, commits):
    written = []

    def handler(*_: object) -> None:
        written.append(repo.update_variable("s", "v1", 1).version)
        crowd.turn.end(crowd.holder)

    def strike() -> None:
        until(lambda: bool(crowd.turn.waiting))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    striker = threading.Thread(target=strike)
    try:
        with SessionRepository.open(path) as repo, held_turn(repo) as crowd:
            striker.start()
            written.append(repo.update_variable("s", "v0", 1).version)
    finally:
        striker.join()
        signal.signal(signal.SIGUSR1, before)

    assert written == [1, 1]


def test_a_turn_that_is_lost_is_taken_by_one_who_has_waited_for_long(path, monkeypatch):
    monkeypatch.setattr(write_turn, "PATIENCE", 0.01)
    monkeypatch.setattr(write_turn, "LOOK_AGAIN", 0.01)
    with SessionRepository.open(path) as repo:
        turn_of(repo).holder[TURN] = object()

        assert repo.update_variable("s", "v0", 1).version == 1

        assert not turn_of(repo).holder


def test_a_turn_that_others_end_at_any_step_is_no_error(path):
    class Ended(dict[str, object]):
        """As another thread makes it that has lost patience: nothing is there any more."""

        def setdefault(self, _key: str, value: object = None) -> object:
            return value

        def __contains__(self, _key: object) -> bool:
            return True

    with SessionRepository.open(path) as repo:
        turn_of(repo).holder = Ended()

        assert repo.update_variable("s", "v0", 1).version == 1
        assert repo.modify_variable("s", "v0", lambda value: value + 1).version == 2
        with pytest.raises(ZeroDivisionError):
            repo.modify_variable("s", "v0", lambda _: 1 / 0)


def test_threads_that_are_not_woken_look_themselves(path, commits, monkeypatch):
    monkeypatch.setattr(write_turn, "LOOK_AGAIN", 0.001)
    monkeypatch.setattr(write_turn.WriteTurn, "wake_all", lambda *_: None)
    with SessionRepository.open(path) as repo:
        with held_turn(repo) as crowd:
            crowd.come(*updates(repo))

        assert [each.version for each in outcomes_of(crowd)] == [1] * TASKS
    assert commits.count == 1


def test_a_thread_whose_turn_does_not_come_in_time_is_refused(path, commits):
    with SessionRepository.open(path, busy_timeout=0.05) as repo:
        with held_turn(repo) as crowd:
            crowd.come(update(repo, 0, 1))
            crowd.writers[0].join(30)
        [outcome] = outcomes_of(crowd)

        assert isinstance(outcome, StoreBusyError)
        assert "0.05 s" in str(outcome)
        assert outcome.__suppress_context__
        assert repo.update_variable("s", "v0", 2).version == 1


def test_a_thread_that_must_not_wait_asks_the_database_itself(path, commits):
    with SessionRepository.open(path, busy_timeout=0) as repo, held_turn(repo):
        assert repo.update_variable("s", "v0", 1).version == 1


def test_a_thread_with_an_open_block_is_refused_rather_than_made_to_wait(path, monkeypatch):
    monkeypatch.setattr(write_turn, "PATIENCE", 1000.0)
    with (
        SessionRepository.open(path, busy_timeout=1) as repo,
        repo.transaction(),
        held_turn(repo),
        pytest.raises(StoreBusyError, match=r"transaction\(\) returned"),
    ):
        repo.update_variable("s", "v0", 1)

    assert values(path)[0] == 0


def test_close_lets_the_group_under_way_end_and_refuses_who_waits(path, commits, monkeypatch):
    held = Held(10, monkeypatch)
    repo = SessionRepository.open(path)
    with held_turn(repo) as crowd:
        crowd.come(*numbered(repo))
    assert held.begun.wait(30)
    repo.close()
    held.may_end.set()
    outcomes = outcomes_of(crowd)

    assert [each.value for each in outcomes[:10]] == [*range(1, 11)]
    assert [type(each) for each in outcomes[10:]] == [StoreError] * (TASKS - 10)
    assert values(path) == [*range(1, 11)] + [0] * (TASKS - 10)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_is_forked_while_threads_wait_writes_for_itself_alone(path, commits):
    with SessionRepository.open(path) as repo:
        with held_turn(repo) as crowd:
            crowd.come(*updates(repo)[1:4])
            child = os.fork()
            if child == 0:  # pragma: no cover - in another process
                try:
                    written = repo.update_variable("s", "v0", 7).version
                    others = [repo.get_value("s", f"v{number}") for number in range(1, 4)]
                    os._exit(0 if (written, others) == (1, [0, 0, 0]) else 1)
                finally:
                    os._exit(2)
            assert os.waitpid(child, 0)[1] == 0
        outcomes = outcomes_of(crowd)

    assert [each.version for each in outcomes] == [1, 1, 1]
    assert versions(path)[:5] == [1, 1, 1, 1, 0]
