"""Many tasks share few connections: no update is lost, and the event loop keeps running."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import threading
import time

import pytest
import sqlalchemy

from snakestore import AsyncSessionRepository, StoreBusyError
from tests.postgresql.test_connections import TERMINATE


@contextlib.asynccontextmanager
async def heartbeat():
    """The longest delay, in seconds, of a task that sleeps for a millisecond at a time."""
    gaps = []

    async def beat():
        while True:
            then = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - then - 0.001)

    task = asyncio.create_task(beat())
    await asyncio.sleep(0)
    yield gaps
    task.cancel()


def test_a_thousand_tasks_share_a_pool_of_five(store):
    async def main():
        async with store.engine(pool_size=5, max_overflow=0) as engine:
            repo = AsyncSessionRepository(engine)
            for number in range(10):
                await repo.create_session(f"t{number}")
                await repo.register_variable(f"t{number}", "n", "integer", 0)
            await asyncio.gather(
                *[
                    repo.modify_variable(f"t{number % 10}", "n", lambda value: value + 1)
                    for number in range(1000)
                ]
            )
            values = [await repo.get_value(f"t{number}", "n") for number in range(10)]
            return values, engine.pool.checkedout()

    values, lent = asyncio.run(main())

    assert values == [100] * 10
    assert lent == 0


def test_a_thousand_tasks_share_an_opened_store(store):
    async def main():
        async with AsyncSessionRepository.open(store.address) as repo:
            await asyncio.gather(
                *[repo.modify_variable("s", "n", lambda value: value + 1) for _ in range(1000)]
            )
            return await repo.get_variable("s", "n")

    variable = asyncio.run(main())

    assert (variable.value, variable.version) == (1000, 1000)


def test_the_loop_goes_on_while_verbs_are_at_work(repository):
    async def main():
        async with repository() as repo, heartbeat() as gaps:
            while len(gaps) <= 10:  # however quick the verbs are
                await asyncio.gather(
                    *[repo.modify_variable("s", "n", lambda value: value + 1) for _ in range(10)]
                )
                await asyncio.gather(*[repo.get_value("s", "x") for _ in range(10)])
        return sorted(gaps)

    gaps = asyncio.run(main())

    assert len(gaps) > 10
    assert gaps[len(gaps) // 2] < 0.03
    assert (
        gaps[-1] < 2
    )  # what a busy machine may do to any process; a verb that blocked the loop would do it to all


def test_the_loop_goes_on_while_a_verb_waits_for_another_writer(store, repository):
    async def main():
        with contextlib.ExitStack() as stack:
            holder = stack.enter_context(stack.enter_context(store.outside()).transaction())
            holder.update_variable("s", "n", 5)
            async with repository() as repo, heartbeat() as gaps:
                task = asyncio.create_task(repo.modify_variable("s", "n", lambda value: value + 1))
                await asyncio.sleep(0.3)
                waiting, beats = not task.done(), len(gaps)
                stack.close()
                return waiting, beats, (await task).value

    waiting, beats, value = asyncio.run(main())

    assert waiting
    assert beats > 20
    assert value == 6


# --- cancellation


def test_a_cancelled_verb_is_done_whole_or_not_at_all_and_no_connection_is_lost(repository, store):
    async def main():
        async with repository() as repo:
            for delay in [0, 0.0005, 0.001, 0.002, 0.004, 0.008] * 5:
                task = asyncio.create_task(repo.update_variables("s", {"x": delay, "n": 1}))
                await asyncio.sleep(delay)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            async with asyncio.timeout(20):  # all connections are there again
                await asyncio.gather(
                    *[repo.modify_variable("s", "n", lambda value: value + 1) for _ in range(10)]
                )
            stats, x, n = (
                await repo.get_stats("s"),
                await repo.get_variable("s", "x"),
                await repo.get_variable("s", "n"),
            )
            return stats.total_variable_updates, x.version, n.version

    updates, x, n = asyncio.run(main())

    assert n == x + 10
    assert updates == 2 + x + n


@pytest.mark.parametrize("delay", [0, 0.001, 0.005, 0.02])
def test_a_cancelled_transaction_leaves_nothing_and_no_connection_is_lost(repository, store, delay):
    async def main():
        async with repository() as repo:

            async def work():
                async with repo.transaction() as transaction:
                    for number in range(10_000):
                        await transaction.update_variable("s", "n", number)

            for _ in range(6):
                task = asyncio.create_task(work())
                await asyncio.sleep(delay)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            async with asyncio.timeout(20):
                await asyncio.gather(
                    *[repo.modify_variable("s", "x", lambda value: value + 1) for _ in range(10)]
                )

    asyncio.run(main())

    with store.outside() as repo:
        assert (repo.get_variable("s", "n").version, repo.get_value("s", "x")) == (0, 11.0)


def test_a_cancelled_wait_for_a_lock_ends_at_once_and_changes_nothing(repository, store):
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
            waiting = asyncio.create_task(repo.update_variable("s", "n", 6))
            await asyncio.sleep(0.1)
            started = time.monotonic()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            took = time.monotonic() - started
            leave.set()
            await holder
            return took

    assert asyncio.run(main()) < 2


# --- others


def increment(address, count):
    """In a process of its own, with a loop of its own."""

    async def main():
        async with AsyncSessionRepository.open(address) as repo:
            await asyncio.gather(
                *[repo.modify_variable("s", "n", lambda value: value + 1) for _ in range(count)]
            )

    asyncio.run(main())


def test_two_processes_with_two_loops_lose_nothing(store):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=increment, args=[store.address, 100]) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0]
    with store.outside() as repo:
        assert (repo.get_value("s", "n"), repo.get_variable("s", "n").version) == (200, 200)


def test_a_repository_serves_one_loop_after_another(store):
    repo = asyncio.run(_opened(store.address))

    values = [
        asyncio.run(repo.modify_variable("s", "n", lambda value: value + 1)).value for _ in range(3)
    ]
    asyncio.run(repo.close())

    assert values == [1, 2, 3]


async def _opened(address):
    return await AsyncSessionRepository.open(address)


def test_dropped_connections_are_noticed_and_verbs_run_again(store):
    if not isinstance(store.address, sqlalchemy.URL):
        pytest.skip("a file has no connections to drop")

    async def main():
        async with store.engine(pool_size=5, max_overflow=0) as engine:
            repo = AsyncSessionRepository(engine)
            await asyncio.gather(*[repo.get_value("s", "x") for _ in range(5)])
            outside = sqlalchemy.create_engine(store.address)
            with outside.connect() as connection:
                connection.execute(TERMINATE).all()
            outside.dispose()
            return await asyncio.gather(
                *[repo.modify_variable("s", "n", lambda value: value + 1) for _ in range(5)]
            )

    changed = asyncio.run(main())

    assert sorted(variable.value for variable in changed) == [1, 2, 3, 4, 5]


def test_a_pool_that_stays_empty_is_reported_as_busy(store):
    async def main():
        async with (
            store.engine(pool_size=1, max_overflow=0, pool_timeout=0.2) as engine,
            engine.connect(),
        ):
            await AsyncSessionRepository(engine).get_value("s", "x")

    with pytest.raises(StoreBusyError, match="pool"):
        asyncio.run(main())


def test_closing_while_verbs_are_at_work_lets_them_end(store):
    async def main():
        repo = await AsyncSessionRepository.open(store.address)
        tasks = [
            asyncio.create_task(repo.modify_variable("s", "n", lambda value: value + 1))
            for _ in range(4)
        ]
        await asyncio.sleep(0)
        await repo.close()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())

    done = [result for result in results if not isinstance(result, Exception)]
    with store.outside() as repo:
        assert repo.get_value("s", "n") == len(done)
    assert threading.active_count() < 50
