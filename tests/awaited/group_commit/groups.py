"""Writes that wait for the same turn, and what they have written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snakestore import AsyncSessionRepository, SessionRepository
from snakestore.storage.execution import autocommit

TASKS = 20


NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Commits:
    """The commits of single writes, which may fail as they are told to."""

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[Exception] = []
        self._commit = autocommit.commit_write

    def __call__(self, connection: Any) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop()
        self._commit(connection)


@contextlib.asynccontextmanager
async def waiting(
    repo: AsyncSessionRepository, *writes: Awaitable[Any]
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Tasks that all wait for the write lock, which is free when the block is left."""
    async with repo.transaction():
        tasks = [asyncio.ensure_future(write) for write in writes]
        for _ in range(3):
            await asyncio.sleep(0)
        yield tasks


async def together(repo: AsyncSessionRepository, *writes: Awaitable[Any]) -> list[Any]:
    """The results and errors of writes that waited for the same turn."""
    async with waiting(repo, *writes) as tasks:
        pass
    return await asyncio.gather(*tasks, return_exceptions=True)


def updates(repo: AsyncSessionRepository, value: int = 1) -> list[Awaitable[Any]]:
    return [repo.update_variable("s", f"v{number}", value) for number in range(TASKS)]


def values(path: Path) -> list[int]:
    with SessionRepository.open(path) as repo:
        return [repo.get_value("s", f"v{number}") for number in range(TASKS)]


def versions(path: Path) -> list[int]:
    with SessionRepository.open(path) as repo:
        return [repo.get_variable("s", f"v{number}").version for number in range(TASKS)]


def numbered(repo: AsyncSessionRepository) -> list[Awaitable[Any]]:
    return [repo.update_variable("s", f"v{number}", number + 1) for number in range(TASKS)]
