"""A cancelled method runs completely or not at all, and a block that was left has ended."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import sqlite3
import time
from functools import partial

import pytest
import sqlalchemy

from snakestore import AsyncSessionRepository
from tests.awaited.endings import ENDS
from tests.selection import Extent, extent


@pytest.fixture(autouse=True)
def _without_the_garbage_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def is_free(store):
    """Tells whether anybody else may write to ``s`` at this moment."""
    if not isinstance(store.address, sqlalchemy.URL):
        yield lambda: _file_is_free(store.address)
        return
    engine = sqlalchemy.create_engine(store.address)
    with engine.connect() as connection:

        def row_is_free():
            try:
                connection.execute(
                    sqlalchemy.text("SELECT 1 FROM sessions WHERE id = 's' FOR UPDATE NOWAIT")
                )
            except sqlalchemy.exc.OperationalError:
                return False
            finally:
                connection.rollback()
            return True

        yield row_is_free
    engine.dispose()


def _file_is_free(path):
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
    return True


def slowly(n):
    time.sleep(0.005)
    return n + 1


async def one_after_the_other(transaction):
    for _ in range(3):
        await transaction.modify_variable("s", "n", slowly)


async def side_by_side(transaction):
    await asyncio.gather(*(transaction.modify_variable("s", "n", slowly) for _ in range(3)))


async def in_a_task_group(transaction):
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(transaction.modify_variable("s", "n", slowly))


async def nested(transaction):
    async with transaction.transaction() as inner:
        await one_after_the_other(inner)


WORK = [one_after_the_other, side_by_side, in_a_task_group, nested]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("work", WORK)
def test_a_block_that_was_left_has_ended(repository, is_free, request, end, work):
    delays = [0, 0.001, 0.003, 0.007, 0.012, 0.018]
    if extent(request.config) == Extent.EXHAUSTIVE:
        delays += [random.Random(end.__name__).uniform(0, 0.03) for _ in range(50)]

    async def main():
        async with repository(busy_timeout=5) as repo:
            seen = []

            async def answer():
                try:
                    async with repo.transaction() as transaction:
                        await work(transaction)
                finally:
                    seen.append(is_free())

            for delay in delays:
                before = await repo.get_value("s", "n")
                await end(answer, delay)
                assert await repo.get_value("s", "n") - before in {0, 3}
                async with asyncio.timeout(5):
                    await repo.update_variable("s", "x", delay)
            return seen

    assert set(asyncio.run(main())) == {True}


@pytest.mark.parametrize("end", ENDS)
def test_a_method_is_done_whole_or_not_at_all(repository, request, end):
    delays = [0, 0.0005, 0.001, 0.002, 0.004, 0.008]
    if extent(request.config) == Extent.EXHAUSTIVE:
        delays += [random.Random(end.__name__).uniform(0, 0.01) for _ in range(50)]

    async def main():
        async with repository(busy_timeout=5) as repo:
            for delay in delays:
                await end(partial(repo.update_variables, "s", {"x": delay, "n": 1}), delay)
            async with asyncio.timeout(5):
                await repo.update_variable("s", "n", 2)
            x, n = await repo.get_variable("s", "x"), await repo.get_variable("s", "n")
            return x.version, n.version, (await repo.get_stats("s")).total_variable_updates

    x, n, updates = asyncio.run(main())

    assert n == x + 1
    assert updates == 2 + x + n


async def add_to_both(repo, added):
    """Add one to both variables, and note when it is committed."""
    async with repo.transaction() as transaction:
        await transaction.touch("s")
        n = await transaction.get_value("s", "n")
        await asyncio.gather(
            transaction.update_variable("s", "n", n + 1),
            transaction.update_variable("s", "x", float(n + 1)),
        )
    added.append(n)


async def touch_twice(repo):
    async with repo.transaction() as transaction:
        async with transaction.transaction() as inner:
            await inner.touch("s")
        await transaction.touch("s")


async def compare_both(repo):
    async with repo.transaction(read_only=True) as transaction:
        n, x = await transaction.get_value("s", "n"), await transaction.get_value("s", "x")
        assert n == x


async def touch(repo):
    return await repo.touch("s")


async def cancel_some(repo, kinds, count, dice):
    """Start tasks, cancel any of them at any time, and return what all of them ended with."""
    tasks = [asyncio.create_task(dice.choice(kinds)(repo)) for _ in range(count)]
    for _ in range(count):
        await asyncio.sleep(dice.choice([0, 0, dice.uniform(0, 0.004)]))
        for _ in range(dice.choice([0, 1, 1, 2, 3])):
            dice.choice(tasks).cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_a_storm_of_cancellations_leaves_all_whole_and_nothing_held(repository, store, request):
    tasks_at_once, rounds = (20, 60) if extent(request.config) == Extent.EXHAUSTIVE else (8, 12)
    dice, added = random.Random(20), []
    add = partial(add_to_both, added=added)
    kinds = [add, add, touch_twice, compare_both, touch]

    async def main():
        async with repository(busy_timeout=10) as repo:
            await repo.update_variable("s", "x", 0.0)
            for _ in range(rounds):
                for result in await cancel_some(repo, kinds, tasks_at_once, dice):
                    assert (
                        result is None
                        or isinstance(result, asyncio.CancelledError)
                        or hasattr(result, "last_accessed")
                    ), result
            async with asyncio.timeout(5):
                await add(repo)

    asyncio.run(main())

    with store.outside() as repo:
        n, x = repo.get_variable("s", "n"), repo.get_variable("s", "x")
    assert n.value == x.value == n.version == x.version - 1
    assert len(added) <= n.value  # a block whose end was cancelled may have been kept


def test_a_cancelled_wait_for_a_turn_ends_at_once_and_lets_the_next_pass(repository):
    async def main():
        async with repository() as repo:
            entered, leave = asyncio.Event(), asyncio.Event()

            async def hold():
                async with repo.transaction() as transaction:
                    await transaction.update_variable("s", "n", 5)
                    entered.set()
                    await leave.wait()

            holder = asyncio.create_task(hold())
            await entered.wait()
            tasks = [
                asyncio.create_task(repo.modify_variable("s", "n", lambda n: n + 1))
                for _ in range(10)
            ]
            await asyncio.sleep(0.05)
            began = time.monotonic()
            for task in tasks[::2]:
                task.cancel()
            await asyncio.wait(tasks[::2])
            took = time.monotonic() - began
            leave.set()
            await asyncio.gather(holder, *tasks[1::2])
            return took, await repo.get_value("s", "n")

    took, value = asyncio.run(main())

    assert took < 1
    assert value == 10


def test_a_cancelled_wait_for_another_process_ends_at_once(store):
    async def main():
        async with AsyncSessionRepository.open(store.address) as repo:
            await repo.get_value("s", "n")
            with store.outside() as outside, outside.transaction() as holder:
                holder.touch("s")
                task = asyncio.create_task(repo.update_variable("s", "n", 6))
                await asyncio.sleep(0.2)
                began = time.monotonic()
                task.cancel()
                await asyncio.wait([task])
                return time.monotonic() - began

    assert asyncio.run(main()) < 1


def test_a_cancelled_block_does_not_wait_for_another_process_that_holds_its_row(
    repository, store, is_free
):
    if not isinstance(store.address, sqlalchemy.URL):
        pytest.skip("a file has no rows to lock")

    async def main():
        async with repository() as repo:
            await repo.create_session("other")

            async def request():
                async with repo.transaction() as transaction:
                    await transaction.touch("s")
                    await transaction.touch("other")

            with store.outside() as outside, outside.transaction() as holder:
                holder.touch("other")
                task = asyncio.create_task(request())
                await asyncio.sleep(0.3)
                held = not is_free()
                began = time.monotonic()
                task.cancel()
                await asyncio.wait([task])
                took = time.monotonic() - began
                await asyncio.sleep(0.2)  # a connection that was dropped is reported to the server
                return held, took, is_free(), (await repo.update_variable("s", "n", 1)).version

    held, took, free, version = asyncio.run(main())

    assert held
    assert took < 5
    assert free
    assert version == 1


def test_a_cancelled_method_in_the_callers_transaction_has_ended(store):
    async def main():
        async with store.engine() as engine, engine.connect() as connection:
            repo = AsyncSessionRepository(connection)
            for delay in [0, 0.001, 0.002, 0.004]:
                task = asyncio.create_task(repo.modify_variable("s", "n", slowly))
                await asyncio.sleep(delay)
                task.cancel()
                await asyncio.wait([task])
                await repo.update_variable("s", "x", delay)
            await connection.commit()

    asyncio.run(main())

    with store.outside() as repo:
        assert repo.get_variable("s", "x").version == 4
        assert repo.get_variable("s", "n").version == repo.get_value("s", "n")


def test_a_cancelled_wait_of_a_block_for_another_process_ends_soon(repository, store, is_free):
    if isinstance(store.address, sqlalchemy.URL):
        pytest.skip("a block waits for nobody on a server, before its first write")

    async def main():
        async with repository() as repo:
            await repo.get_value("s", "n")

            async def request():
                async with repo.transaction() as transaction:
                    await transaction.touch("s")

            with store.outside() as outside, outside.transaction() as holder:
                holder.touch("s")
                task = asyncio.create_task(request())
                await asyncio.sleep(0.2)
                began = time.monotonic()
                task.cancel()
                await asyncio.wait([task])
                took = time.monotonic() - began
            async with asyncio.timeout(5):
                version = (await repo.update_variable("s", "n", 1)).version
            return took, is_free(), version

    took, free, version = asyncio.run(main())

    assert took < 0.9
    assert free
    assert version == 1


def test_a_generator_that_its_loop_did_not_close_leaves_no_lock(store, is_free):
    async def start():
        repo = await AsyncSessionRepository.open(store.address, busy_timeout=2)

        async def rows():
            async with repo.transaction() as transaction:
                await transaction.update_variable("s", "n", 7)
                yield 1

        generator = rows()
        await anext(generator)
        return repo, generator

    loop = asyncio.new_event_loop()
    repo, generator = loop.run_until_complete(start())
    loop.close()  # without shutdown_asyncgens
    held = not is_free()
    del generator
    deadline = time.monotonic() + 5
    while not is_free() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert held
    assert is_free()
    assert asyncio.run(repo.update_variable("s", "n", 1)).version == 1
    asyncio.run(repo.close())


def test_an_opening_that_is_cancelled_leaves_nothing_open(store):
    async def main():
        for delay in [0, 0.001, 0.003, 0.01]:
            opening = asyncio.create_task(_open(store.address))
            await asyncio.sleep(delay)
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await (await opening).close()
        async with AsyncSessionRepository.open(store.address) as repo:
            return await repo.get_value("s", "n")

    assert asyncio.run(main()) == 0


async def _open(address):
    return await AsyncSessionRepository.open(address)
