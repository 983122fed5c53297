"""Reads that may be large or slow run in a thread."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.aio import loop_reads
from snakestore.storage.dialects.sqlite import in_process
from tests.awaited.loop_reads.clocks import Steady, again

LARGE = 200_000


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
