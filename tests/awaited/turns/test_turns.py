"""Who waits for whom, and what waiting occupies: turns, connections, threads."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from snakestore import AsyncSessionRepository
from snakestore.aio.scheduler import guarded
from tests.awaited.turns.tasks import add, count, held, on_server


def test_many_transactions_beside_methods_and_reads_all_succeed(repository, store, many):
    async def main():
        async with repository(busy_timeout=5) as repo:
            kinds = [add, count, lambda repo: repo.get_value("s", "x")]
            await asyncio.gather(*[kinds[number % 3](repo) for number in range(3 * many)])

    asyncio.run(main())

    with store.outside() as repo:
        assert repo.get_value("s", "n") == 2 * many


def test_many_transactions_in_memory_all_succeed(many):
    async def main():
        async with AsyncSessionRepository.open("sqlite://", busy_timeout=5) as repo:
            await repo.create_session("s")
            await repo.register_variable("s", "n", "integer", 0)
            kinds = [add, count, lambda repo: repo.get_value("s", "n")]
            await asyncio.gather(*[kinds[number % 3](repo) for number in range(3 * many)])
            return await repo.get_value("s", "n")

    assert asyncio.run(main()) == 2 * many


def test_turns_are_first_come_first_served(repository, store):
    order = []

    async def write(repo, number):
        if number % 2:
            await repo.modify_variable("s", "n", lambda n: order.append(number) or n)
        else:
            async with repo.transaction() as transaction:
                await transaction.update_variable("s", "n", number)
                order.append(number)

    async def main():
        async with repository() as repo:
            async with held(repo):
                tasks = [asyncio.create_task(write(repo, number)) for number in range(20)]
                await asyncio.sleep(0.05)
            await asyncio.gather(*tasks)

    asyncio.run(main())

    assert sorted(order) == list(range(20))
    if on_server(store):  # blocks begin side by side, and queue with their first write
        assert [number for number in order if number % 2] == list(range(1, 20, 2))
    else:
        assert order == list(range(20))


def test_reads_are_answered_while_many_writers_wait(repository):
    async def main():
        async with repository() as repo:
            async with held(repo):
                kinds = [add, count]
                tasks = [asyncio.create_task(kinds[i % 2](repo)) for i in range(200)]
                await asyncio.sleep(0.1)
                began = time.monotonic()
                for _ in range(20):
                    await repo.get_value("s", "n")
                took = time.monotonic() - began
                waiting = sum(not task.done() for task in tasks)
            await asyncio.gather(*tasks)
            return took, waiting

    took, waiting = asyncio.run(main())

    assert waiting == 200
    assert took < 2


def test_reads_in_memory_overtake_waiting_writers_but_do_not_keep_them_out():
    order = []

    async def main():
        async with AsyncSessionRepository.open("sqlite://") as repo:
            await repo.create_session("s")
            await repo.register_variable("s", "n", "integer", 0)

            async def read():
                await repo.get_value("s", "n")
                order.append("read")

            async def write():
                await count(repo)
                order.append("write")

            async with held(repo):
                tasks = [asyncio.create_task(write()) for _ in range(3)]
                tasks += [asyncio.create_task(read()) for _ in range(30)]
                await asyncio.sleep(0.05)
            await asyncio.gather(*tasks)

    asyncio.run(main())

    assert order.index("write") >= 8
    assert order.index("write") <= 12
    assert "read" in order[order.index("write") :]


def test_waiting_uses_no_thread(store):
    async def main():
        async with AsyncSessionRepository.open(store.address) as repo:
            before = threading.active_count()
            async with held(repo):
                tasks = [asyncio.create_task(count(repo)) for _ in range(50)]
                await asyncio.sleep(0.1)
                used = threading.active_count() - before
            await asyncio.gather(*tasks)
            return used

    assert asyncio.run(main()) <= 2


def test_waiting_uses_no_connection_of_the_callers_pool(store):
    async def main():
        async with store.engine(pool_size=8, max_overflow=0) as engine:
            repo = AsyncSessionRepository(engine)
            async with held(repo):
                tasks = [asyncio.create_task(count(repo)) for _ in range(50)]
                await asyncio.sleep(0.1)
                used = engine.pool.checkedout()
            await asyncio.gather(*tasks)
            return used

    assert asyncio.run(main()) == 1


def test_repositories_on_one_engine_share_the_turns(store):
    async def main():
        async with store.engine(pool_size=5, max_overflow=0) as engine:
            await asyncio.gather(*[add(AsyncSessionRepository(engine)) for _ in range(30)])

    asyncio.run(main())

    with store.outside() as repo:
        assert repo.get_value("s", "n") == 30


def test_loops_in_several_threads_share_the_turns(store):
    async def main(repo):
        await asyncio.gather(*[add(repo) for _ in range(20)], *[count(repo) for _ in range(20)])

    async def opened():
        return await AsyncSessionRepository.open(store.address)

    repo = asyncio.run(opened())
    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(asyncio.run, main(repo)) for _ in range(3)]:
            done.result(60)
    value = asyncio.run(repo.get_value("s", "n"))
    asyncio.run(repo.close())

    assert value == 120


def test_a_sweep_lets_other_writers_in_between_its_transactions(repository, store):
    with store.outside(clock=lambda: datetime(2020, 1, 1, tzinfo=UTC)) as past:
        for number in range(300):
            past.create_session(f"old{number}")

    async def main():
        async with repository() as repo:
            swept = []
            sweep = asyncio.create_task(repo.delete_expired(batch_size=5, progress=swept.append))
            between = []
            while not sweep.done():
                await count(repo)
                between.append(len(swept))
            return await sweep, between

    deleted, between = asyncio.run(main())

    assert deleted == 300
    assert any(0 < number < 60 for number in between)


def test_turns_are_given_up_however_many_exceptions_come_meanwhile():
    errors = []

    async def work():
        raise KeyError

    def release(error):
        errors.append(error)
        if len(errors) < 6:
            raise ArithmeticError(len(errors))

    with pytest.raises(ArithmeticError, match="5"):
        asyncio.run(guarded(work, release))

    assert [type(error) for error in errors] == [KeyError] + [ArithmeticError] * 5
