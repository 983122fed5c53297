"""Scenes with real processes: quick by default; ``--full`` for the long run, ``--controls`` for broken variants that they must catch.

With SNAKESTORE_FIGURES set, what the scenes measure is appended to that file, for
tests/faults/report.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    wanted = bool(config.getoption("controls"))
    left = [
        item
        for item in items
        if here not in item.path.parents or ("control" in item.name) == wanted
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left


@pytest.fixture
def full(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("full"))


@pytest.fixture
def size(full: bool) -> Callable[[int, int], int]:
    """``size(quick, full)``: how much of something, by the length of the run."""
    return lambda quick, whole: whole if full else quick


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep what a scene measured: ``figures("contention", p99=...)``."""

    def keep(scene: str, **measured: Any) -> None:
        target = os.environ.get("SNAKESTORE_FIGURES")
        if target:
            with Path(target).open("a") as file:
                file.write(json.dumps({"scene": scene, **measured}) + "\n")

    return keep
