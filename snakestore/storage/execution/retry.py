"""Waiting and trying again, in threads and in SQLAlchemy's greenlets alike."""

from __future__ import annotations

import logging
import random
import time

from snakestore.clock import steady_seconds
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.driver_errors import (
    is_busy,
    is_connection_loss,
    is_driver_error,
    is_duplicate,
    is_out_of_reach,
)
from snakestore.storage.sqlalchemy_internals import in_greenlet, wait_for

FIRST_PAUSE, MIN_PAUSE, MAX_PAUSE = 0.003, 0.001, 0.02
"""Upper bounds of a pause in seconds: of the first ones, of the next, and after a long wait."""
FIRST_SECONDS = 0.006
"""How long the first pauses are made."""
JITTER_FACTOR = 0.02
"""The longest next pause, as a share of the time waited so far."""
MAX_HOLD_SECONDS = 0.02
"""How long one caller works under a write lock, about, before it lets others have it."""
RECONNECT_FACTOR, MAX_RECONNECT_PAUSE = 0.5, 0.25
"""The same for reconnecting to a server."""

logger = logging.getLogger("snakestore.execution")


class Backoff:
    """Pauses between tries, until a time limit.

    Short random pauses give every waiter a turn; with SQLite's own busy handler some wait ten times
    as long as others. A caller that has waited longer than most tries more often than those that
    came later. With 8 processes, the longest wait is a quarter shorter then. It also catches the
    moments at which a sweep yields the write lock. After a twentieth of a second the upper bound
    grows, so that waiting for a long transaction costs no processor time.

    The limit also holds where a test tool has stopped all clocks: no less time has passed than the
    pauses took.
    """

    def __init__(
        self, limit: float, *, factor: float = JITTER_FACTOR, longest: float = MAX_PAUSE
    ) -> None:
        """Wait for at most ``limit`` seconds; no pause is longer than ``longest`` seconds."""
        self._began = steady_seconds()
        self._paused = 0.0
        self._limit = limit
        self._factor = factor
        self._longest = longest

    def next_pause(self) -> float | None:
        """Seconds to pause before the next try; None if the limit is reached."""
        waited = max(steady_seconds() - self._began, self._paused)
        if waited >= self._limit:
            return None
        shortest = FIRST_PAUSE if waited < FIRST_SECONDS else MIN_PAUSE
        longest = min(max(shortest, waited * self._factor), self._longest)
        seconds = min(self._limit - waited, random.uniform(0, longest))  # noqa: S311 - jitter
        self._paused += seconds
        return seconds

    def wait(self) -> bool:
        """Pause. Returns False, at once, if the limit is reached."""
        seconds = self.next_pause()
        if seconds is None:
            return False
        pause(seconds)
        return True


class RetryLater(Exception):  # noqa: N818 - no error, but a way to return to the event loop
    """Another try may help after ``delay`` seconds. Nothing was kept and no connection is held."""

    def __init__(self, delay: float, policy: RetryPolicy) -> None:
        super().__init__(delay)
        self.delay = delay
        self.policy = policy
        """For the next try, so that its time limit counts from the first."""


class RetryPolicy:
    """Whether to run an operation again after an error, and after which pause."""

    def __init__(
        self, backend: Backend, limit: float, *, reached: bool, in_place: bool = True
    ) -> None:
        """Retry for at most ``limit`` seconds.

        Args:
            backend: what differs by database.
            limit: seconds to go on trying.
            reached: whether the server was ever reached. If not, its address may be wrong, and an
                error is reported at once.
            in_place: whether to pause here. If not, ``RetryLater`` is raised instead, for a caller
                that pauses on an event loop and then tries again with the same policy.
        """
        self._backend = backend
        self._remote = backend.remote
        self._in_place = in_place
        self._reached = reached
        self._busy = Backoff(limit)
        self._unreachable = Backoff(limit, factor=RECONNECT_FACTOR, longest=MAX_RECONNECT_PAUSE)
        self._lost = False

    def should_retry(self, error: BaseException, connection: ConnectionAdapter | None) -> bool:
        """Whether to try again, after a pause if one is due.

        Args:
            error: what ended the last try.
            connection: the connection that the error came from; None if connecting failed.

        Raises:
            RetryLater: a pause is due, and not in place.
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
        if self._remote and (connection.broken or is_connection_loss(error)):
            first, self._lost = not self._lost, True
            if first:
                logger.info("connection lost, reconnecting: %s", type(error).__name__)
            return first or self._wait(self._unreachable, "connection lost again", error)
        return (is_busy(error) or is_duplicate(error)) and self._wait(self._busy, "busy", error)

    def is_driver_error(self, error: BaseException, connection: ConnectionAdapter | None) -> bool:
        """Whether the error is the database layer's, or a socket's while connecting to a server."""
        return is_driver_error(error) or (
            connection is None and self._backend.is_connecting_error(error)
        )

    def _wait(self, backoff: Backoff, reason: str, error: BaseException) -> bool:
        seconds = backoff.next_pause()
        if seconds is None:
            return False
        logger.debug("%s, trying again: %s", reason, type(error).__name__)
        if not self._in_place:
            raise RetryLater(seconds, self)
        pause(seconds)
        return True


def pause(seconds: float) -> None:
    """Sleep; in a greenlet of SQLAlchemy's asyncio, without blocking the event loop."""
    if in_greenlet():
        from snakestore.storage.execution import loop_time  # noqa: PLC0415 - it loads asyncio

        wait_for(loop_time.sleep(seconds))
    else:
        time.sleep(seconds)
