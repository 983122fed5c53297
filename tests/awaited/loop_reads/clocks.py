"""Clocks of the repository and of its reads, and what warms a read up."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class Clock:
    """The repository's clock, which notes the thread that asks it: the one that reads."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        self.thread = threading.get_ident()
        return datetime.now(UTC) + self.ahead

    @property
    def on_loop(self) -> bool:
        """Whether the last method ran in the present thread."""
        return self.thread == threading.get_ident()


class Steady:
    """The clock that measures reads. It stands still, so that a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


async def again(call):
    """Call twice: the first call of a method, or of a session, runs in a thread."""
    await call()
    return await call()
