"""Results, errors and rules of the hand-written programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

MAX_UNRECORDED_SECONDS = 60.0


class GoneError(LookupError):
    """The session or variable does not exist, or the session has expired."""


class LockedError(RuntimeError):
    """Another optimiser holds the variable."""


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
    """Refuse a session that has been idle for longer than its ttl."""
    if ttl is not None and idle > ttl:
        message = "the session has expired"
        raise GoneError(message)


def access_is_due(idle: float, ttl: float | None) -> bool:
    """Whether a read must record the access."""
    return (
        idle >= MAX_UNRECORDED_SECONDS
        if ttl is None
        else idle >= min(ttl / 10, MAX_UNRECORDED_SECONDS)
    )
