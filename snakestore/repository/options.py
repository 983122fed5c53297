"""What a repository is told when it is made."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from snakestore.clock import Clock
from snakestore.errors import ValidationError
from snakestore.repository.arguments import checked_count, checked_ttl
from snakestore.storage.settings import Durability, Settings

DEFAULT_TTL = 3600
DEFAULT_HISTORY = 100
DEFAULT_BUSY_TIMEOUT = 30.0
DEFAULT_MAX_VALUE_BYTES = 64 * 2**20


class Options(NamedTuple):
    """The options of a repository, checked."""

    default_ttl: float | None
    history: int | None
    max_value_bytes: int | None
    settings: Settings
    clock: Clock | None
    cache: bool

    @classmethod
    def checked(  # the constructor's options, each by its name
        cls,
        *,
        default_ttl: float | timedelta | None,
        history: int | None,
        busy_timeout: float,
        durability: Durability,
        clock: Clock | None,
        max_value_bytes: int | None,
        cache: bool,
    ) -> Options:
        """The options as given.

        Raises:
            ValidationError: one of them may not be.
        """
        if clock is not None and not callable(clock):
            message = (
                "clock must be a function that returns an aware datetime, not"
                f" {type(clock).__name__}"
            )
            raise ValidationError(message, value=clock)
        return cls(
            default_ttl=checked_ttl(default_ttl),
            history=checked_count(history, "history"),
            max_value_bytes=checked_count(max_value_bytes, "max_value_bytes"),
            settings=Settings.checked(busy_timeout, durability),
            clock=clock,
            cache=bool(cache),
        )
