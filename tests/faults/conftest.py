"""Scenarios with real processes; with ``--controls`` broken variants of the library instead.

The scenarios must notice what is broken. How long they take is up to tests/selection.py.

With SNAKESTORE_FIGURES set, what the scenarios measure is appended to that file, for
tests/faults/report.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.selection import Extent, extent, keep


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    wanted = bool(config.getoption("controls"))
    keep(
        config,
        items,
        [
            item
            for item in items
            if here not in item.path.parents or ("control" in item.name) == wanted
        ],
    )


@pytest.fixture
def size(pytestconfig: pytest.Config) -> Callable[..., int]:
    """``size(full, exhaustive)``: how much of something; by default a quarter of ``full``.

    ``default=`` is for what would prove nothing then.
    """

    def size(full: int, exhaustive: int, *, default: int | None = None) -> int:
        return {
            Extent.DEFAULT: -(-full // 4) if default is None else default,
            Extent.FULL: full,
            Extent.EXHAUSTIVE: exhaustive,
        }[extent(pytestconfig)]

    return size


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep what a scene measured: ``figures("contention", p99=...)``."""

    def keep(scene: str, **measured: Any) -> None:
        target = os.environ.get("SNAKESTORE_FIGURES")
        if target:
            with Path(target).open("a") as file:
                file.write(json.dumps({"scene": scene, **measured}) + "\n")

    return keep
