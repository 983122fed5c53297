"""Writes of several tasks that are committed together: each is as if it were alone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from snakestore import (
    AsyncSessionRepository,
    CommitUnknownError,
    SessionRepository,
    StoreBusyError,
    StoreError,
)
from snakestore.aio import group_commit, line
from snakestore.repository.variables import writes
from snakestore.storage.execution import autocommit

TASKS = 20
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with the session ``s`` and its variables ``v0`` to ``v19``, at 0."""
    path = tmp_path / "s.db"
    with SessionRepository.open(path, clock=lambda: NOW) as repo:
        repo.create_session("s", ttl=None)
        for number in range(TASKS):
            repo.register_variable("s", f"v{number}", "integer", 0)
    return path


class Commits:
    """The commits of single writes, which may fail as they are told to."""

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[Exception] = []
        self._commit = autocommit.commit_write

    def __call__(self, connection: Any) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop()
        self._commit(connection)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    """Counts commits, of groups that end when nobody waits any more."""
    commits = Commits()
    monkeypatch.setattr(autocommit, "commit_write", commits)
    monkeypatch.setattr(group_commit, "steady_seconds", lambda: 0.0)
    return commits


@contextlib.asynccontextmanager
async def waiting(
    repo: AsyncSessionRepository, *writes: Awaitable[Any]
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Tasks that all wait for the write lock, which is free when the block is left."""
    async with repo.transaction():
        tasks = [asyncio.ensure_future(write) for write in writes]
        for _ in range(3):
            await asyncio.sleep(0)
        yield tasks


async def together(repo: AsyncSessionRepository, *writes: Awaitable[Any]) -> list[Any]:
    """The results and errors of writes that waited for the same turn."""
    async with waiting(repo, *writes) as tasks:
        pass
    return await asyncio.gather(*tasks, return_exceptions=True)


def updates(repo: AsyncSessionRepository, value: int = 1) -> list[Awaitable[Any]]:
    return [repo.update_variable("s", f"v{number}", value) for number in range(TASKS)]


def values(path: Path) -> list[int]:
    with SessionRepository.open(path) as repo:
        return [repo.get_value("s", f"v{number}") for number in range(TASKS)]


def versions(path: Path) -> list[int]:
    with SessionRepository.open(path) as repo:
        return [repo.get_variable("s", f"v{number}").version for number in range(TASKS)]


def test_writes_that_wait_for_the_same_turn_are_committed_together(path, commits):
    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            return await together(repo, *updates(repo))

    variables = asyncio.run(main())

    assert commits.count == 1
    assert [variable.name for variable in variables] == [f"v{number}" for number in range(TASKS)]
    assert values(path) == [1] * TASKS


# --- the same as one after the other


def some_write(chance: random.Random) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A method and its arguments; many are refused."""
    sid = chance.choice(["s", "s", "s", "t", "missing"])
    name = f"v{chance.randrange(6)}"
    expected = chance.choice([None, None, 0, 1, 2, 3])
    number = chance.randrange(100)
    return chance.choice(
        [
            ("update_variable", (sid, name, number), {"expected_version": expected}),
            ("update_variable", (sid, name, "no number"), {}),
            ("update_variable", (sid, name, number), {"optimizer_id": "someone"}),
            ("set_value", (sid, f"w{chance.randrange(4)}", number), {"expected_version": expected}),
            ("set_values", (sid, {name: number, "x": "text", "v0": number}), {}),
            ("update_variables", (sid, {name: number, "nothing": 1}), {"atomic": False}),
            ("register_variable", (sid, name, "integer", number), {}),
            ("modify_variable", (sid, name, lambda value: value + 1), {}),
            ("start_optimization", (sid, name, "one"), {}),
            ("end_optimization", (sid, name, "one"), {}),
            ("rollback_variable", (sid, name, number % 3), {}),
            ("append_log", (sid, "log", [number]), {"expected_length": chance.choice([None, 1])}),
            ("pop_log", (sid, "log"), {}),
            ("put_program", (sid, "p", {"n": number}), {"expected_version": expected}),
            ("delete_program", (sid, "p"), {}),
            ("create_session", (chance.choice(["s", "t", "u"]),), {}),
            ("update_session", (sid,), {"metadata": {"n": number}}),
            ("touch", (sid,), {}),
        ]
    )


def shown(outcome: Any) -> str:
    """An outcome without the random part of ids, and what depends on it."""
    return re.sub("_[0-9a-f]{32}|'checksum': '[0-9a-f]+'", "", f"{outcome!r} {outcome}")


def contents(path: Path) -> list[str]:
    with SessionRepository.open(path, clock=lambda: NOW) as repo:
        return sorted(shown(record) for record in repo.export_sessions())


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
    many = {f"w{number}": number for number in range(group_commit.MAX_ITEMS + 1)}

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


# --- tasks that give up


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


class Held:
    """Holds up the write of one value in its thread."""

    def __init__(self, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        replace = writes.replace_value

        def replaced(*args: Any, **kwargs: Any) -> Any:
            result = replace(*args, **kwargs)
            if result.value == value:
                self.begun.set()
                assert self.may_end.wait(30)
            return result

        monkeypatch.setattr(writes, "replace_value", replaced)

    async def wait(self) -> None:
        """Wait until the write is under way."""
        assert await asyncio.to_thread(self.begun.wait, 30)


def numbered(repo: AsyncSessionRepository) -> list[Awaitable[Any]]:
    return [repo.update_variable("s", f"v{number}", number + 1) for number in range(TASKS)]


def test_tasks_cancelled_while_their_group_is_under_way_hold_up_nobody(path, commits, monkeypatch):
    held = Held(10, monkeypatch)

    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            async with waiting(repo, *numbered(repo)) as tasks:
                pass
            await held.wait()
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
        await held.wait()
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


# --- others


@contextlib.contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """The file is locked by another connection, until the function is called."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other.rollback
    finally:
        other.close()


def test_a_file_that_stays_busy_fails_every_write_and_stores_nothing(path):
    async def main():
        async with AsyncSessionRepository.open(path, busy_timeout=0.1) as repo:
            return await asyncio.gather(*updates(repo), return_exceptions=True)

    with locked(path):
        outcomes = asyncio.run(main())

    assert {type(each) for each in outcomes} == {StoreBusyError}
    assert values(path) == [0] * TASKS


def test_a_group_waits_for_a_busy_file(path):
    async def main(unlock):
        async with AsyncSessionRepository.open(path) as repo:
            tasks = [asyncio.ensure_future(each) for each in updates(repo)]
            done, _ = await asyncio.wait(tasks, timeout=0.05)
            unlock()
            return done, await asyncio.gather(*tasks)

    with locked(path) as unlock:
        done, outcomes = asyncio.run(main(unlock))

    assert not done
    assert [each.version for each in outcomes] == [1] * TASKS


def test_tasks_of_several_loops_write_together(path):
    async def main(repo, number):
        await asyncio.gather(
            *[repo.update_variable("s", f"v{number}", value) for value in range(50)]
        )

    async def everything():
        async with AsyncSessionRepository.open(path) as repo:
            with ThreadPoolExecutor(3) as threads:
                loops = [threads.submit(asyncio.run, main(repo, number)) for number in range(3)]
                await asyncio.gather(*[asyncio.wrap_future(each) for each in loops])

    asyncio.run(everything())

    assert versions(path)[:4] == [50, 50, 50, 0]


WRITER = """
import asyncio, sys
from snakestore import AsyncSessionRepository

async def count(repo, name):
    for value in range(1, 10**6):
        await repo.update_variable("s", name, value)
        print(name, value, flush=True)

async def main():
    async with AsyncSessionRepository.open(sys.argv[1]) as repo:
        await asyncio.gather(*[count(repo, f"v{number}") for number in range(20)])

asyncio.run(main())
"""


@pytest.mark.slow
def test_what_was_acknowledged_is_stored_after_a_kill(path):
    acknowledged = dict.fromkeys([f"v{number}" for number in range(TASKS)], 0)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for number, line in enumerate(writer.stdout):
            if number == 500:
                writer.send_signal(signal.SIGKILL)
            if line.endswith("\n"):
                name, value = line.split()
                acknowledged[name] = int(value)

    stored = values(path)
    assert all(
        known <= there <= known + 1
        for known, there in zip(acknowledged.values(), stored, strict=True)
    )
    assert versions(path) == stored
