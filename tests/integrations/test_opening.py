"""The repository of an adapter that was given a path."""

from __future__ import annotations

import asyncio
import threading

import pytest

from snakestore import AsyncSessionRepository, SessionRepository, StoreError, ValidationError
from snakestore.integrations.opening import Adapter, AsyncAdapter, AsyncHandle, Handle


class Blocking(Adapter):
    def __init__(self, store):
        self._handle = Handle(store)
        self.repository = self._handle.repository


class Awaited(AsyncAdapter):
    def __init__(self, store):
        self._handle = AsyncHandle(store)
        self.repository = self._handle.repository


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store.db")


def test_a_handle_closes_what_it_opened_alone(path):
    own = Handle(path)
    with SessionRepository.open(path) as repo:
        borrowed = Handle(repo)

        own.close()
        own.close()
        borrowed.close()

        assert borrowed.repository.list_sessions() == []
    with pytest.raises(StoreError):
        own.repository.list_sessions()


def test_an_awaited_handle_closes_what_it_opened_alone(path):
    async def main():
        async with AsyncSessionRepository.open(path) as repo:
            own, borrowed = AsyncHandle(path), AsyncHandle(repo)
            first = await own.repository()
            await own.close()
            await own.close()
            await borrowed.close()
            with pytest.raises(StoreError):
                await first.list_sessions()
            again = await own.repository()
            found = await again.list_sessions(), await (await borrowed.repository()).list_sessions()
            await own.close()
            return found

    assert asyncio.run(main()) == ([], [])


def test_a_with_block_closes_an_adapter_also_if_it_raises(path):
    with pytest.raises(KeyError), Blocking(path) as adapter:
        raise KeyError

    with pytest.raises(StoreError):
        adapter.repository.list_sessions()


def test_a_with_block_leaves_the_callers_repository_open(path):
    with SessionRepository.open(path) as repo:
        with Blocking(repo):
            pass

        assert repo.list_sessions() == []


def test_an_async_with_block_closes_an_adapter_also_if_it_raises(path):
    async def main():
        with pytest.raises(KeyError):
            async with Awaited(path) as adapter:
                opened = await adapter.repository()
                raise KeyError
        with pytest.raises(StoreError):
            await opened.list_sessions()

    asyncio.run(main())


def test_tasks_that_need_it_at_once_share_one_opening(path):
    async def main():
        handle = AsyncHandle(path)
        opened = await asyncio.gather(*(handle.repository() for _ in range(20)))
        await handle.close()
        return opened

    assert len({id(repo) for repo in asyncio.run(main())}) == 1


def test_threads_with_loops_of_their_own_share_one_opening(path):
    handle, opened = AsyncHandle(path), []
    threads = [
        threading.Thread(target=lambda: opened.append(asyncio.run(handle.repository())))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(opened) == 8
    assert len({id(repo) for repo in opened}) == 1
    asyncio.run(handle.close())


def test_after_a_cancelled_opening_the_next_task_opens(path):
    async def main():
        handle = AsyncHandle(path)
        first, second = (asyncio.create_task(handle.repository()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        repo = await second
        found = await repo.list_sessions()
        await handle.close()
        return first.cancelled(), found

    assert asyncio.run(main()) == (True, [])


def test_a_cancelled_waiter_disturbs_no_other_one(path):
    async def main():
        handle = AsyncHandle(path)
        first, second, third = (asyncio.create_task(handle.repository()) for _ in range(3))
        await asyncio.sleep(0)
        second.cancel()
        opened = await asyncio.gather(first, third)
        await handle.close()
        return len({id(repo) for repo in opened})

    assert asyncio.run(main()) == 1


def test_an_opening_that_fails_raises_in_each_task(tmp_path):
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"x" * 5000)

    async def main():
        handle = AsyncHandle(garbage)
        return await asyncio.gather(
            *(handle.repository() for _ in range(3)), return_exceptions=True
        )

    assert all(isinstance(error, StoreError) for error in asyncio.run(main()))


def test_the_other_kind_of_repository_is_refused(path):
    async def main():
        async with AsyncSessionRepository.open(path) as awaited:
            with pytest.raises(ValidationError, match="AsyncSessionRepository"):
                Handle(awaited)
        with (
            SessionRepository.open(path) as repo,
            pytest.raises(ValidationError, match="SessionRepository"),
        ):
            await AsyncHandle(repo).repository()

    asyncio.run(main())
