"""By how much the recorded time of a session's last access may lag behind the exact one."""

from __future__ import annotations

from datetime import datetime, timedelta

MAX_ACCESS_LAG = 60.0
"""Seconds."""
_LONG_TTL = 10 * MAX_ACCESS_LAG
_HALF_A_MICROSECOND = 5e-7
"""Times are rounded to microseconds."""


def touch_interval(ttl: float | None) -> float:
    """By how many seconds a recorded access may lag: a tenth of the ttl, at most a minute."""
    return MAX_ACCESS_LAG if ttl is None or ttl >= _LONG_TTL else ttl / 10


def access_is_due(idle: float, ttl: float | None) -> bool:
    """Whether a read of a session that was idle for ``idle`` seconds is to be recorded.

    It always is if the session has expired.
    """
    return idle + _HALF_A_MICROSECOND >= touch_interval(ttl)


def lags_within_interval(recorded: datetime, exact: datetime, ttl: float | None) -> bool:
    """Whether ``recorded`` is earlier than ``exact`` by no more than the touch interval."""
    return exact - recorded <= timedelta(seconds=touch_interval(ttl))
