"""Tasks that give up, or whose waking is interrupted, hold up no other of their group."""

from __future__ import annotations

import asyncio
import itertools
import sys
from typing import Any

from snakestore import AsyncSessionRepository, StoreError
from snakestore.aio import line
from tests.awaited.group_commit.groups import (
    TASKS,
    Held,
    numbered,
    together,
    updates,
    values,
    waiting,
)


def test_a_task_cancelled_while_it_waits_writes_nothing(path, commits):
    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            async with waiting(repo, *updates(repo)) as tasks:
                for task in tasks[::3]:
                    task.cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())

    cancelled = [isinstance(each, asyncio.CancelledError) for each in outcomes]
    assert cancelled == [number % 3 == 0 for number in range(TASKS)]
    assert values(path) == [0 if gone else 1 for gone in cancelled]
    assert commits.count == 1


def test_tasks_cancelled_while_their_group_is_under_way_hold_up_nobody(path, commits, monkeypatch):
    held = Held(10, monkeypatch)

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            async with waiting(repo, *numbered(repo)) as tasks:
                pass
            assert await asyncio.to_thread(held.begun.wait, 30)
            for number in (0, 5, 9, 15):  # the first of all, one that is done, the present, a later
                tasks[number].cancel()
            gone = [await asyncio.wait_for(cancelled(tasks[n]), 30) for n in (0, 5, 9, 15)]
            held.may_end.set()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await repo.update_variable("s", "v0", 100)
            return gone, outcomes

    gone, outcomes = asyncio.run(main())

    assert all(gone)
    assert sum(isinstance(each, asyncio.CancelledError) for each in outcomes) == 4
    assert values(path) == [100, *range(2, 16), 0, *range(17, TASKS + 1)]


async def cancelled(task: asyncio.Task[Any]) -> bool:
    await asyncio.wait([task])
    return task.cancelled()


def test_close_lets_the_group_under_way_end_and_refuses_who_waits(path, commits, monkeypatch):
    held = Held(10, monkeypatch)

    async def main():
        repo = await AsyncSessionRepository.open(path)
        async with waiting(repo, *numbered(repo)) as tasks:
            pass
        assert await asyncio.to_thread(held.begun.wait, 30)
        closing = asyncio.create_task(repo.close())
        await asyncio.sleep(0)
        held.may_end.set()
        await closing
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())

    assert [type(each) for each in outcomes[10:]] == [StoreError] * (TASKS - 10)
    assert values(path) == [*range(1, 11)] + [0] * (TASKS - 10)


def test_tasks_are_woken_although_exceptions_come_to_what_wakes_them(path, commits, monkeypatch):
    monkeypatch.setattr(line, "LOOK_AGAIN", 0.001)
    monkeypatch.setattr(line, "_resolve_all", lambda _: None)  # as if one came at its beginning
    serve, looks = line.Line._serve, itertools.count()

    def interrupted(of: line.Line) -> None:
        looking = sys._getframe(1).f_code is line.Line._look.__code__
        if looking and next(looks) < 5 * TASKS:
            raise ArithmeticError
        serve(of)

    monkeypatch.setattr(line.Line, "_serve", interrupted)

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with AsyncSessionRepository.open(path) as repo, asyncio.timeout(30):
            return await together(repo, *updates(repo))

    outcomes = asyncio.run(main())

    assert [each.version for each in outcomes] == [1] * TASKS
    assert next(looks) > 5 * TASKS
