"""A row of the table, its target, and the names of the implementations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Unit = Literal["ratio", "ms", "count"]
Figure = Literal["median time", "worst returned"]

BARE = "bare sqlite3"
DISKCACHE = "diskcache"
BASELINE, OURS, CACHED, NO_HISTORY = (
    "hand-written sqlite3",
    "snakestore",
    "snakestore cache=True",
    "snakestore history=0",
)
NAME_ONLY, PLAIN_BYTES, TO_NUMPY = (
    "hand-written, by name only",
    "hand-written, bytes",
    "snakestore to_numpy()",
)
LONG_LOG = "snakestore, a long log"
FULL_BASELINE, FULL_OURS = "hand-written sqlite3, FULL", "snakestore, full"
MEMORY_BASELINE, MEMORY_OURS = "hand-written sqlite3, :memory:", "snakestore, sqlite://"
ASYNC_BASELINE, ASYNC_OURS = "asyncio.to_thread(hand-written)", "snakestore async"
ASYNC_FULL = "snakestore async, full"
THREADED_OURS = "snakestore, 8 threads"
ASYNC_DRIVER = "hand-written aiosqlite"
POSTGRES_BASELINE, POSTGRES_OURS = "hand-written psycopg", "snakestore PostgreSQL"
ASYNC_POSTGRES_BASELINE, ASYNC_POSTGRES_OURS = (
    "asyncio.to_thread(psycopg)",
    "snakestore async PostgreSQL",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A target: the maximum, and optionally a stretch target."""

    at_most: float
    reach: float | None = None
    unit: Unit = "ratio"

    def __str__(self) -> str:
        """The text in the table."""
        unit = " ms" if self.unit == "ms" else ""
        return f"{self.at_most:g}{unit}" + (
            f" (reach {self.reach:g}{unit})" if self.reach is not None else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table."""

    key: str
    title: str
    calls: int  # per batch
    base: str = BASELINE  # the implementation that ratios refer to
    targets: Mapping[str, Target] = field(default_factory=dict)
    figure: Figure = "median time"
    note: str = ""
    # every implementation makes this many calls per batch, about as many as fill a write-ahead log,
    # and checkpoints at the end
    whole: bool = False


def ours(at_most: float, reach: float | None = None) -> dict[str, Target]:
    """A target of snakestore itself."""
    return {OURS: Target(at_most, reach)}
