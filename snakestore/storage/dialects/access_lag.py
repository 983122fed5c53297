"""By how much the recorded times of a session may lag behind the exact ones."""

from __future__ import annotations

from datetime import datetime

from snakestore.session import expiry

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


def recorded_expiry(
    recorded: datetime | None, last_accessed: datetime, ttl: float | None
) -> datetime | None:
    """What to have in ``sessions.expires_at`` after an access; ``recorded`` is there now.

    The column is indexed. Where it stays as it is, SQLite writes a page less, and PostgreSQL keeps
    the row on its page (a HOT update). So it moves only if it lags by more than the touch interval,
    or is too late because the ttl was shortened. It is never later than the exact time.
    """
    if ttl is not None and recorded is not None:
        lag = (last_accessed - recorded).total_seconds() + ttl
        if -_HALF_A_MICROSECOND <= lag <= touch_interval(ttl):
            return recorded
    return expiry(last_accessed, ttl)
