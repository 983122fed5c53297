"""How long a task waits for its turn, and which waits are refused at once."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from snakestore import AsyncSessionRepository, StoreBusyError
from snakestore.clock import steady_seconds
from tests.awaited.turns.tasks import add, count, held, slowly

# --- how long


def test_a_wait_behind_others_that_make_progress_outlasts_busy_timeout(repository):
    async def main():
        async with repository(busy_timeout=0.5) as repo:
            began = time.monotonic()
            await asyncio.gather(*[add(repo, delay=0.1) for _ in range(15)])
            return time.monotonic() - began

    assert asyncio.run(main()) > 1


def test_a_wait_behind_a_block_in_which_much_is_done_outlasts_busy_timeout(repository):
    async def main():
        async with repository(busy_timeout=0.4) as repo:
            async with repo.transaction() as transaction:
                await transaction.touch("s")
                waiting = asyncio.create_task(count(repo))
                for _ in range(12):
                    await asyncio.sleep(0.1)
                    await transaction.touch("s")
            await waiting

    asyncio.run(main())


def test_a_wait_behind_a_block_in_which_nothing_is_done_ends_after_busy_timeout(repository):
    async def main():
        async with repository(busy_timeout=0.3) as repo, held(repo):
            began = time.monotonic()
            tasks = [count(repo), add(repo), count(repo)]
            results = await asyncio.gather(*tasks, return_exceptions=True)
            return results, time.monotonic() - began

    results, took = asyncio.run(main())

    assert [type(result) for result in results] == [StoreBusyError] * 3
    assert 0.2 < took < 2


def test_a_wait_for_another_process_ends_after_busy_timeout_for_all(store):
    async def main():
        with store.outside() as outside, outside.transaction() as holder:
            holder.touch("s")
            async with AsyncSessionRepository.open(store.address, busy_timeout=0.5) as repo:
                await repo.get_value("s", "n")
                began = time.monotonic()
                tasks = [count(repo) for _ in range(10)]
                results = await asyncio.gather(*tasks, return_exceptions=True)
                return results, time.monotonic() - began

    results, took = asyncio.run(main())

    assert [type(result) for result in results] == [StoreBusyError] * 10
    assert 0.3 < took < 3


def test_reads_are_answered_while_writers_wait_for_another_process(repository, store):
    async def main():
        async with repository() as repo:
            await repo.get_value("s", "n")
            with store.outside() as outside, outside.transaction() as holder:
                holder.touch("s")
                tasks = [asyncio.create_task(count(repo)) for _ in range(50)]
                await asyncio.sleep(0.1)
                began = time.monotonic()
                await asyncio.gather(*[repo.get_value("s", "n") for _ in range(20)])
                took = time.monotonic() - began
            await asyncio.gather(*tasks)
            return took

    assert asyncio.run(main()) < 2


def test_blocks_wait_for_connections_whose_holders_wait_behind_others(repository, store):
    async def main():
        async with repository(busy_timeout=0.5) as repo:
            async with held(repo):
                many = [
                    asyncio.create_task(repo.modify_variable("s", "n", slowly)) for _ in range(25)
                ]
                blocks = [asyncio.create_task(add(repo)) for _ in range(12)]
                await asyncio.sleep(0.05)
            began = time.monotonic()
            await asyncio.gather(*many, *blocks)
            return time.monotonic() - began

    assert asyncio.run(main()) > 1
    with store.outside() as repo:
        assert repo.get_value("s", "n") == 37


# --- on a server


def test_a_write_beside_a_block_of_another_repository_of_the_file_is_soon_refused(tmp_path):
    async def main():
        async with (
            AsyncSessionRepository.open(tmp_path / "s.db") as one,
            AsyncSessionRepository.open(tmp_path / "s.db", busy_timeout=120) as other,
        ):
            await one.create_session("s", ttl=None)
            async with one.transaction():
                with pytest.raises(StoreBusyError, match="this task has an open"):
                    await other.touch("s")
                waiting = asyncio.create_task(other.touch("s"))
                await asyncio.sleep(0.05)
                waited = not waiting.done()
            return waited, (await waiting).id

    assert asyncio.run(main()) == (True, "s")


@pytest.mark.parametrize("engine", [False, True])
@pytest.mark.parametrize("holder", ["task", "process"])
def test_a_wait_ends_after_busy_timeout_while_all_clocks_stand_still(
    tmp_path, monkeypatch, engine, holder
):
    path = tmp_path / "s.db"

    async def main():
        async with AsyncSessionRepository.open(path, busy_timeout=0.3) as opened:
            await opened.create_session("s", ttl=None)
            own = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": 0.05})
            repo = AsyncSessionRepository(own, busy_timeout=0.3) if engine else opened
            await repo.touch("s")
            other = sqlite3.connect(path, isolation_level=None)
            with monkeypatch.context() as frozen:
                for name in ("time", "monotonic", "perf_counter"):
                    now = getattr(time, name)()
                    frozen.setattr(f"time.{name}", lambda now=now: now)
                began = steady_seconds()
                with pytest.raises(StoreBusyError):
                    if holder == "process":
                        other.execute("BEGIN IMMEDIATE")
                        await repo.touch("s")
                    else:
                        async with repo.transaction():
                            await asyncio.create_task(repo.touch("s"))
                waited = steady_seconds() - began
            other.close()
            await own.dispose()
            return waited

    assert 0.2 < asyncio.run(main()) < 10
