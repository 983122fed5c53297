"""The optimisation status of a variable, and checks of an optimiser's arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from snakestore.clock import as_utc
from snakestore.errors import ValidationError, shorten
from snakestore.names import checked_name

MAX_LEASE = timedelta(days=36525)
MAX_PID_DIGITS = 4300
"""As for any int in JSON."""


@dataclass(frozen=True, slots=True)
class OptimizationStatus:
    """Whether a variable is being optimised, by whom, and until when.

    Attributes:
        optimizing: whether an optimiser held the variable when it was read.
        optimizer_id: the id of the optimiser, None if there is none.
        optimizer_pid: its process id, if it gave one.
        started_at: when the optimisation started.
        expires_at: when the lease expires; None: it runs until it is ended.

    Raises:
        ValidationError: if a time is naive.
    """

    optimizing: bool = False
    optimizer_id: str | None = None
    optimizer_pid: str | int | None = None
    started_at: datetime | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        """Check the times and convert them to UTC."""
        put = object.__setattr__
        if self.started_at is not None:
            put(self, "started_at", as_utc(self.started_at, "started_at"))
        if self.expires_at is not None:
            put(self, "expires_at", as_utc(self.expires_at, "expires_at"))


NOT_OPTIMIZING = OptimizationStatus()


def checked_pid(pid: object) -> str | int | None:
    """An optimiser's process id: a str, an int or None.

    Raises:
        ValidationError: if ``pid`` is none of these.
    """
    if pid is None:
        return None
    if isinstance(pid, int) and not isinstance(pid, bool) and abs(pid) < 10**MAX_PID_DIGITS:
        return int(pid)
    return checked_name(pid, "optimizer_pid")


def checked_lease(lease: object) -> timedelta | None:
    """The length of a lease as a timedelta; None: until ended.

    Args:
        lease: seconds (int or float) or a timedelta, positive and at most 100 years; or None.

    Raises:
        ValidationError: if ``lease`` is none of these.
    """
    if lease is None:
        return None
    if isinstance(lease, timedelta):
        length = lease
    elif isinstance(lease, bool) or not isinstance(lease, int | float):
        message = (
            "lease must be a number of seconds, a timedelta or None (until ended), not"
            f" {type(lease).__name__}"
        )
        raise ValidationError(message, value=lease)
    else:
        length = (
            timedelta(seconds=lease) if abs(lease) <= MAX_LEASE.total_seconds() else timedelta.max
        )
    if not timedelta(0) < length <= MAX_LEASE:
        message = (
            f"lease must be positive and at most 100 years, not {shorten(lease)}. Pass None for a"
            " lease that runs until it is ended."
        )
        raise ValidationError(message, value=lease)
    return length
