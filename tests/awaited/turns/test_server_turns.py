"""On a server, tasks wait for each other at their session."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy

from snakestore import AsyncSessionRepository, StoreBusyError
from tests.awaited.turns.tasks import CONNECTED, LOCKED, add, count, held, on_server


@pytest.fixture
def server(store):
    if not on_server(store):
        pytest.skip("a file has no rows to lock")
    engine = sqlalchemy.create_engine(store.address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_one_task_a_session_waits_for_the_row_on_the_server(repository, server, store):
    async def main():
        async with repository() as repo:
            with store.outside() as outside, outside.transaction() as holder:
                holder.touch("s")
                tasks = [
                    asyncio.create_task((add if number % 2 else count)(repo))
                    for number in range(20)
                ]
                await asyncio.sleep(0.5)
                locked = server.execute(LOCKED).scalar_one()
            await asyncio.gather(*tasks)
            return locked

    assert asyncio.run(main()) == 1


def test_writers_of_other_sessions_do_not_wait(repository, server):
    del server

    async def main():
        async with repository() as repo:
            await repo.create_session("other")
            async with held(repo), asyncio.timeout(5):
                waiting = asyncio.create_task(count(repo))
                await repo.register_variable("other", "n", "integer", 0)
                async with repo.transaction() as transaction:
                    await transaction.update_variable("other", "n", 1)
                done = waiting.done()
            await waiting
            return done

    assert not asyncio.run(main())


def test_many_sessions_use_no_more_connections_than_there_may_be(server, store, many):
    most = 0

    async def watch():
        nonlocal most
        while True:
            most = max(
                most, await asyncio.to_thread(lambda: server.execute(CONNECTED).scalar_one())
            )
            await asyncio.sleep(0.01)

    async def main():
        async with AsyncSessionRepository.open(store.address) as repo:
            watching = asyncio.create_task(watch())
            await asyncio.gather(*[repo.create_session(f"s{number}") for number in range(many)])
            await asyncio.gather(*[repo.touch(f"s{number}") for number in range(many)])
            watching.cancel()

    asyncio.run(main())

    assert most <= 16 + 2  # and the test's own


def test_blocks_that_wait_for_each_other_are_refused_at_once(repository, server):
    del server

    async def work(repo, first, second, meet):
        async with repo.transaction() as transaction:
            await transaction.touch(first)
            await meet.wait()
            await transaction.touch(second)

    async def main():
        async with repository() as repo:
            await repo.create_session("a")
            await repo.create_session("b")
            meet = asyncio.Barrier(2)
            began = time.monotonic()
            results = await asyncio.gather(
                work(repo, "a", "b", meet), work(repo, "b", "a", meet), return_exceptions=True
            )
            return results, time.monotonic() - began

    results, took = asyncio.run(main())

    refused = [result for result in results if result is not None]
    assert [type(error) for error in refused] == [StoreBusyError]
    assert "deadlock" in str(refused[0])
    assert took < 5
