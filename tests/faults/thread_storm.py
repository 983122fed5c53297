"""Exceptions at random instants in threads that write at the same time, and what must hold then."""

from __future__ import annotations

import ctypes
import random
import threading
import time
from typing import Any

from snakestore import CommitUnknownError, SessionRepository
from tests.faults.storm import File, Stop, check_idle

LATEST = 0.004
"""The latest instant of an exception, in seconds after the one before."""


class Writer(threading.Thread):
    """Counts in a variable of its own, and goes on after each exception."""

    def __init__(self, repository: SessionRepository, number: int, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.repository, self.variable, self.ended = repository, f"v{number}", ended
        self.acknowledged = self.unknown = 0
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.ended.is_set():
                self._count()
        except BaseException as problem:  # noqa: BLE001 - the main thread looks at it
            self.problem = problem

    def _count(self) -> None:
        try:
            try:
                while not self.ended.is_set():
                    self._write()
                    self.acknowledged += 1
            except (Stop, CommitUnknownError):
                self.unknown += 1
        except Stop:  # one that came in the line above
            self.unknown += 1

    def _write(self) -> None:
        if random.random() < 0.1:
            with self.repository.transaction() as transaction:
                transaction.update_variable("s", self.variable, 0)
        else:
            self.repository.update_variable("s", self.variable, 0)


def rage(path: str, hits: int, count: int, seed: int) -> dict[str, int]:
    """Interrupt ``count`` writing threads ``hits`` times. Returns what was acknowledged."""
    random.seed(seed)
    ended = threading.Event()
    with SessionRepository.open(path, busy_timeout=30, history=0) as repository:
        repository.create_session("s", ttl=None)
        for number in range(count):
            repository.register_variable("s", f"v{number}", "integer", 0)
        writers = [Writer(repository, number, ended) for number in range(count)]
        for writer in writers:
            writer.start()
        for _ in range(hits):
            time.sleep(random.uniform(0, LATEST))
            _strike(random.choice(writers))
        ended.set()
        for writer in writers:
            writer.join(60)
            assert not writer.is_alive(), "it waits for ever"
            assert writer.problem is None, repr(writer.problem)
        check_idle(repository)
        assert File(path).is_free(), "a lock is left"
        _check_counts(repository, writers)
        assert repository.check().ok
    return {"hits": hits, "acknowledged": sum(writer.acknowledged for writer in writers)}


def _strike(writer: Writer) -> None:
    target = ctypes.c_ulong(writer.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(Stop))


def _check_counts(repository: SessionRepository, writers: list[Writer]) -> None:
    for writer in writers:
        stored: Any = repository.get_variable("s", writer.variable).version
        most = writer.acknowledged + writer.unknown
        assert writer.acknowledged <= stored <= most, (
            f"{stored} stored, {writer.acknowledged} acknowledged, {writer.unknown} unknown"
        )
