"""The small protocol behind which everything that is measured stands."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Kind = Literal["baseline", "ours", "peer"]


class UnavailableError(Exception):
    """An implementation is not available; the message says why, and what to install."""


def _nothing(_: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work of an implementation."""

    run: Callable[[int], object]  # does it that many times; this is timed
    prepare: Callable[[int], object] = _nothing  # before each run, not timed
    settle: Callable[[int], object] = (
        _nothing  # after each run, timed with it: what the run left to be paid later
    )


class Implementation(Protocol):
    """Something that can do the work of one or more rows."""

    def jobs(self) -> Mapping[str, Callable[[], Job]]:
        """How to make the job of each row it takes part in, by the row's key."""

    def close(self) -> None:
        """Gives back what it holds."""


@dataclass(slots=True)
class Lab:
    """A directory of one's own and what has to be cleared away at the end."""

    directory: Path
    stack: ExitStack = field(default_factory=ExitStack)
    shared: dict[str, Any] = field(default_factory=dict)  # servers that several implementations use
    _files: int = 0

    def new_path(self, name: str) -> Path:
        """A path that no other implementation has."""
        self._files += 1
        return self.directory / f"{self._files:02}-{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An implementation before it is opened."""

    name: str
    kind: Kind
    place: str  # module:function that opens it, within this package
    rows: tuple[str, ...]
    needs: tuple[str, ...] = ()  # modules
    install: str = ""
    unequal: str = ""  # in which ways the comparison with the baseline is unequal

    def missing(self) -> str | None:
        """Why it cannot take part, as far as one can tell without opening it."""
        absent = [module for module in self.needs if not _importable(module)]
        return (
            f"not installed: {', '.join(absent)} (pip install {self.install or ' '.join(absent)})"
            if absent
            else None
        )


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False
