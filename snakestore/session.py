"""Sessions as frozen values: what a session is, when it was used, and what it holds in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from snakestore.clock import now_or, seconds_between, shifted


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStats:
    """What a session holds, in numbers.

    ``age`` and ``time_since_access`` are seconds at the moment of reading, so they take no part in
    comparison.
    """

    variable_count: int
    program_count: int
    total_variable_updates: int
    age: float = field(compare=False)
    time_since_access: float = field(compare=False)
    total_items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it was read: a value, not a connection to anything.

    Attributes:
        ttl: seconds that the session may be idle, None where it never expires.
        last_accessed: the recorded access; reads record one at most every min(ttl/10, 60 s).
        expires_at: ``last_accessed`` plus ``ttl``; None where it never expires.
    """

    id: str
    created_at: datetime
    last_accessed: datetime
    ttl: float | None
    expires_at: datetime | None
    last_worker_id: str | None
    metadata: dict[str, Any]
    stats: SessionStats

    def expired(self, now: datetime | None = None) -> bool:
        """Whether the session had been idle for strictly longer than its ttl at ``now`` (default: the system's clock)."""
        if self.ttl is None:
            return False
        return is_expired(self.last_accessed, self.ttl, now_or(now))

    def age(self, now: datetime | None = None) -> float:
        """Seconds since the session was created, never negative."""
        return seconds_between(self.created_at, now_or(now))

    def time_since_access(self, now: datetime | None = None) -> float:
        """Seconds since the recorded access, never negative."""
        return seconds_between(self.last_accessed, now_or(now))


def expiry(last_accessed: datetime, ttl: float | None) -> datetime | None:
    """The last instant at which a session accessed at ``last_accessed`` is alive; None where ``ttl`` is None."""
    return None if ttl is None else shifted(last_accessed, _span(ttl))


@lru_cache(maxsize=64)
def _span(ttl: float) -> timedelta:
    return timedelta(seconds=ttl)  # of the few that there are, asked for by every write


def is_expired(last_accessed: datetime, ttl: float | None, now: datetime) -> bool:
    """Whether a session is idle, at ``now``, for strictly longer than its ``ttl``: the one place that says so."""
    return (
        ttl is not None and (now - last_accessed).total_seconds() > ttl
    )  # exact: all are whole microseconds
