"""Waiting for others: short random pauses until a deadline, in threads and in SQLAlchemy's greenlets alike."""

from __future__ import annotations

import random
import sys
import threading
import time

MIN_PAUSE, MAX_PAUSE = 0.002, 0.02
"""Seconds that a pause takes at most: at first, and after a long wait."""
SHARE = 0.02
"""Of the time that was waited already, what the next pause takes at most."""


class Backoff:
    """How long to wait for the next try, and when to give up.

    Short random pauses let every waiter have its turn; SQLite's own busy handler lets some wait ten
    times as long. For a tenth of a second they are as long as at first, so that those who wait
    longer have an even chance and do not miss the moments in which a sweep leaves the writer's
    place free; then they grow, so that to wait for somebody who is long at work costs nothing.
    """

    def __init__(self, limit: float, *, share: float = SHARE, longest: float = MAX_PAUSE) -> None:
        self._began = time.monotonic()
        self._limit = limit
        self._share = share
        self._longest = longest

    def wait(self) -> bool:
        """Wait a moment; False, at once, where the time is up."""
        waited = time.monotonic() - self._began
        if waited >= self._limit:
            return False
        longest = min(max(MIN_PAUSE, waited * self._share), self._longest)
        pause(min(self._limit - waited, random.uniform(0, longest)))  # noqa: S311 - jitter, no secret
        return True


def pause(seconds: float) -> None:
    """Sleep; in a greenlet of SQLAlchemy's asyncio, let the event loop go on meanwhile."""
    if "greenlet" in sys.modules:
        from sqlalchemy.util.concurrency import await_, in_greenlet  # noqa: PLC0415 - needs greenlet

        if in_greenlet():
            import asyncio  # noqa: PLC0415 - a greenlet of SQLAlchemy's has it loaded; others need not pay for it

            await_(asyncio.sleep(seconds))
            return
    time.sleep(seconds)


def take(lock: threading.Lock, limit: float) -> bool:
    """Take a lock that threads and greenlets share; False where it was not to be had in ``limit`` seconds."""
    patience = Backoff(limit)
    while not lock.acquire(blocking=False):
        if not patience.wait():
            return False
    return True
