"""What a step of a sweep did."""

from __future__ import annotations

from typing import NamedTuple


class Swept(NamedTuple):
    """What a step of a sweep did."""

    found: int
    """Sessions that may have expired."""
    postponed: bool
    """Whether some have so long logs that another transaction deletes them."""
    deleted: int
    damaged: list[str]
    """The ids of damaged sessions, shortened. These stay where they are in the order."""
