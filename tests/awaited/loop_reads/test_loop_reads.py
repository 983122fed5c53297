"""Small reads run on the event loop where nothing can make them wait, else in a thread."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta

import pytest

from snakestore import AsyncSessionRepository, SessionRepository, StoreError, VariableNotFoundError
from snakestore.aio import loop_reads
from tests.awaited.loop_reads.clocks import again
from tests.awaited.test_lifecycle import in_child

CALLS = {
    "get_session": lambda repo: repo.get_session("s"),
    "session_exists": lambda repo: repo.session_exists("s"),
    "expired": lambda repo: repo.expired("s"),
    "get_variable": lambda repo: repo.get_variable("s", "n001"),
    "get_value": lambda repo: repo.get_value("s", "n001"),
    "get_value by id": lambda repo: repo.get_value("s", identifier="i001"),
    "get_value default": lambda repo: repo.get_value("s", "missing", None),
    "has_variable": lambda repo: repo.has_variable(sid="s", identifier="n001"),
    "variable_names": lambda repo: repo.variable_names("s", limit=10, reverse=True),
    "variable_names prefix": lambda repo: repo.variable_names("s", prefix="n00", limit=5),
    "list_variables": lambda repo: repo.list_variables("s", limit=100),
    "get_variable_version": lambda repo: repo.get_variable_version("s", "text", 0),
    "variable_history": lambda repo: repo.variable_history("s", "text", limit=5),
    "get_program": lambda repo: repo.get_program("s", "p"),
    "get_program_record": lambda repo: repo.get_program_record("s", "p"),
    "has_program": lambda repo: repo.has_program("s", "p"),
    "program_ids": lambda repo: repo.program_ids("s", limit=5),
    "program_history": lambda repo: repo.program_history("s", "p", limit=5),
    "get_program_version": lambda repo: repo.get_program_version("s", "p", 0),
    "read_log": lambda repo: repo.read_log("s", "log", last=10),
    "read_log after": lambda repo: repo.read_log("s", "log", after=3, limit=10),
    "log_length": lambda repo: repo.log_length("s", "log"),
    "has_log": lambda repo: repo.has_log("s", "log"),
}


def test_every_method_that_may_run_on_the_loop_is_tried_here():
    assert set(loop_reads.SMALL) == {name.split()[0] for name in CALLS}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_small_read_runs_on_the_loop_with_the_same_result(path, clock, opened, call):
    async def main():
        async with opened() as repo:
            return await again(lambda: call(repo)), clock.on_loop

    result, on_loop = asyncio.run(main())

    with SessionRepository.open(path) as sync:
        assert result == call(sync)
    assert on_loop


def test_the_first_call_of_a_method_and_the_first_read_of_a_session_run_in_a_thread(clock, opened):
    async def main():
        async with opened() as repo:
            await repo.create_session("t")
            where = []
            for call in [
                lambda: repo.get_value("s", "n001"),
                lambda: repo.get_value("s", "n002"),
                lambda: repo.has_variable("s", "n002"),
                lambda: repo.has_variable("s", "n002"),
                lambda: repo.get_value("t", "n002", None),
                lambda: repo.get_value("t", "n002", None),
            ]:
                await call()
                where.append(clock.on_loop)
            return where

    assert asyncio.run(main()) == [False, True, False, True, False, True]


def test_errors_are_those_of_the_synchronous_method(clock, opened):
    async def main():
        async with opened() as repo:
            await repo.get_value("s", "n001")
            with pytest.raises(VariableNotFoundError) as raised:
                await repo.get_value("s", "missing")
            return raised.value.identifier, raised.value.__context__, clock.on_loop

    assert asyncio.run(main()) == ("missing", None, True)


def test_a_task_reads_what_it_wrote(clock, opened):
    async def main():
        async with opened() as repo:
            await again(lambda: repo.get_value("s", "n001"))
            for number in range(20):
                await repo.update_variable("s", "n001", number)
                assert await repo.get_value("s", "n001") == number
                assert clock.on_loop

    asyncio.run(main())


def test_a_read_whose_access_is_due_records_it_in_a_thread(clock, opened):
    async def main():
        async with opened() as repo:
            await again(lambda: repo.get_value("s", "n001"))
            clock.ahead = timedelta(minutes=2)
            await repo.get_value("s", "n001")
            in_thread = not clock.on_loop
            await repo.get_value("s", "n001")
            session = await repo.get_session("s")
            return in_thread, clock() - session.last_accessed < timedelta(minutes=1)

    assert asyncio.run(main()) == (True, True)


def test_a_read_beside_the_callers_own_block_sees_the_committed_value(clock, opened):
    async def main():
        async with opened() as repo:
            await again(lambda: repo.get_value("s", "n001"))
            async with repo.transaction() as transaction:
                await transaction.update_variable("s", "n001", -1)
                inside = await transaction.get_value("s", "n001")
                outside = await again(lambda: repo.get_value("s", "n001"))
                return inside, outside, clock.on_loop

    assert asyncio.run(main()) == (-1, 1, True)


def test_a_locked_file_is_read_in_a_thread_while_the_loop_goes_on(path, clock):
    # without a log, readers wait for a writer; a read-only repository does not change the mode
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    writer = sqlite3.connect(path, isolation_level=None)

    async def main():
        async with AsyncSessionRepository.open(f"file:{path}?mode=ro", clock=clock) as repo:
            await again(lambda: repo.get_value("s", "n001"))
            on_loop = clock.on_loop
            writer.execute("BEGIN EXCLUSIVE")
            task = asyncio.create_task(repo.get_value("s", "n001"))
            for _ in range(20):
                await asyncio.sleep(0)  # the loop goes on
            waits = not task.done()
            writer.execute("ROLLBACK")
            return on_loop, waits, await task, clock.on_loop

    try:
        assert asyncio.run(main()) == (True, True, 1, False)
    finally:
        writer.close()


def test_a_file_that_was_removed_is_noticed(path, opened):
    async def main():
        async with opened() as repo:
            await again(lambda: repo.get_value("s", "n001"))
            path.rename(path.with_suffix(".away"))
            for connection in repo._dispatcher.repository._runner._connections.idle:
                connection.watch.next_check = float("-inf")  # as after a second
            with pytest.raises(StoreError, match="removed or replaced"):
                await repo.get_value("s", "n001")
            path.with_suffix(".away").rename(path)

    asyncio.run(main())


def test_a_closed_repository_refuses(opened):
    async def main():
        async with opened() as repo:
            await again(lambda: repo.get_value("s", "n001"))
        with pytest.raises(StoreError, match="closed"):
            await repo.get_value("s", "n001")

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_parent_and_child_of_a_fork_read_on_their_loops(path, clock):
    async def read():
        return await again(lambda: repo.get_value("s", "n001")), clock.on_loop

    async def start():
        return await AsyncSessionRepository.open(path, clock=clock)

    repo = asyncio.run(start())
    before = asyncio.run(read())

    child = in_child(lambda: asyncio.run(read()))
    after = asyncio.run(read())

    asyncio.run(repo.close())
    assert (before, child, after) == ((1, True), "(1, True)", (1, True))


def test_loops_in_several_threads_read_one_repository(opened):
    def read_and_write(repo, number):
        async def main():
            for value in range(50):
                await repo.update_variable("s", f"n00{number}", value)
                assert await repo.get_value("s", f"n00{number}") == value
                assert await repo.get_value("s", "n010") == 10

        asyncio.run(main())

    async def main():
        async with opened() as repo:
            await repo.get_value("s", "n001")
            await asyncio.gather(
                *[asyncio.to_thread(read_and_write, repo, number) for number in range(3)]
            )

    asyncio.run(main())


def test_a_session_that_was_not_read_for_long_is_read_in_a_thread_first(clock, opened, steady):
    async def main():
        async with opened() as repo:
            where = []
            for wait in (0, 0, loop_reads.SECONDS_WARM + 1, 2 * loop_reads.SECONDS_WARM + 1, 0):
                steady.now += wait
                await repo.get_value("s", "n001")
                where.append(clock.on_loop)
            return where

    assert asyncio.run(main()) == [False, True, True, False, True]


def test_a_database_in_memory_is_read_in_a_thread(clock):
    async def main():
        async with AsyncSessionRepository.open("sqlite://", clock=clock) as repo:
            await repo.create_session("s")
            await again(lambda: repo.get_session("s"))
            return clock.on_loop

    assert asyncio.run(main()) is False
