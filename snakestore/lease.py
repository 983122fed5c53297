"""Who is optimising a variable, and for how long: a frozen value, and what a lease may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from snakestore.errors import ValidationError, shorten
from snakestore.names import checked_name

LONGEST_LEASE = timedelta(days=36525)
MOST_DIGITS = 4300
"""As for any int in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationStatus:
    """Who is optimising a variable, since when, and until when the lease runs (None: until ended)."""

    optimizing: bool = False
    optimizer_id: str | None = None
    optimizer_pid: str | int | None = None
    started_at: datetime | None = None
    expires_at: datetime | None = None


NOT_OPTIMIZING = OptimizationStatus()


def checked_pid(pid: object) -> str | int | None:
    """An optimiser's process id: a str, an int or None.

    Raises:
        ValidationError: it is none of these.
    """
    if pid is None:
        return None
    if isinstance(pid, int) and not isinstance(pid, bool) and abs(pid) < 10**MOST_DIGITS:
        return int(pid)
    return checked_name(pid, "an optimizer_pid")


def checked_lease(lease: object) -> timedelta | None:
    """A lease as a timedelta: positive seconds (int, float) or a timedelta, at most 100 years; None runs until ended.

    Raises:
        ValidationError: it is none of these.
    """
    if lease is None:
        return None
    if isinstance(lease, timedelta):
        length = lease
    elif isinstance(lease, bool) or not isinstance(lease, int | float):
        message = (
            "a lease is a number of seconds, a timedelta or None (until ended), not"
            f" {type(lease).__name__}"
        )
        raise ValidationError(message, value=lease)
    else:
        length = (
            timedelta(seconds=lease)
            if abs(lease) <= LONGEST_LEASE.total_seconds()
            else timedelta.max
        )
    if not timedelta(0) < length <= LONGEST_LEASE:
        message = (
            f"a lease must be longer than nothing and at most 100 years, not {shorten(lease)}; None"
            " runs until ended"
        )
        raise ValidationError(message, value=lease)
    return length
