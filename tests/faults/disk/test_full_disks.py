"""A full disk: an error, no partial write, and service again once there is room."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

import snakestore
from snakestore import SessionRepository, StoreError, StoreFullError
from tests.faults.disk.stores import LARGE, fill, write_until_refused
from tests.faults.soundness import assert_sound


@contextmanager
def small_disk(folder: Path) -> Iterator[str]:
    """A file system of 3 MB, or a limit on the size of files if none can be mounted."""
    folder.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    if mounted:
        try:
            yield "tmpfs"
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, before[1]))
    try:
        yield "RLIMIT_FSIZE"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_reported_loses_nothing_and_is_served_again_once_there_is_room(
    tmp_path, figures
):
    with small_disk(tmp_path / "disk") as kind:
        path = tmp_path / "disk" / "s.db"
        repo = fill(path)
        kept, error = write_until_refused(repo)

        assert kept > 2
        if kind == "tmpfs":
            assert isinstance(error, StoreFullError)
        assert repo.program_ids("s") == sorted(f"p{number}" for number in range(kept))
        assert repo.get_value("s", "v") == 1
        assert repo.get_stats("s").program_count == kept
        if (
            kind == "tmpfs"
        ):  # a limit on the size of files does not go away when something is deleted
            subprocess.run(["mount", "-o", "remount,size=30m", str(path.parent)], check=True)
            assert repo.update_variable("s", "v", 2).version == 1
            repo.put_program("s", "more", LARGE)
        repo.close()
        assert_sound(path)

    figures("full disk", kind=kind, error=type(error).__name__)


def fill_up(folder: Path) -> None:
    """Leave no room on the disk."""
    with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"0" * 4096):
            pass


def test_a_store_is_opened_for_reading_on_a_full_disk(tmp_path):
    with small_disk(tmp_path / "disk") as kind:
        if kind != "tmpfs":
            pytest.skip("needs the right to mount a small disk")
        path = tmp_path / "disk" / "s.db"
        fill(path).close()
        fill_up(path.parent)

        with SessionRepository.open(f"file:{path}?mode=ro&uri=true") as repo:
            assert repo.get_value("s", "v") == 1
        with SessionRepository.open(path) as repo:
            assert repo.get_value("s", "v") == 1
            assert repo.check().ok
            with pytest.raises(StoreFullError, match="the disk is full"):
                repo.update_variable("s", "v", 2)
            (path.parent / "filler").unlink()
            repo.update_variable("s", "v", 3)
            assert repo.get_value("s", "v") == 3
        assert_sound(path)


def test_a_log_that_cannot_be_read_on_a_full_disk_is_reported_as_that(tmp_path):
    with small_disk(tmp_path / "disk") as kind:
        if kind != "tmpfs":
            pytest.skip("needs the right to mount a small disk")
        path = tmp_path / "disk" / "copy.db"
        with fill(tmp_path / "s.db") as repo:
            repo.update_variable("s", "v", 2)
            for suffix in ("", "-wal"):
                shutil.copy(f"{tmp_path / 's.db'}{suffix}", f"{path}{suffix}")
        fill_up(path.parent)

        with pytest.raises(StoreFullError, match=r"the log of .* cannot be read"):
            SessionRepository.open(path)
        (path.parent / "filler").unlink()
        with SessionRepository.open(path) as repo:
            assert repo.get_value("s", "v") == 2


@pytest.mark.parametrize("block", [False, True], ids=["alone", "in a transaction"])
def test_reads_answer_while_the_disk_is_full_and_are_recorded_once_there_is_room(
    tmp_path, clock, block
):
    with small_disk(tmp_path / "disk") as kind:
        if kind != "tmpfs":
            pytest.skip("needs the right to mount a small disk")
        with fill(tmp_path / "disk" / "s.db", clock=clock) as repo:
            repo.get_value("s", "v")
            fill_up(tmp_path / "disk")
            before = clock()
            for read in (
                lambda repo: repo.get_value("s", "v"),
                lambda repo: repo.get_session("s"),
                lambda repo: repo.list_variables("s"),
                lambda repo: dict(repo.session("s")),
            ):
                clock.advance(3600)
                with repo.transaction() if block else nullcontext(repo) as reader:
                    read(reader)
            full = repo.list_sessions()[0].last_accessed
            (tmp_path / "disk" / "filler").unlink()
            clock.advance(3600)
            repo.get_value("s", "v")

            assert full == before
            assert repo.list_sessions()[0].last_accessed == clock()


def test_a_database_at_its_size_limit_is_full_and_has_room_again_after_deleting(tmp_path):
    engine = snakestore.create_engine(tmp_path / "s.db")

    @sqlalchemy.event.listens_for(engine, "connect")
    def limit(connection: Any, _entry: Any) -> None:
        connection.execute("PRAGMA max_page_count = 400")

    snakestore.upgrade(engine)
    with SessionRepository(engine) as repo:
        repo.create_session("s", ttl=None)
        kept, error = write_until_refused(repo)
        assert isinstance(error, StoreFullError)
        assert len(repo.program_ids("s")) == kept

        with pytest.raises(StoreFullError), repo.transaction() as transaction:
            transaction.put_program("s", "small", 1)
            transaction.put_program("s", "large", LARGE)
        assert not repo.has_program("s", "small")

        assert repo.delete_program("s", "p0")
        repo.put_program("s", "p0", "small")
    engine.dispose()
    assert_sound(tmp_path / "s.db")


def test_a_backup_onto_a_full_disk_leaves_nothing_there(tmp_path):
    with fill(tmp_path / "s.db") as repo:
        for number in range(20):
            repo.put_program("s", f"p{number}", LARGE)
        with small_disk(tmp_path / "disk"):
            with pytest.raises(StoreError):
                repo.backup(tmp_path / "disk" / "copy.db")

            assert os.listdir(tmp_path / "disk") == []
