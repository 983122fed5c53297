"""``durability="full"``: the log is synced without the write lock, for many writers at once."""

from __future__ import annotations

import asyncio
import errno
import itertools
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.pool.base import _ConnectionFairy

from snakestore import AsyncSessionRepository, CommitUnknownError, SessionRepository, StoreError
from snakestore.storage.dialects.sqlite import log_sync
from tests.threads.crowd import held_turn, outcomes_of


class Disk:
    """Stands for the sync of a file: counts, waits or fails as a test sets it."""

    def __init__(self) -> None:
        self.syncs = 0
        self.works = True
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.may_end.set()
        self.numbered = threading.Semaphore(0)

    def numbers(self, start: int) -> Iterator[int]:
        """As ``itertools.count``, and says when a number is taken."""
        numbers = itertools.count(start)

        class Numbers:
            def __next__(_) -> int:  # noqa: N805 - the disk is self
                number = next(numbers)
                self.numbered.release()
                return number

            def __iter__(numbers) -> Iterator[int]:  # noqa: N805 - likewise
                return numbers

        return Numbers()

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        self.begun.release()
        assert self.may_end.wait(30)
        if not self.works:
            raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(log_sync, "sync_file", disk.sync)
    monkeypatch.setattr(log_sync, "count", disk.numbers)
    return disk


@pytest.fixture
def repo(tmp_path: Path, disk: Disk) -> Iterator[SessionRepository]:
    with SessionRepository.open(tmp_path / "s.db", durability="full") as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "x", "integer", 0)
        disk.syncs = 0
        for semaphore in (disk.begun, disk.numbered):
            while semaphore.acquire(blocking=False):
                pass
        yield repo


def test_each_write_is_synced_before_it_returns(repo: SessionRepository, disk: Disk) -> None:
    for number in range(3):
        repo.update_variable("s", "x", number)

    assert disk.syncs == 3


def test_a_transaction_is_synced_once(repo: SessionRepository, disk: Disk) -> None:
    with repo.transaction() as transaction:
        for number in range(3):
            transaction.update_variable("s", "x", number)

    assert disk.syncs == 1


def test_reads_are_not_synced(repo: SessionRepository, disk: Disk) -> None:
    repo.get_value("s", "x")

    assert disk.syncs == 0


