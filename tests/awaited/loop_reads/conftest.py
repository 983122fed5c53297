"""A store to read on the event loop, with clocks that stand still."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from snakestore import AsyncSessionRepository, SessionRepository
from snakestore.aio import loop_reads
from snakestore.storage.dialects.sqlite import in_process
from snakestore.storage.execution import pool
from tests.awaited.loop_reads.clocks import Clock, Steady


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        for number in range(120):
            repo.register_variable("s", f"n{number:03}", "integer", number, id=f"i{number:03}")
        repo.register_variable("s", "text", "string", "x")
        repo.update_variable("s", "text", "y")
        repo.put_program("s", "p", {"steps": []})
        repo.put_program("s", "p", {"steps": [1]})
        repo.append_log("s", "log", list(range(120)))
    return path


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> Steady:
    steady = Steady()
    monkeypatch.setattr(loop_reads, "steady_seconds", steady)
    monkeypatch.setattr(in_process, "steady_seconds", lambda: 0.0)
    monkeypatch.setattr(pool, "monotonic", lambda: 0.0)  # no second passes between two reads
    return steady


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(path, clock):
    """Open the store with the clock."""

    @asynccontextmanager
    async def _opened(**options: Any) -> Any:
        async with AsyncSessionRepository.open(path, clock=clock, **options) as repo:
            yield repo

    return _opened
