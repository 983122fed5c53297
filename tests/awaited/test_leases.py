"""An awaited lease ends however its task is cancelled, and is renewed outside transactions only."""

from __future__ import annotations

import asyncio
import random

import pytest

from snakestore import (
    AsyncLease,
    AsyncSessionRepository,
    LeaseLostError,
    StoreError,
    VariableLockedError,
)
from tests.awaited.endings import ENDS


@pytest.mark.parametrize("end_early", ENDS)
def test_however_a_task_is_cancelled_its_lease_ends(repository, store, end_early):
    async def main():
        async with repository() as repo:

            async def request():
                async with repo.lease("s", "n") as lease:
                    while True:
                        await lease.modify(lambda n: n + 1)
                        await asyncio.sleep(0)

            for _ in range(8):
                await end_early(request, random.uniform(0, 0.03))
                for _ in range(2000):
                    if not (await repo.get_variable("s", "n")).optimizing:
                        break
                    await asyncio.sleep(0.001)
                else:
                    pytest.fail("the lease is still held")
            return await repo.get_variable("s", "n")

    variable = asyncio.run(main())

    assert variable.value == variable.version


def test_a_cancelled_block_has_ended_its_lease_when_it_is_left(repository, store):
    async def main():
        async with repository() as repo:
            entered = asyncio.Event()

            async def request():
                async with repo.lease("s", "n"):
                    entered.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(request())
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return (await repo.get_variable("s", "n")).optimizing

    assert asyncio.run(main()) is False


def test_a_loss_is_a_note_on_what_leaves_the_block(repository, store):
    async def main():
        async with repository() as repo, repo.lease("s", "n"):
            await repo.end_optimization("s", "n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        asyncio.run(main())

    assert ["is lost" in note for note in raised.value.__notes__] == [True]


def test_many_tasks_hold_one_variable_in_turn(repository, store):
    async def main():
        async with repository() as repo:

            async def once():
                while True:
                    try:
                        async with repo.lease("s", "n") as lease:
                            return await lease.update(lease.variable.value + 1)
                    except VariableLockedError:
                        await asyncio.sleep(0)

            await asyncio.gather(*(once() for _ in range(10)))
            return await repo.get_value("s", "n")

    assert asyncio.run(main()) == 10


def test_on_a_connection_a_lease_is_not_renewed_by_itself(store):
    async def main():
        async with store.engine() as engine, engine.begin() as connection:
            repo = AsyncSessionRepository(connection)
            with pytest.raises(StoreError, match="renew=False"):
                async with repo.lease("s", "n"):
                    pytest.fail("it was entered")
            async with repo.lease("s", "n", renew=False) as lease:
                await lease.update(5)
            return (await repo.get_variable("s", "n")).optimizing

    assert asyncio.run(main()) is False
    with store.outside() as outside:
        assert outside.get_value("s", "n") == 5


def test_a_lease_is_entered_once_and_shows_nothing_before(repository, store):
    async def main():
        async with repository() as repo:
            lease = repo.lease("s", "n")
            assert isinstance(lease, AsyncLease)
            with pytest.raises(StoreError, match="with block"):
                _ = lease.variable
            async with lease:
                pass
            with pytest.raises(RuntimeError, match="once"):
                async with lease:
                    pytest.fail("it was entered twice")
            with pytest.raises(LeaseLostError):
                await lease.update(1)

    asyncio.run(main())
