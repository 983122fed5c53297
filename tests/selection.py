"""Which tests run: ``pytest``, ``pytest --rest``, ``pytest --full``, ``pytest --exhaustive``.

``pytest`` (for everybody) runs every rule on SQLite and every method on every backend:

- The tests of the contract (tests/contract) run on a SQLite file, with each of their parameter
  sets. Those marked ``every_backend`` run on all other backends too: test_every_method.py, which
  calls each method once.
- Any other test that needs PostgreSQL runs once, with one of its parameter sets.
- Tests marked ``slow`` are left out, and the scenarios of tests/faults are short.

``pytest --full`` leaves no test out. The contract runs on a SQLite file and on PostgreSQL with each
parameter set, and on the backends that share most of their code with one of these once a test (see
tests/contract/backends.py).

``pytest --rest`` (for CI, after ``pytest``) runs what ``--full`` adds, and the scenarios of
tests/faults at their usual length.

``pytest --exhaustive`` (before a release, or after a change to how statements are run) runs
everything with each parameter set on each backend, and tests/faults at full length.

A new test needs nothing to take part: what the rules above say about its folder and its parameters
holds for it. A test that takes more than a second or two, and whose rule a quicker one checks as
well, should be marked ``slow``.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable
from enum import IntEnum
from zlib import crc32

import pytest


class Extent(IntEnum):
    """How much is run."""

    DEFAULT = 0
    FULL = 1
    EXHAUSTIVE = 2


def extent(config: pytest.Config) -> Extent:
    """How much the command line asks for."""
    if config.getoption("exhaustive"):
        return Extent.EXHAUSTIVE
    if config.getoption("full") or config.getoption("rest"):
        return Extent.FULL
    return Extent.DEFAULT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="leave no test out (see tests/selection.py)"
    )
    parser.addoption(
        "--rest", action="store_true", help="run what --full adds to a run without options"
    )
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="run every parameter set on every backend, and tests/faults at full length",
    )
    parser.addoption(
        "--controls",
        action="store_true",
        help="run, of tests/faults, only broken variants of the library, which must be noticed",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if extent(config) is Extent.DEFAULT:
        keep(config, items, _default(items))
    elif config.getoption("rest"):
        done = {id(item) for item in _default(items) if not _grows(item)}
        keep(config, items, [item for item in items if id(item) not in done])


def pytest_collection_finish() -> None:
    """Spare the garbage collector the thousands of tests, which live until the end."""
    gc.collect()
    gc.freeze()


def keep(config: pytest.Config, items: list[pytest.Item], kept: Iterable[pytest.Item]) -> None:
    """Leave all tests out but ``kept``; the order stays."""
    chosen = {id(item) for item in kept}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = [item for item in items if id(item) in chosen]


def one_of_each(items: Iterable[pytest.Item], *, salt: str = "") -> list[pytest.Item]:
    """Each test once, with one of its parameter sets: always the same one for a name and salt."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return [group[crc32(f"{name}{salt}".encode()) % len(group)] for name, group in groups.items()]


def _default(items: list[pytest.Item]) -> list[pytest.Item]:
    """What is run without options."""
    quick = [
        item
        for item in items
        if item.get_closest_marker("slow") is None and not _is_on_another_backend(item)
    ]
    return [
        *(item for item in quick if not _needs_postgresql(item)),
        *one_of_each(item for item in quick if _needs_postgresql(item)),
    ]


def _grows(item: pytest.Item) -> bool:
    """Whether a test is a scenario that is longer with ``--full``."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return "size" in getattr(item, "fixturenames", ()) and "size" not in parameters


def _is_on_another_backend(item: pytest.Item) -> bool:
    """Whether a test of the contract runs on a backend that only ``--full`` gives it."""
    if item.get_closest_marker("every_backend") is not None:
        return False
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return getattr(parameters.get("backend"), "name", "sqlite-file") != "sqlite-file"


def _needs_postgresql(item: pytest.Item) -> bool:
    """Whether the folder, the file or the parameter set of a test names PostgreSQL or a driver.

    What is marked ``every_backend`` has been chosen already.
    """
    return (
        item.get_closest_marker("every_backend") is None
        and re.search("postgresql|psycopg|asyncpg|pg8000", item.nodeid) is not None
    )
