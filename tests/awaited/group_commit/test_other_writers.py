"""Groups beside other writers of the file, other event loops, and a kill."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from snakestore import AsyncSessionRepository, StoreBusyError
from tests.awaited.group_commit.groups import (
    TASKS,
    acknowledged_before_kill,
    updates,
    values,
    versions,
)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """The file is locked by another connection, until the function is called."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other.rollback
    finally:
        other.close()


def test_a_file_that_stays_busy_fails_every_write_and_stores_nothing(path):
    async def main():
        async with AsyncSessionRepository.open(path, busy_timeout=0.1) as repo:
            return await asyncio.gather(*updates(repo), return_exceptions=True)

    with locked(path):
        outcomes = asyncio.run(main())

    assert {type(each) for each in outcomes} == {StoreBusyError}
    assert values(path) == [0] * TASKS


def test_a_group_waits_for_a_busy_file(path):
    async def main(unlock):
        async with AsyncSessionRepository.open(path) as repo:
            tasks = [asyncio.ensure_future(each) for each in updates(repo)]
            done, _ = await asyncio.wait(tasks, timeout=0.05)
            unlock()
            return done, await asyncio.gather(*tasks)

    with locked(path) as unlock:
        done, outcomes = asyncio.run(main(unlock))

    assert not done
    assert [each.version for each in outcomes] == [1] * TASKS


def test_tasks_of_several_loops_write_together(path):
    async def main(repo, number):
        await asyncio.gather(
            *[repo.update_variable("s", f"v{number}", value) for value in range(50)]
        )

    async def everything():
        async with AsyncSessionRepository.open(path) as repo:
            with ThreadPoolExecutor(3) as threads:
                loops = [threads.submit(asyncio.run, main(repo, number)) for number in range(3)]
                await asyncio.gather(*[asyncio.wrap_future(each) for each in loops])

    asyncio.run(everything())

    assert versions(path)[:4] == [50, 50, 50, 0]


WRITER = """
import asyncio, sys
from snakestore import AsyncSessionRepository

async def count(repo, name):
    for value in range(1, 10**6):
        await repo.update_variable("s", name, value)
        print(name, value, flush=True)

async def main():
    async with AsyncSessionRepository.open(sys.argv[1]) as repo:
        await asyncio.gather(*[count(repo, f"v{number}") for number in range(20)])

asyncio.run(main())
"""


@pytest.mark.slow
def test_what_was_acknowledged_is_stored_after_a_kill(path):
    acknowledged = acknowledged_before_kill(WRITER, path)

    stored = values(path)
    assert all(
        known <= there <= known + 1 for known, there in zip(acknowledged, stored, strict=True)
    )
    assert versions(path) == stored