def test_another_process_can_write_while_the_disk_syncs(
    repo: SessionRepository, disk: Disk, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as threads:
        disk.may_end.clear()
        waiting = threads.submit(repo.update_variable, "s", "x", 1)
        assert disk.begun.acquire(timeout=30)

        with SessionRepository.open(tmp_path / "s.db", busy_timeout=0) as other:
            assert other.update_variable("s", "x", 2).version == 2
        assert not waiting.done()
        disk.may_end.set()
        assert waiting.result(30).version == 1


def test_writers_that_wait_for_the_disk_share_a_sync(repo: SessionRepository, disk: Disk) -> None:
    writers = 8
    with ThreadPoolExecutor(1) as threads:
        disk.may_end.clear()
        first = threads.submit(repo.update_variable, "s", "x", 0)
        assert disk.begun.acquire(timeout=30)

        with held_turn(repo) as crowd:  # the first one has given it up
            crowd.come(*[lambda n=n: repo.update_variable("s", "x", n) for n in range(1, writers)])
        for _ in range(3):  # one for each commit, one for the sync
            assert disk.numbered.acquire(timeout=30)
        disk.may_end.set()

        assert first.result(30).version == 1
    assert [each.version for each in outcomes_of(crowd)] == [*range(2, writers + 1)]
    assert disk.syncs == 2


def test_writers_that_are_not_grouped_share_a_sync(repo: SessionRepository, disk: Disk) -> None:
    writers = 8
    with ThreadPoolExecutor(writers) as threads:
        disk.may_end.clear()
        first = threads.submit(repo.update_variable, "s", "x", 0)
        assert disk.begun.acquire(timeout=30)

        others = [
            threads.submit(repo.modify_variable, "s", "x", lambda value: value + 1)
            for _ in range(1, writers)
        ]
        for _ in range(writers + 1):  # one for each write, one for the sync
            assert disk.numbered.acquire(timeout=30)
        disk.may_end.set()

        assert len({each.result(30).version for each in [first, *others]}) == writers
    assert disk.syncs == 2


async def _version(repo: SessionRepository, version: int) -> None:
    """Wait until others see a version of ``x``."""
    async with asyncio.timeout(30):
        while repo.get_variable("s", "x").version < version:  # noqa: ASYNC110 - in the database
            await asyncio.sleep(0.001)


def test_tasks_that_wait_for_the_disk_share_a_sync(
    repo: SessionRepository, disk: Disk, tmp_path: Path
) -> None:
    writers = 8

    async def main() -> None:
        async with AsyncSessionRepository.open(tmp_path / "s.db", durability="full") as tasks:
            disk.syncs = 0
            disk.may_end.clear()
            first = asyncio.create_task(tasks.update_variable("s", "x", 0))
            await _version(repo, 1)
            async with asyncio.TaskGroup() as group:
                for number in range(1, writers):
                    group.create_task(tasks.update_variable("s", "x", number))
                await _version(repo, writers)
                assert not first.done()
                disk.may_end.set()
            await first

    asyncio.run(main())

    assert disk.syncs == 2


def test_a_task_can_write_while_the_block_of_another_is_synced(
    repo: SessionRepository, disk: Disk, tmp_path: Path
) -> None:
    async def main() -> None:
        async with AsyncSessionRepository.open(tmp_path / "s.db", durability="full") as tasks:

            async def in_block() -> None:
                async with tasks.transaction() as transaction:
                    await transaction.update_variable("s", "x", 1)

            disk.may_end.clear()
            async with asyncio.TaskGroup() as group:
                block = group.create_task(in_block())
                await _version(repo, 1)
                group.create_task(tasks.update_variable("s", "x", 2))
                await _version(repo, 2)
                assert not block.done()
                disk.may_end.set()

    asyncio.run(main())

    assert repo.get_variable("s", "x").value == 2


def test_a_sync_that_fails_makes_the_commit_unknown(repo: SessionRepository, disk: Disk) -> None:
    disk.works = False

    with pytest.raises(CommitUnknownError, match=r"could not sync .*s\.db-wal") as raised:
        repo.update_variable("s", "x", 1)

    assert isinstance(raised.value.__cause__, OSError)
    assert repo.get_value("s", "x") == 1


def test_nothing_is_written_while_the_disk_cannot_sync(repo: SessionRepository, disk: Disk) -> None:
    disk.works = False
    with pytest.raises(CommitUnknownError):
        repo.update_variable("s", "x", 1)

    with pytest.raises(StoreError, match="still cannot sync") as raised:
        repo.update_variable("s", "x", 2)

    assert not isinstance(raised.value, CommitUnknownError)
    assert repo.get_value("s", "x") == 1


def test_writes_go_on_when_the_disk_works_again(
    repo: SessionRepository, disk: Disk, tmp_path: Path
) -> None:
    disk.works = False
    with pytest.raises(CommitUnknownError):
        repo.update_variable("s", "x", 1)
    disk.works = True

    assert repo.update_variable("s", "x", 2).version == 2
    # what the failed sync may have lost was copied from the log into the file
    shutil.copy(tmp_path / "s.db", tmp_path / "without_log.db")
    with SessionRepository.open(tmp_path / "without_log.db") as copied:
        assert copied.get_variable("s", "x").version == 1


def test_a_connection_is_synced_though_its_pool_entry_is_taken_at_once(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    detach = _ConnectionFairy.detach

    def detach_and_lose(fairy: _ConnectionFairy) -> None:
        """Clear the info, as the next user of the pool entry does."""
        info = fairy.info
        detach(fairy)
        info.clear()

    monkeypatch.setattr(_ConnectionFairy, "detach", detach_and_lose)

    with SessionRepository.open(tmp_path / "s.db", durability="full") as repo:
        repo.create_session("s", ttl=None)

    assert disk.syncs == 1
