"""The protocol of everything that is measured."""

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
    """The work of one implementation in one row."""

    run: Callable[[int], object]  # does the work that many times; timed
    prepare: Callable[[int], object] = _nothing  # before each run, not timed
    settle: Callable[[int], object] = (
        _nothing  # after each run, timed too: work that the run has deferred
    )


class Implementation(Protocol):
    """An implementation of the work of one or more rows."""

    def jobs(self) -> Mapping[str, Callable[[], Job]]:
        """Functions that create the job of each supported row, by the key of the row."""

    def close(self) -> None:
        """Close its resources."""


@dataclass(slots=True)
class Lab:
    """A temporary directory, and what must be closed at the end."""

    directory: Path
    stack: ExitStack = field(default_factory=ExitStack)
    shared: dict[str, Any] = field(default_factory=dict)  # servers that implementations share
    long_log: int = 1_000_000  # entries of the long log
    sessions: int = 200  # of a hundred variables each, for work at random
    _files: int = 0

    def new_path(self, name: str) -> Path:
        """A new path inside the directory."""
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
        """Why it is not available, as far as that is known without opening it."""
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
