"""Sessions and their statistics as frozen values, and the rule of expiry."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from snakestore.clock import as_utc, now_or, seconds_between, shifted

MAX_TTL = timedelta(days=36525)
MAX_TTL_SECONDS = MAX_TTL.total_seconds()


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Statistics of a session.

    Attributes:
        variable_count: how many variables the session has.
        program_count: how many programs it has.
        total_variable_updates: how often a variable was registered, put or updated.
        age: seconds since the session was created, when it was read. Not compared.
        time_since_access: seconds since the last recorded access, when it was read. Not compared.
        total_items: variables and programs together.
    """

    variable_count: int
    program_count: int
    total_variable_updates: int
    age: float = field(compare=False)
    time_since_access: float = field(compare=False)
    total_items: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Session:
    """A session as it was read. It is a plain value without a connection to the database.

    Attributes:
        id: the id of the session.
        created_at: when it was created, in UTC.
        last_accessed: the last recorded access. Reads record one at most every min(ttl/10, 60 s).
        ttl: seconds that the session may be idle; None: it never expires.
        expires_at: ``last_accessed`` plus ``ttl``; None: it never expires.
        last_worker_id: the worker that used the session last, if it gave its id.
        metadata: a JSON object.
        stats: how many variables and programs the session has.

    Raises:
        ValidationError: if a time is naive.
    """

    id: str
    created_at: datetime
    last_accessed: datetime
    ttl: float | None
    expires_at: datetime | None
    last_worker_id: str | None
    metadata: dict[str, Any]
    stats: SessionStats

    def __post_init__(self) -> None:
        """Check the times and convert them to UTC."""
        put = object.__setattr__
        put(self, "created_at", as_utc(self.created_at, "created_at"))
        put(self, "last_accessed", as_utc(self.last_accessed, "last_accessed"))
        if self.expires_at is not None:
            put(self, "expires_at", as_utc(self.expires_at, "expires_at"))

    def __repr__(self) -> str:
        stats = self.stats
        return (
            f"<Session {self.id!r}: {stats.variable_count} variables, {stats.program_count}"
            f" programs, ttl {self.ttl}>"
        )

    def _repr_html_(self) -> str:
        from snakestore.notebook import brief, fields_table  # noqa: PLC0415 - on use

        shown = {
            "variables": self.stats.variable_count,
            "programs": self.stats.program_count,
            "updates": self.stats.total_variable_updates,
            "metadata": brief(self.metadata),
            "created (UTC)": self.created_at,
            "last accessed (UTC)": self.last_accessed,
            "expires (UTC)": self.expires_at or "never",
            "last worker": self.last_worker_id,
        }
        return fields_table(f"Session {self.id}", shown)

    def expired(self, now: datetime | None = None) -> bool:
        """Whether the session is idle for longer than its ttl at ``now`` (default: the clock)."""
        at = now_or(now)
        return self.ttl is not None and is_expired(self.last_accessed, self.ttl, at)

    def age(self, now: datetime | None = None) -> float:
        """Seconds since the session was created, never negative."""
        return seconds_between(self.created_at, now_or(now))

    def time_since_access(self, now: datetime | None = None) -> float:
        """Seconds since the last recorded access, never negative."""
        return seconds_between(self.last_accessed, now_or(now))


def expiry(last_accessed: datetime, ttl: float | None) -> datetime | None:
    """The last time at which a session is alive; None if ``ttl`` is None (it never expires)."""
    return None if ttl is None else shifted(last_accessed, _span(ttl))


@lru_cache(maxsize=64)
def _span(ttl: float) -> timedelta:
    return timedelta(seconds=ttl)  # every write needs it, and there are few different ones


def exceeds_ttl(idle: float, ttl: float | None) -> bool:
    """Whether a session that has been idle for so many seconds has expired: strictly longer."""
    return ttl is not None and idle > ttl


def is_expired(last_accessed: datetime, ttl: float | None, now: datetime) -> bool:
    """Whether a session has been idle for strictly longer than its ttl at ``now``."""
    # exact, because times and ttl are whole microseconds
    return exceeds_ttl((now - last_accessed).total_seconds(), ttl)
