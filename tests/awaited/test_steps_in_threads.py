"""Without greenlet, methods of several transactions run in worker threads."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from snakestore import AsyncSessionRepository, SessionRepository, StoreError
from snakestore.aio import stepping

ERROR = ImportError("No module named 'greenlet'")


@pytest.fixture(autouse=True)
def without_greenlet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "greenlet_error", lambda: ERROR)
    monkeypatch.setattr(stepping, "greenlet_spawn", None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with SessionRepository.open(path) as repo:
        for sid in ("s", "t"):
            repo.create_session(sid, ttl=None)
            repo.set_values(sid, {f"n{number}": number for number in range(30)})
            repo.append_log(sid, "log", list(range(10)))
            repo.update_variable(sid, "n0", 7)
    return path


def test_each_method_does_what_the_synchronous_one_does(path: Path) -> None:
    async def work() -> list[object]:
        async with AsyncSessionRepository.open(path) as repo:
            seen: list[int] = []
            results: list[object] = [
                (await repo.check(progress=seen.append)).ok,
                await repo.prune_history(older_than=timedelta(0)),
                await repo.trim_log("s", "log", keep_last=3),
                await repo.delete_log("s", "log"),
                await repo.delete_variable("s", "n1"),
                await repo.delete_variables("s", ["n2", "n3", "n99"]),
                await repo.delete_session("s"),
                await repo.delete_session("s"),
                await repo.delete_expired(),
                await repo.session_exists("t"),
            ]
            await repo.compact()
            return [bool(seen), *results]

    results = asyncio.run(work())

    assert results == [True, True, 2, 7, True, True, 2, True, False, 0, True]


def test_many_tasks_at_once_need_no_connection_each(path: Path) -> None:
    async def work() -> int:
        async with AsyncSessionRepository.open(path, max_connections=2) as repo:
            deleted = await asyncio.gather(
                *[repo.delete_variable(sid, f"n{n}") for n in range(30) for sid in "st"]
            )
            return sum(deleted)

    assert asyncio.run(work()) == 60


def test_an_error_is_raised_unchanged_and_a_closed_repository_refuses(path: Path) -> None:
    problem = ZeroDivisionError("of the callback")

    def fail(_rows: int) -> None:
        raise problem

    async def work() -> AsyncSessionRepository:
        async with AsyncSessionRepository.open(path) as repo:
            with pytest.raises(ZeroDivisionError) as raised:
                await repo.check(progress=fail)
            assert raised.value is problem
        with pytest.raises(StoreError, match="closed"):
            await repo.delete_session("s")
        return repo

    asyncio.run(work())


def test_a_cancellation_between_two_steps_ends_the_method_at_the_next(path: Path) -> None:
    async def work() -> list[int]:
        seen: list[int] = []
        async with AsyncSessionRepository.open(path) as repo:
            loop = asyncio.get_running_loop()
            cancelled = threading.Event()

            def cancel() -> None:
                task.cancel()
                loop.call_soon(cancelled.set)  # the task has been woken

            def progress(rows: int) -> None:
                seen.append(rows)
                if len(seen) == 1:
                    loop.call_soon_threadsafe(cancel)
                    assert cancelled.wait(30)

            task = asyncio.create_task(repo.check(progress=progress))
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await repo.delete_session("s") is True
        return seen

    assert len(asyncio.run(work())) < 5


def test_a_cancellation_ends_a_step_that_waits_for_a_writer(path: Path) -> None:
    async def work() -> None:
        async with AsyncSessionRepository.open(path) as repo:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                task = asyncio.create_task(repo.delete_session("s"))
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await repo.session_exists("s")
            assert await repo.delete_session("s") is True

    asyncio.run(work())


def test_a_task_that_is_destroyed_lets_its_thread_end(path: Path) -> None:
    async def work() -> None:
        async with AsyncSessionRepository.open(path) as repo:
            waiter = stepping.new_waiter(repo._dispatcher.executor)
            started, ended = threading.Event(), threading.Event()

            async def wait() -> None:
                await asyncio.Future()

            def method() -> None:
                started.set()
                try:
                    waiter.wait_for(wait())
                finally:
                    ended.set()

            coroutine = waiter.run(method)
            coroutine.send(None)
            assert await asyncio.to_thread(started.wait, 30)
            coroutine.close()

            assert await asyncio.to_thread(ended.wait, 30)

    asyncio.run(work())


def test_where_no_thread_can_be_started_the_extra_is_named(path, monkeypatch) -> None:
    async def work() -> None:
        async with AsyncSessionRepository.open(path) as repo:
            repo._dispatcher.executor._start_anew()  # no idle thread
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                with pytest.raises(StoreError, match=r"pip install 'snakestore\[asyncio\]'"):
                    await repo.delete_session("s")

    def refuse(_thread: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    asyncio.run(work())
