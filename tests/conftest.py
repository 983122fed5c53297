"""Fixtures for every test: a clock that the test moves, and hypothesis without deadlines.

Which tests run, and how long they take, is decided in selection.py; servers.py has the PostgreSQL
server, bytecode.py the bytecode of processes that tests start.
"""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings

pytest_plugins = ["tests.selection", "tests.servers", "tests.bytecode"]

# A deadline would measure the machine, and a database of examples would leave files in the
# checkout.
settings.register_profile("snakestore", deadline=None, database=None, max_examples=60)
settings.load_profile("snakestore")

# A shell has what it starts in the background ignore SIGINT, and the processes of the tests would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Years before any system clock that runs these tests: code that reads the system's clock instead of
# the given one finds everything expired.
START = datetime(2021, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)


class FakeClock:
    """A clock for ``clock=``: aware UTC. It stands still until a test moves it."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move by ``seconds`` (to the microsecond; back if negative) and return the new time."""
        return self.set(self._now + timedelta(seconds=seconds))

    def set(self, moment: datetime) -> datetime:
        """Move to ``moment`` and return it."""
        self._now = moment
        return moment


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
