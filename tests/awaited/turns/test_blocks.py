"""Who is inside a transaction() block, and when it has ended."""

from __future__ import annotations

import asyncio

import pytest

from snakestore import AsyncSessionRepository
from tests.awaited.turns.tasks import count


def test_a_task_started_inside_a_block_waits_for_its_end(repository, store):
    async def main():
        async with repository() as repo:
            async with repo.transaction() as transaction:
                await transaction.update_variable("s", "n", 5)
                task = asyncio.create_task(count(repo))
                await asyncio.sleep(0.1)
                waiting = not task.done()
            await task
            return waiting

    assert asyncio.run(main())
    with store.outside() as repo:
        assert repo.get_value("s", "n") == 6


def test_a_thread_started_inside_a_block_waits_for_its_end(store):
    async def main():
        async with AsyncSessionRepository.open(store.address) as repo:
            async with repo.transaction() as transaction:
                await transaction.update_variable("s", "n", 5)
                thread = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(count(repo))))
                await asyncio.sleep(0.2)
                waiting = not thread.done()
            await thread
            return waiting, await repo.get_value("s", "n")

    assert asyncio.run(main()) == (True, 6)


def test_a_block_left_in_another_task_is_over_for_the_task_that_entered_it(repository):
    async def main():
        async with repository() as repo:
            block = repo.transaction()
            transaction = await block.__aenter__()
            await transaction.update_variable("s", "n", 5)
            await asyncio.create_task(block.__aexit__(None, None, None))
            async with asyncio.timeout(5):
                return (await repo.update_variable("s", "n", 6)).version

    assert asyncio.run(main()) == 2


def test_a_generator_left_by_break_is_no_reason_to_refuse_the_next_write(repository):
    async def main():
        async with repository() as repo:

            async def rows():
                async with repo.transaction() as transaction:
                    await transaction.update_variable("s", "n", 7)
                    for number in range(5):
                        yield number

            async for _ in rows():
                break
            async with asyncio.timeout(5):
                return await repo.update_variable("s", "n", 1)

    variable = asyncio.run(main())

    assert (variable.value, variable.version) == (1, 1)


def test_a_block_is_entered_only_once(repository):
    async def main():
        async with repository() as repo:
            block = repo.transaction()
            async with block:
                pass
            async with block:
                pass

    with pytest.raises(RuntimeError, match="once"):
        asyncio.run(main())
