"""Small reads run on the event loop where nothing can make them wait, else in a thread."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from snakestore import (
    AsyncSessionRepository,
    SessionRepository,
    StoreError,
    VariableNotFoundError,
)
from snakestore.aio import loop_reads, loop_turns
from snakestore.storage.dialects.sqlite import in_process
from snakestore.storage.execution import pool
from tests.awaited.test_lifecycle import in_child

LARGE = 200_000


class Clock:
    """The repository's clock, which notes the thread that asks it: the one that reads."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        self.thread = threading.get_ident()
        return datetime.now(UTC) + self.ahead

    @property
    def on_loop(self) -> bool:
        """Whether the last method ran in the present thread."""
        return self.thread == threading.get_ident()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        for number in range(120):
            repo.register_variable("s", f"n{number:03}", "integer", number, id=f"i{number:03}")
        repo.register_variable("s", "text", "string", "x")
        repo.update_variable("s", "text", "y")
        repo.put_program("s", "p", {"steps": []})
        repo.put_program("s", "p", {"steps": [1]})
        repo.append_log("s", "log", list(range(120)))
    return path


class Steady:
    """The clock that measures reads. It stands still, so that a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.step = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> Steady:
    steady = Steady()
    monkeypatch.setattr(loop_reads, "steady_seconds", steady)
    monkeypatch.setattr(in_process, "steady_seconds", lambda: 0.0)
    monkeypatch.setattr(pool, "monotonic", lambda: 0.0)  # no second passes between two reads
    return steady


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(path, clock):
    """Open the store with the clock."""

    @asynccontextmanager
    async def _opened(**options: Any) -> Any:
        async with AsyncSessionRepository.open(path, clock=clock, **options) as repo:
            yield repo

    return _opened


async def again(call):
    """Call twice: the first call of a method, or of a session, runs in a thread."""
    await call()
    return await call()


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


LARGE_CALLS = {
    "without a limit": lambda repo: repo.read_log("s", "log"),
    "a large limit": lambda repo: repo.read_log("s", "log", last=101),
    "a pattern": lambda repo: repo.list_variables("s", "n*", limit=5),
    "a prefix, which is sorted": lambda repo: repo.list_variables("s", prefix="n", limit=5),
    "all names": lambda repo: repo.variable_names("s"),
    "a count": lambda repo: repo.get_stats("s"),
}


@pytest.mark.parametrize("call", LARGE_CALLS.values(), ids=LARGE_CALLS.keys())
def test_a_read_that_may_be_large_runs_in_a_thread(path, clock, opened, call):
    async def main():
        async with opened() as repo:
            await repo.get_value("s", "n001")
            return await again(lambda: call(repo)), clock.on_loop

    result, on_loop = asyncio.run(main())

    with SessionRepository.open(path) as sync:
        assert result == call(sync)
    assert not on_loop


@pytest.mark.parametrize("cache", [False, True], ids=["", "cache"])
def test_a_large_value_is_read_in_a_thread(clock, opened, cache):
    async def main():
        async with opened(cache=cache) as repo:
            await repo.set_value("s", "large", "x" * LARGE)
            await again(lambda: repo.get_value("s", "n001"))
            value = await again(lambda: repo.get_value("s", "large"))
            in_thread = not clock.on_loop
            variable = await again(lambda: repo.get_variable("s", "large"))
            return len(value), len(variable.value), in_thread, not clock.on_loop

    assert asyncio.run(main()) == (LARGE, LARGE, True, True)


def test_the_pages_of_a_large_value_are_not_read_on_the_loop(path):
    with SessionRepository.open(path) as repo:
        repo.set_value("s", "large", "x" * LARGE)
        runner: Any = repo._runner
        connection = runner.at_once(1000)._acquire()
        with pytest.raises(sqlite3.DataError) as refused:
            connection.execute("SELECT value FROM variables WHERE name = 'large'").fetchone()
        runner._connections.release(connection)

        assert refused.value.sqlite_errorcode == sqlite3.SQLITE_TOOBIG
        assert repo.get_value("s", "large") == "x" * LARGE


def test_many_small_rows_that_are_large_together_are_read_in_a_thread(clock, opened):
    async def main():
        async with opened() as repo:
            await repo.append_log("s", "chat", ["x" * 5000] * 30)
            few = await again(lambda: repo.read_log("s", "chat", last=10))
            on_loop = clock.on_loop
            many = await again(lambda: repo.read_log("s", "chat", last=20))
            return len(few), on_loop, len(many), clock.on_loop

    assert asyncio.run(main()) == (10, True, 20, False)


def test_a_list_that_was_too_large_is_not_tried_on_the_loop_again_soon(clock, opened, steady):
    async def main():
        async with opened() as repo:
            await repo.append_log("s", "log", ["x" * 5000] * 30)
            await again(lambda: repo.read_log("s", "log", last=20))
            await repo.trim_log("s", "log", keep_last=0)
            await repo.read_log("s", "log", last=20)
            soon = clock.on_loop
            steady.now += loop_reads.SECONDS_WARM
            await repo.read_log("s", "log", last=20)
            return soon, clock.on_loop

    assert asyncio.run(main()) == (False, True)


def test_rows_that_come_slowly_are_read_in_a_thread(clock, opened, monkeypatch):
    steady = Steady()
    monkeypatch.setattr(in_process, "steady_seconds", steady)

    async def main():
        async with opened() as repo:
            await again(lambda: repo.list_variables("s", limit=50))
            before = clock.on_loop
            steady.step = 0.002
            slow = await repo.list_variables("s", limit=50)
            meanwhile = clock.on_loop
            steady.step = 0.0
            await repo.list_variables("s", limit=50)
            return before, len(slow), meanwhile, clock.on_loop

    assert asyncio.run(main()) == (True, 50, False, True)


def test_large_values_are_written_and_read_over_a_connection_that_read_on_the_loop(opened):
    async def main():
        async with opened(max_connections=1) as repo:
            lengths = []
            for length in (LARGE, 2 * LARGE):
                await again(lambda: repo.get_value("s", "n001"))
                await repo.set_value("s", "large", "x" * length)
                lengths.append(len(await repo.get_value("s", "large")))
            return lengths

    assert asyncio.run(main()) == [LARGE, 2 * LARGE]


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


@pytest.mark.parametrize("step", [0.0, 0.0001], ids=["stopped clock", ""])
def test_other_tasks_run_while_one_awaits_reads_only(clock, opened, steady, step):
    async def main():
        async with opened() as repo:
            await again(lambda: repo.get_value("s", "n001"))
            steady.step = step
            ended = asyncio.Event()
            asyncio.get_running_loop().call_soon(ended.set)
            for _ in range(loop_turns.MAX_READS if step == 0 else 20):
                await repo.get_value("s", "n001")
            return ended.is_set(), clock.on_loop

    assert asyncio.run(main()) == (True, True)


def test_many_tasks_that_only_read_each_get_what_they_read(opened, steady):
    async def main():
        async with opened() as repo:
            await repo.get_value("s", "n001")
            steady.step = 0.0004  # so that each lets others run after every few reads

            async def read(number):
                return [await repo.get_value("s", f"n{number:03}") for _ in range(20)]

            return await asyncio.gather(*[read(number) for number in range(30)])

    assert asyncio.run(main()) == [[number] * 20 for number in range(30)]


@pytest.mark.parametrize(("tasks", "reads"), [(300, 20), (30, 200)])
def test_tasks_that_only_read_share_each_turn_of_the_loop(opened, tasks, reads):
    async def main():
        async with opened() as repo:
            await repo.get_value("s", "n001")
            done = [0] * tasks
            spread = 0

            async def read(number):
                nonlocal spread
                for _ in range(reads):
                    await repo.get_value("s", "n001")
                    done[number] += 1
                spread = max(spread, max(done) - min(done))

            running = [asyncio.create_task(read(number)) for number in range(tasks)]
            in_turns = []
            while not all(task.done() for task in running):
                before = sum(done)
                await asyncio.sleep(0)
                in_turns.append(sum(done) - before)
            return max(in_turns), spread

    in_turn, spread = asyncio.run(main())

    assert in_turn <= 2 * loop_turns.MAX_READS
    assert spread <= 2 * loop_turns.MAX_READS


def crowd(repo, count=3 * loop_turns.MAX_READS):
    """Tasks of which most wait for a later turn of the loop."""
    return [asyncio.create_task(repo.get_value("s", "n001")) for _ in range(count)]


def test_reads_that_are_cancelled_while_they_wait_hold_up_no_others(opened):
    async def main():
        async with opened() as repo:
            await repo.get_value("s", "n001")
            tasks = crowd(repo)
            await asyncio.sleep(0)
            gone = [task for task in tasks[::2] if task.cancel()]
            async with asyncio.timeout(30):
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            return len(gone), [type(each) for each in outcomes].count(asyncio.CancelledError)

    gone, cancelled = asyncio.run(main())

    assert gone == cancelled == loop_turns.MAX_READS


def test_a_loop_that_ends_while_reads_wait_holds_up_no_other(path, clock):
    async def start():
        repo = await AsyncSessionRepository.open(path, clock=clock)
        await repo.get_value("s", "n001")
        return repo

    async def leave(repo):
        crowd(repo)
        await asyncio.sleep(0)

    async def read(repo):
        async with asyncio.timeout(30):
            return set(await asyncio.gather(*crowd(repo)))

    repo = asyncio.run(start())
    asyncio.run(leave(repo))
    assert asyncio.run(read(repo)) == {1}
    asyncio.run(repo.close())


def test_reads_go_on_where_an_exception_kept_the_loop_from_admitting_them(opened, monkeypatch):
    monkeypatch.setattr(loop_turns, "LOOK_AGAIN", 0.001)

    async def main():
        async with opened() as repo:
            await repo.get_value("s", "n001")
            tasks = crowd(repo)
            await asyncio.sleep(0)
            repo._dispatcher._loop_reads._here.turns._due.cancel()
            async with asyncio.timeout(30):
                return set(await asyncio.gather(*tasks))

    assert asyncio.run(main()) == {1}


def test_no_read_is_forgotten_when_an_exception_comes_to_what_admits_it(opened, monkeypatch):
    monkeypatch.setattr(loop_turns, "LOOK_AGAIN", 0.001)

    class Interrupted(asyncio.Future):
        left = 3

        def set_result(self, result):
            if Interrupted.left:
                Interrupted.left -= 1
                raise ArithmeticError
            super().set_result(result)

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        async with opened() as repo:
            await repo.get_value("s", "n001")
            monkeypatch.setattr(loop, "create_future", lambda: Interrupted(loop=loop))
            tasks = crowd(repo)
            async with asyncio.timeout(30):
                return set(await asyncio.gather(*tasks)), Interrupted.left

    assert asyncio.run(main()) == ({1}, 0)


def test_a_cancelled_task_that_only_reads_ends(opened):
    async def main():
        async with opened() as repo:

            async def read():
                while True:
                    await repo.get_value("s", "n001")

            task = asyncio.create_task(read())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


@pytest.mark.parametrize(("disk_reads", "then_on_loop"), [(1, False), (0, True), (None, False)])
def test_a_slow_read_sends_the_next_ones_to_threads_if_it_waited_for_the_disk(
    clock, opened, steady, monkeypatch, disk_reads, then_on_loop
):
    counted = None if disk_reads is None else 0
    monkeypatch.setattr(loop_reads, "_disk_reads", lambda: counted)

    async def main():
        nonlocal counted
        async with opened() as repo:
            await again(lambda: repo.get_value("s", "n001"))
            assert clock.on_loop
            steady.step, counted = 0.003, disk_reads
            await repo.get_value("s", "n001")  # slow
            steady.step = 0.0
            await again(lambda: repo.get_value("s", "n001"))
            soon = clock.on_loop
            steady.now += 1
            await again(lambda: repo.get_value("s", "n001"))
            return soon, clock.on_loop

    assert asyncio.run(main()) == (then_on_loop, True)


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
