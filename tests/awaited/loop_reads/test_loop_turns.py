"""Tasks that only read share the turns of the event loop with all others."""

from __future__ import annotations

import asyncio

import pytest

from snakestore import AsyncSessionRepository
from snakestore.aio import loop_turns
from tests.awaited.loop_reads.clocks import again


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


@pytest.mark.parametrize("look_again", [loop_turns.LOOK_AGAIN, 0.0], ids=["", "loop is late"])
@pytest.mark.parametrize(("tasks", "reads"), [(300, 20), (30, 200)])
def test_tasks_that_only_read_share_each_turn_of_the_loop(
    opened, monkeypatch, tasks, reads, look_again
):
    monkeypatch.setattr(loop_turns, "LOOK_AGAIN", look_again)

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
            turns = repo._dispatcher._loop_reads._here.turns
            turns._due.cancel()
            turns._alarm.cancel()  # as if one came there too
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
