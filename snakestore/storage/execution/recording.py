"""How soon the recording of accesses is tried again after it failed."""

from __future__ import annotations

import logging
from time import monotonic

from snakestore.errors import SnakeStoreError, StoreBusyError, StoreFullError

FIRST_PAUSE, MAX_PAUSE = 0.01, 0.25
"""Seconds; each pause is twice as long as the one before."""

logger = logging.getLogger("snakestore.execution")


class RecordingPause:
    """Pauses between tries to record an access, where recording is refused.

    The pauses keep reads fast where recording is never possible: on a read-only file, or with a
    role that may only read. They are short, so that a session in use does not expire once writing
    is possible again.
    """

    def __init__(self) -> None:
        self._until = 0.0
        self._seconds = 0.0

    def paused(self) -> bool:
        """Whether not to try now."""
        return self._seconds > 0 and monotonic() < self._until

    def failed(self, problem: SnakeStoreError) -> None:
        """Pause, unless the next read may succeed: a lock or a full disk costs it little."""
        logger.debug("an access was not recorded: %s", type(problem).__name__)
        if not isinstance(problem, StoreBusyError | StoreFullError):
            self._seconds = min(max(FIRST_PAUSE, 2 * self._seconds), MAX_PAUSE)
            self._until = monotonic() + self._seconds

    def succeeded(self) -> None:
        """Pause no more."""
        self._seconds = 0.0
