"""What the hand-written programs return, their errors and their arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

LONGEST_UNRECORDED = 60.0


class GoneError(LookupError):
    """There is no such session, or it expired, or it has no such variable."""


class LockedError(RuntimeError):
    """The variable is being optimised by someone else."""


@dataclass(slots=True)
class Record:
    """A whole variable."""

    id: str
    name: str
    type: str
    value: Any
    constraints: dict[str, Any]
    metadata: dict[str, Any]
    version: int
    created_at: datetime
    last_updated_at: datetime
    optimizing: bool
    access_rules: list[Any]


def check_alive(idle: float, ttl: float | None) -> None:
    """Refuses a session that has been idle for longer than it lives."""
    if ttl is not None and idle > ttl:
        message = "the session has expired"
        raise GoneError(message)


def access_is_due(idle: float, ttl: float | None) -> bool:
    """Whether an access is to be recorded again by a read."""
    return idle >= LONGEST_UNRECORDED if ttl is None else idle >= min(ttl / 10, LONGEST_UNRECORDED)
