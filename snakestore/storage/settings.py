"""The settings of snakestore's engines: how long they wait, and which failures a write survives."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal, NamedTuple

from snakestore.errors import ValidationError

Durability = Literal["normal", "full"]
MAX_BUSY_TIMEOUT = 24 * 3600.0
"""Seconds; SQLite counts milliseconds in 32 bits."""


class Settings(NamedTuple):
    """How the connections of an engine wait and commit."""

    busy_timeout: float = 30.0
    """Seconds to wait for other writers."""
    durability: Durability = "normal"
    """An acknowledged write survives ``kill -9`` ("normal"), or a power failure too ("full")."""

    @classmethod
    def checked(cls, busy_timeout: object, durability: object) -> Settings:
        """The settings, with ``busy_timeout`` at most a day.

        Raises:
            ValidationError: one of them is invalid.
        """
        if (
            not isinstance(busy_timeout, int | float)
            or isinstance(busy_timeout, bool)
            or not busy_timeout >= 0
        ):
            message = "busy_timeout is a number of seconds, 0 or more"
            raise ValidationError(message, value=busy_timeout)
        if not isinstance(durability, Hashable) or durability not in {"normal", "full"}:
            message = (
                'durability is "normal" (an acknowledged write survives kill -9) or "full" (and a'
                " power failure)"
            )
            raise ValidationError(message, value=durability)
        return cls(float(min(busy_timeout, MAX_BUSY_TIMEOUT)), durability)
