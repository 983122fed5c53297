"""Writes of several tasks that are committed together: each is as if it were alone."""

from __future__ import annotations

import asyncio
import gc
import random
import sqlite3
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from snakestore import AsyncSessionRepository, CommitUnknownError, SessionRepository
from snakestore.repository.variables import writes
from snakestore.storage.execution import group_commit, small_arguments
from tests.awaited.group_commit.groups import (
    NOW,
    TASKS,
    contents,
    shown,
    some_write,
    together,
    updates,
    values,
    versions,
)


def test_writes_that_wait_for_the_same_turn_are_committed_together(path, commits):
    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            return await together(repo, *updates(repo))

    variables = asyncio.run(main())

    assert commits.count == 1
    assert [variable.name for variable in variables] == [f"v{number}" for number in range(TASKS)]
    assert values(path) == [1] * TASKS


@pytest.mark.parametrize("seed", range(6))
def test_each_outcome_is_that_of_one_after_the_other(path, tmp_path, commits, seed):
    chance = random.Random(seed)
    calls = [some_write(chance) for _ in range(150)]
    alone = tmp_path / "alone.db"
    alone.write_bytes(path.read_bytes())

    def one_after_the_other() -> Iterator[Any]:
        with SessionRepository.open(alone, clock=lambda: NOW) as repo:
            for method, args, kwargs in calls:
                try:
                    yield getattr(repo, method)(*args, **kwargs)
                except Exception as error:  # noqa: BLE001 - it is compared
                    yield error

    async def main() -> list[Any]:
        async with AsyncSessionRepository.open(path, clock=lambda: NOW) as repo:
            return await together(
                repo, *[getattr(repo, method)(*args, **kwargs) for method, args, kwargs in calls]
            )

    expected = [shown(outcome) for outcome in one_after_the_other()]
    commits.count = 0
    outcomes = asyncio.run(main())

    assert [shown(outcome) for outcome in outcomes] == expected
    assert contents(path) == contents(alone)
    assert commits.count < 100


def test_an_error_after_a_change_concerns_its_own_write_alone(path, commits, monkeypatch):
    replace = writes.replace_value

    def replaced(*args: Any, **kwargs: Any) -> Any:
        result = replace(*args, **kwargs)
        if result.value == 13:
            raise ArithmeticError
        return result

    monkeypatch.setattr(writes, "replace_value", replaced)

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            numbers = [*range(1, 11), 13, *range(20, 30)]
            return await together(
                repo, *[repo.update_variable("s", "v0", number) for number in numbers]
            )

    outcomes = asyncio.run(main())

    assert [type(each) for each in outcomes if isinstance(each, Exception)] == [ArithmeticError]
    assert [each.version for each in outcomes[:10] + outcomes[11:]] == [*range(1, 21)]
    assert values(path)[0] == 29


def test_a_commit_that_fails_as_busy_is_repeated_without_writing_twice(path, commits):
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    commits.errors = [busy]

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            return await together(repo, *updates(repo))

    outcomes = asyncio.run(main())

    assert [each.version for each in outcomes] == [1] * TASKS
    assert versions(path) == [1] * TASKS
    assert commits.count == 2


def test_a_commit_of_unknown_outcome_is_told_to_all(path, commits):
    commits.errors = [CommitUnknownError("nobody knows")]

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            outcomes = await together(repo, *updates(repo))
            await repo.update_variable("s", "v0", 2)
            return outcomes

    outcomes = asyncio.run(main())

    assert {(type(each), str(each)) for each in outcomes} == {(CommitUnknownError, "nobody knows")}
    assert len({id(each) for each in outcomes}) == TASKS
    assert versions(path) == [1] + [0] * (TASKS - 1)


def test_a_group_ends_after_20_ms_of_work(path, commits, monkeypatch):
    times = iter(range(10**6))
    monkeypatch.setattr(group_commit, "steady_seconds", lambda: next(times) * 0.01)

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            await together(repo, *updates(repo))

    asyncio.run(main())

    assert commits.count == TASKS / 2
    assert values(path) == [1] * TASKS


def test_a_function_of_the_caller_runs_in_a_transaction_of_its_own(path, commits):
    calls = []

    def add_one(value: int) -> int:
        calls.append(value)
        return value + 1

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            before, after = updates(repo, 5), updates(repo, 7)
            return await together(repo, *before, repo.modify_variable("s", "v0", add_one), *after)

    outcomes = asyncio.run(main())

    assert calls == [5]
    assert outcomes[TASKS].value == 6
    assert commits.count == 3


def test_a_lone_write_and_large_arguments_are_not_grouped(path, commits):
    many = {f"w{number}": number for number in range(small_arguments.MAX_ITEMS + 1)}

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            await repo.update_variable("s", "v0", 1)
            await together(repo, repo.touch("s"), repo.set_values("s", many), repo.touch("s"))

    asyncio.run(main())

    assert commits.count == 4


def test_an_iterable_of_the_callers_is_read_outside_of_the_transaction(path):
    class Entries:
        def __init__(self, outside: SessionRepository) -> None:
            self.outside = outside

        def __iter__(self) -> Iterator[int]:
            self.outside.update_variable("s", "v0", 5)
            return iter([1, 2])

    async def main():
        with SessionRepository.open(path, busy_timeout=0) as outside:
            async with AsyncSessionRepository.open(path) as repo:
                entries = Entries(outside)
                return await together(
                    repo, repo.touch("s"), repo.append_log("s", "log", entries), repo.touch("s")
                )

    assert asyncio.run(main())[1] == 2


def test_an_error_is_freed_without_the_garbage_collector(path):
    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            found = await together(
                repo,
                *[repo.update_variable("s", f"v{n}", 1, expected_version=7) for n in range(3)],
            )
            return [weakref.ref(error) for error in found]

    gc.collect()
    gc.disable()
    try:
        errors = asyncio.run(main())

        assert [error() for error in errors] == [None] * 3
    finally:
        gc.enable()
