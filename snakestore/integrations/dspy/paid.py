"""What a metric or an LM answered: stored once, and read again after a crash."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from snakestore.integrations.dspy.tail import LogTail
from snakestore.repository import SessionRepository

_MISSING: Final = object()


class PaidLog:
    """The answers in a log, by key. Other processes that append to the log are noticed."""

    def __init__(self, repository: SessionRepository, sid: str, log: str) -> None:
        self._repository = repository
        self._sid = sid
        self._log = log
        self._tail = LogTail(repository, sid, log)
        self._positions: dict[str, int] = {}
        self._reading = threading.Lock()
        self._turns: dict[str, tuple[threading.Lock, int]] = {}
        self._turning = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> PaidLog:
        """Copies of an LM share it."""
        return self

    def once(self, key: str, pay: Callable[[], Any]) -> Any:
        """The stored answer, or that of ``pay``, which is stored. Threads with one key wait."""
        with self._turn(key):
            answer = self.find(key)
            if answer is _MISSING:
                answer = pay()
                self.store(key, answer)
            return answer

    def find(self, key: str, default: Any = _MISSING) -> Any:
        """The stored answer, or ``default``."""
        with self._reading:
            if key not in self._positions:
                for entry in self._tail.new_entries():
                    self._positions.setdefault(entry.value["key"], entry.position)
            position = self._positions.get(key)
        if position is None:
            return default
        after = position - 1 if position else None
        (entry,) = self._repository.read_log(self._sid, self._log, after=after, limit=1)
        return entry.value["answer"]

    def store(self, key: str, answer: Any) -> None:
        """Append an answer."""
        self._repository.append_log(self._sid, self._log, [{"key": key, "answer": answer}])

    @contextlib.contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """One thread at a time for each key."""
        with self._turning:
            lock, waiting = self._turns.get(key, (threading.Lock(), 0))
            self._turns[key] = lock, waiting + 1
        try:
            with lock:
                yield
        finally:
            with self._turning:
                lock, waiting = self._turns.pop(key)
                if waiting > 1:
                    self._turns[key] = lock, waiting - 1
