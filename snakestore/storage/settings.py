"""What an engine of ours was told: how long it waits, and what survives."""

from __future__ import annotations

from typing import Literal, NamedTuple

from snakestore.errors import ValidationError

Durability = Literal["normal", "full"]
LONGEST_BUSY_TIMEOUT = 24 * 3600.0
"""Seconds; SQLite counts milliseconds in 32 bits."""


class Settings(NamedTuple):
    """``busy_timeout`` in seconds; ``durability`` "normal" survives ``kill -9``, "full" a power failure too."""

    busy_timeout: float
    durability: Durability

    @classmethod
    def checked(cls, busy_timeout: object, durability: object) -> Settings:
        """The settings as given.

        Raises:
            ValidationError: one of them may not be.
        """
        if (
            not isinstance(busy_timeout, int | float)
            or isinstance(busy_timeout, bool)
            or not busy_timeout >= 0
        ):
            message = "busy_timeout is a number of seconds, 0 or more"
            raise ValidationError(message, value=busy_timeout)
        if durability not in {"normal", "full"}:
            message = (
                'durability is "normal" (an acknowledged write survives kill -9) or "full" (and a'
                " power failure)"
            )
            raise ValidationError(message, value=durability)
        return cls(float(min(busy_timeout, LONGEST_BUSY_TIMEOUT)), durability)
