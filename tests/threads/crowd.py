"""Threads that wait for the same turn at the write lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.storage.execution.turn_taking import TurnTakingRunner
from snakestore.storage.execution.write_turn import TURN, WriteTurn
from tests.awaited.group_commit.groups import TASKS

Write = Callable[[], Any]


def turn_of(repo: SessionRepository) -> WriteTurn:
    runner = repo._runner
    assert isinstance(runner, TurnTakingRunner)
    assert runner._turn is not None
    return runner._turn


class Writer(threading.Thread):
    """Writes once, and keeps the outcome."""

    def __init__(self, write: Write) -> None:
        super().__init__(daemon=True)
        self._write = write
        self.outcome: Any = None

    def run(self) -> None:
        try:
            self.outcome = self._write()
        except BaseException as error:  # noqa: BLE001 - it is compared
            self.outcome = error

    def take(self) -> Any:
        """The outcome, once: an error refers to the thread by its traceback."""
        outcome, self.outcome = self.outcome, None
        return outcome


class Crowd:
    """Threads that come one after the other, while the turn is held."""

    def __init__(self, repo: SessionRepository) -> None:
        self.turn = turn_of(repo)
        self.holder = object()
        """What holds it."""
        self.writers: list[Writer] = []

    def come(self, *writes: Write) -> list[Writer]:
        """Let threads come, each when the one before waits, or has ended."""
        come = [Writer(write) for write in writes]
        for writer in come:
            writer.start()
            until(partial(self._has_come, writer))
        self.writers += come
        return come

    def _has_come(self, writer: Writer) -> bool:
        waiting = [each.caller for each in list(self.turn.waiting)]
        return writer.ident in waiting or not writer.is_alive()


def until(condition: Callable[[], bool], timeout: float = 30.0) -> None:
    """Wait until something is so."""
    ticks = threading.Event()
    for _ in range(int(timeout / 0.001)):
        if condition():
            return
        ticks.wait(0.001)
    pytest.fail("it did not become so")


@contextmanager
def held_turn(repo: SessionRepository) -> Iterator[Crowd]:
    """The turn is held, and ends with the block."""
    crowd = Crowd(repo)
    crowd.turn.holder[TURN] = crowd.holder
    try:
        yield crowd
    finally:
        crowd.turn.end(crowd.holder)


def outcomes_of(crowd: Crowd) -> list[Any]:
    """What the threads got, when all have ended. Nothing is held then."""
    for writer in crowd.writers:
        writer.join(30)
        assert not writer.is_alive(), "it waits for ever"
    assert not crowd.turn.holder
    assert not crowd.turn.waiting
    return [writer.take() for writer in crowd.writers]


def together(repo: SessionRepository, *writes: Write) -> list[Any]:
    """The results and errors of writes that waited for the same turn."""
    with held_turn(repo) as crowd:
        crowd.come(*writes)
    return outcomes_of(crowd)


def update(repo: SessionRepository, number: int, value: int) -> Write:
    return lambda: repo.update_variable("s", f"v{number}", value)


def updates(repo: SessionRepository, value: int = 1) -> list[Write]:
    return [update(repo, number, value) for number in range(TASKS)]


def numbered(repo: SessionRepository) -> list[Write]:
    """``v0`` becomes 1, ``v1`` becomes 2, and so on."""
    return [update(repo, number, number + 1) for number in range(TASKS)]
