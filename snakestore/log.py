"""An entry of a log as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from snakestore.clock import as_utc
from snakestore.errors import ValidationError, shorten


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """An entry of a log as it was read.

    Attributes:
        position: where it is in the log: an int >= 0 that no other entry of the log ever has.
        value: a JSON value.
        created_at: when it was appended, in UTC.

    Raises:
        ValidationError: if the position is not an int >= 0, or the time is naive.
    """

    position: int
    value: Any
    created_at: datetime

    def __post_init__(self) -> None:
        """Check the position and the time, and convert the time to UTC."""
        if type(self.position) is not int or self.position < 0:
            message = f"position must be an int >= 0, not {shorten(self.position)}"
            raise ValidationError(message, value=self.position)
        object.__setattr__(self, "created_at", as_utc(self.created_at, "created_at"))


# the slots, which a frozen class lets nothing else set; __init__ takes three times as long
_set_position, _set_value, _set_created_at = (
    vars(LogEntry)[name].__set__ for name in ("position", "value", "created_at")
)


def unchecked_entry(position: int, value: Any, created_at: datetime) -> LogEntry:
    """A LogEntry of fields that are known to be valid; nothing is checked."""
    entry = object.__new__(LogEntry)
    _set_position(entry, position)
    _set_value(entry, value)
    _set_created_at(entry, created_at)
    return entry
