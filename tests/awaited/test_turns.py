"""Who waits for whom, and what waiting occupies: turns, connections, threads."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from snakestore import AsyncSessionRepository, StoreBusyError
from snakestore.clock import steady_seconds
from tests.selection import Extent, extent

LOCKED = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type ="
    " 'Lock'"
)
CONNECTED = sqlalchemy.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
)


def on_server(store):
    return isinstance(store.address, sqlalchemy.URL)


async def add(repo, delay=0.0):
    """Read, wait for something else, write, in one transaction."""
    async with repo.transaction() as transaction:
        await transaction.touch("s")  # on a server, this is what keeps others out
        n = await transaction.get_value("s", "n")
        await asyncio.sleep(delay)
        await transaction.update_variable("s", "n", n + 1)


async def count(repo):
    await repo.modify_variable("s", "n", lambda value: value + 1)


def slowly(n):
    time.sleep(0.05)
    return n + 1


async def hold(repo, entered, leave):
    """Have a transaction open that has written to ``s``."""
    async with repo.transaction() as transaction:
        await transaction.touch("s")
        entered.set()
        await leave.wait()


@contextlib.asynccontextmanager
async def held(repo):
    """A block in which another task has a transaction open."""
    entered, leave = asyncio.Event(), asyncio.Event()
    holder = asyncio.create_task(hold(repo, entered, leave))
    await entered.wait()
    try:
        yield leave
    finally:
        leave.set()
        await holder


@pytest.fixture
def many(request) -> int:
    return 1000 if extent(request.config) == Extent.EXHAUSTIVE else 100


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


# --- who is inside a block


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


# --- on a server


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
