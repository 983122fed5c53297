"""Waiting and trying again, in threads and in SQLAlchemy's greenlets alike."""

from __future__ import annotations

import logging
import random
import sys
import threading
import time

from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.driver_errors import (
    is_busy,
    is_driver_error,
    is_duplicate,
    is_out_of_reach,
)

MIN_PAUSE, MAX_PAUSE = 0.002, 0.02
"""Upper bounds of a pause in seconds: of the first ones, and after a long wait."""
JITTER_FACTOR = 0.02
"""The longest next pause, as a share of the time waited so far."""
RECONNECT_FACTOR, MAX_RECONNECT_PAUSE = 0.5, 0.25
"""The same for reconnecting to a server."""

logger = logging.getLogger("snakestore.execution")


class Backoff:
    """Pauses between tries, until a time limit.

    Short random pauses give every waiter a turn; with SQLite's own busy handler some wait ten times
    as long as others. The upper bound stays the same for a tenth of a second, so that waiters of
    different age have an even chance and catch the moments at which a sweep yields the write lock.
    Then it grows, so that waiting for a long transaction costs no processor time.
    """

    def __init__(
        self, limit: float, *, factor: float = JITTER_FACTOR, longest: float = MAX_PAUSE
    ) -> None:
        """Wait for at most ``limit`` seconds; no pause is longer than ``longest`` seconds."""
        self._began = time.monotonic()
        self._limit = limit
        self._factor = factor
        self._longest = longest

    def wait(self) -> bool:
        """Pause. Returns False, at once, if the limit is reached."""
        waited = time.monotonic() - self._began
        if waited >= self._limit:
            return False
        longest = min(max(MIN_PAUSE, waited * self._factor), self._longest)
        pause(min(self._limit - waited, random.uniform(0, longest)))  # noqa: S311 - jitter
        return True


class RetryPolicy:
    """Whether to run an operation again after an error, and after which pause."""

    def __init__(self, backend: Backend, limit: float, *, reached: bool) -> None:
        """Retry for at most ``limit`` seconds.

        Args:
            backend: what differs by database.
            limit: seconds to go on trying.
            reached: whether the server was ever reached. If not, its address may be wrong, and an
                error is reported at once.
        """
        self._remote = backend.remote
        self._reached = reached
        self._busy = Backoff(limit)
        self._unreachable = Backoff(limit, factor=RECONNECT_FACTOR, longest=MAX_RECONNECT_PAUSE)
        self._lost = False

    def should_retry(self, error: BaseException, connection: ConnectionAdapter | None) -> bool:
        """Whether to try again, after a pause if one is due.

        Args:
            error: what ended the last try.
            connection: the connection that the error came from; None if connecting failed.
        """
        if not self.is_driver_error(error, connection):
            return False
        if connection is None:
            return (
                self._remote
                and (self._reached or self._lost)
                and is_out_of_reach(error)
                and self._wait(self._unreachable, "connecting failed", error)
            )
        if self._remote and connection.broken:
            first, self._lost = not self._lost, True
            if first:
                logger.info("connection lost, reconnecting: %s", type(error).__name__)
            return first or self._wait(self._unreachable, "connection lost again", error)
        return (is_busy(error) or is_duplicate(error)) and self._wait(self._busy, "busy", error)

    def is_driver_error(self, error: BaseException, connection: ConnectionAdapter | None) -> bool:
        """Whether the error is the database layer's, or a socket's while connecting to a server."""
        return is_driver_error(error) or (
            connection is None and self._remote and isinstance(error, OSError)
        )

    def _wait(self, backoff: Backoff, reason: str, error: BaseException) -> bool:
        again = backoff.wait()
        if again:
            logger.debug("%s, trying again: %s", reason, type(error).__name__)
        return again


def pause(seconds: float) -> None:
    """Sleep; in a greenlet of SQLAlchemy's asyncio, without blocking the event loop."""
    if "greenlet" in sys.modules:
        from sqlalchemy.util.concurrency import await_, in_greenlet  # noqa: PLC0415 - optional

        if in_greenlet():
            import asyncio  # noqa: PLC0415 - such a greenlet has loaded it

            await_(asyncio.sleep(seconds))
            return
    time.sleep(seconds)


def acquire_lock(lock: threading.Lock, limit: float) -> bool:
    """Acquire a lock that threads and greenlets share. Returns False after ``limit`` seconds."""
    backoff = Backoff(limit)
    while not lock.acquire(blocking=False):
        if not backoff.wait():
            return False
    return True
