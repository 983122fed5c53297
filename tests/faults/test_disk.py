"""Full disks, read-only files and folders, removed files: errors, no partial writes, recovery."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

import snakestore
from snakestore import (
    NetworkFileSystemWarning,
    SessionRepository,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
)
from snakestore.storage.dialects.sqlite import file_watch, location
from tests.faults.soundness import assert_sound

NOBODY = 65534
LARGE = "x" * 300_000


def fill(path: Path, **options: Any) -> SessionRepository:
    repo = SessionRepository.open(path, **options)
    repo.create_session("s", ttl=None)
    repo.register_variable("s", "v", "integer", 1)
    return repo


def write_until_refused(repo: SessionRepository) -> tuple[int, StoreError]:
    """Write programs until the store will not have another; how many it had, and its error."""
    for number in range(1000):
        try:
            repo.put_program("s", f"p{number}", LARGE + str(number))
        except StoreError as error:
            return number, error
    message = "no end of the disk was met"
    raise AssertionError(message)


# --- full


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


# --- not to be written, not to be read

# root may do anything, so the scene drops its rights first
SCENE = """
import json, os, sys
from snakestore import SessionRepository
path = sys.argv[1]
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
def tried(action):
    try:
        return action()
    except Exception as error:
        return type(error).__name__
opened = tried(lambda: SessionRepository.open(path))
if isinstance(opened, str):
    print(json.dumps([opened]))
else:
    print(json.dumps([opened.get_value("s", "v"),
                      tried(lambda: opened.update_variable("s", "v", 2)),
                      opened.check().ok,
                      tried(lambda: opened.backup(path + ".copy")), opened.get_value("s", "v")]))
"""


def as_nobody(path: Path) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCENE, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users may reach; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="snakestore-faults-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)  # only root may remove files from a folder that is read-only
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "answer"),
    [
        (0o444, 0o755, [1, "StoreReadOnlyError", True, "StoreError", 1]),
        (0o666, 0o755, [1, "StoreReadOnlyError", True, "StoreError", 1]),
        (0o600, 0o777, ["StoreError"]),
        (0o666, 0o700, ["StoreError"]),
    ],
    ids=["read-only file", "read-only folder", "a file of others", "a folder of others"],
)
def test_a_file_that_cannot_be_written_is_read_and_one_that_cannot_be_read_is_reported(
    public, file_mode, folder_mode, answer
):
    fill(public / "s.db").close()
    before = (public / "s.db").read_bytes()
    (public / "s.db").chmod(file_mode)
    public.chmod(folder_mode)
    if os.geteuid() != 0:
        (
            pytest.skip("without root's rights nobody else's files can be made")
            if answer == ["StoreError"]
            else public.chmod(folder_mode & 0o555)
        )

    assert as_nobody(public / "s.db") == answer
    assert (public / "s.db").read_bytes() == before


REASONS = """
import os, sys
from snakestore import SessionRepository
path = sys.argv[1]
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    with SessionRepository.open(path) as repo:
        repo.update_variable("s", "v", 2)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


def reason_of_nobody(path: Path) -> str:
    """The error of a user who owns nothing."""
    done = subprocess.run(
        [sys.executable, "-c", REASONS, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.stdout + done.stderr


def as_ordinary(folder: Path, mode: int) -> None:
    """Give the folder a mode that keeps the user of this process from writing too, if not root."""
    folder.chmod(mode if os.geteuid() == 0 else mode & 0o555)


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "reason"),
    [
        (0o444, 0o755, r"the file \S+/s\.db is not writable: its mode is 0444 and its owner"),
        (0o666, 0o555, r"the folder \S+, in which SQLite creates the log, is not .* mode is 0555"),
    ],
    ids=["file", "folder"],
)
def test_a_refused_write_names_what_is_not_writable(public, file_mode, folder_mode, reason):
    fill(public / "s.db").close()
    (public / "s.db").chmod(file_mode)
    as_ordinary(public, folder_mode)

    found = reason_of_nobody(public / "s.db")

    assert re.search(f"^StoreReadOnlyError: the database is read-only: {reason}", found), found


@pytest.mark.parametrize("missing", [False, True], ids=["not readable", "missing"])
def test_a_log_that_cannot_be_read_is_named(public, missing):
    path = public / "s.db"
    with fill(path) as repo:
        repo.update_variable("s", "v", 1)
        for name in ("s.db", "s.db-wal"):
            shutil.copy(public / name, public / f"copy-{name}")
    copy, log = public / "copy-s.db", public / "copy-s.db-shm"
    for file in (copy, public / "copy-s.db-wal"):
        file.chmod(0o644)
    if not missing:
        log.touch(0o000)
    as_ordinary(public, 0o755)

    found = reason_of_nobody(copy)

    expected = "is missing, and its folder" if missing else "is not readable: its mode is 0000"
    assert found.startswith(f"StoreError: the write-ahead log of {copy} cannot be read: {log} ")
    assert expected in found


def test_a_read_only_url_never_writes(tmp_path):
    fill(tmp_path / "s.db").close()
    before = (tmp_path / "s.db").read_bytes()

    with SessionRepository.open(f"file:{tmp_path}/s.db?mode=ro&uri=true") as repo:
        assert repo.get_value("s", "v") == 1
        for write in (
            lambda: repo.touch("s"),
            lambda: repo.delete_session("s"),
            lambda: repo.update_variable("s", "v", 2),
        ):
            with pytest.raises(StoreReadOnlyError, match="its URL says mode=ro"):
                write()

    assert (tmp_path / "s.db").read_bytes() == before


# --- removed and replaced


def test_a_symlink_that_leads_to_another_file_is_noticed(tmp_path):
    link = tmp_path / "link.db"
    for name in ("a.db", "b.db"):
        fill(tmp_path / name).close()
    link.symlink_to("a.db")

    with SessionRepository.open(link) as repo:
        repo.get_value("s", "v")
        link.unlink()
        link.symlink_to("b.db")
        with pytest.raises(StoreError, match=r"link\.db was removed or replaced"):
            repo.update_variable("s", "v", 2)
        repo.update_variable("s", "v", 3)

    values = [
        SessionRepository.open(tmp_path / name).get_value("s", "v") for name in ("a.db", "b.db")
    ]
    assert values == [1, 3]


def test_a_file_that_replaces_an_open_one_is_checked_as_well(tmp_path):
    for name in ("a.db", "altered.db"):
        fill(tmp_path / name).close()
    with closing(sqlite3.connect(tmp_path / "altered.db")) as connection:
        connection.execute("CREATE UNIQUE INDEX planted ON variables (session_id, type)")
    before = (tmp_path / "altered.db").read_bytes()

    with SessionRepository.open(tmp_path / "a.db") as repo:
        repo.get_value("s", "v")
        (tmp_path / "altered.db").replace(tmp_path / "a.db")
        for refusal in ("was removed or replaced", "DROP INDEX planted", "DROP INDEX planted"):
            with pytest.raises(StoreError, match=refusal):
                repo.update_variable("s", "v", 2)

    assert (tmp_path / "a.db").read_bytes() == before


@pytest.mark.parametrize("length", [248, 255, 256])
def test_a_name_to_which_sqlite_cannot_append_is_refused(tmp_path, length):
    with pytest.raises(StoreError, match=r"too long"):
        SessionRepository.open(tmp_path / ("x" * length))

    assert os.listdir(tmp_path) == []


def test_a_removed_file_is_reported_not_created_anew_and_served_again_once_it_is_back(tmp_path):
    with fill(tmp_path / "s.db") as repo:
        (tmp_path / "s.db").rename(tmp_path / "away.db")
        for _ in range(3):
            with pytest.raises(StoreError, match=r"removed or replaced|is gone"):
                repo.update_variable("s", "v", 2)
        assert not (tmp_path / "s.db").exists()

        (tmp_path / "away.db").rename(tmp_path / "s.db")

        assert repo.update_variable("s", "v", 3).version == 1
    assert_sound(tmp_path / "s.db")


def test_a_replaced_file_is_reported_before_anything_is_written_and_the_new_one_served_then(
    tmp_path,
):
    with fill(tmp_path / "s.db") as repo:
        repo.backup(tmp_path / "copy.db")
        repo.update_variable("s", "v", 2)
        repo.backup(tmp_path / "other.db")
        (tmp_path / "other.db").replace(tmp_path / "s.db")

        with pytest.raises(StoreError, match="removed or replaced"):
            repo.update_variable("s", "v", 3)

        assert repo.get_value("s", "v") == 2
        assert repo.update_variable("s", "v", 4).version == 2
    assert_sound(tmp_path / "s.db")


def test_a_reader_too_learns_of_it_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(file_watch, "SECONDS_BETWEEN_CHECKS", 0.0)
    with fill(tmp_path / "s.db") as repo:
        (tmp_path / "s.db").unlink()

        with pytest.raises(StoreError, match="removed or replaced"):
            repo.get_value("s", "v")


def test_the_connection_of_a_reader_that_learns_of_it_is_kept_not_collected(tmp_path, monkeypatch):
    monkeypatch.setattr(file_watch, "SECONDS_BETWEEN_CHECKS", 0.0)
    with fill(tmp_path / "s.db") as repo:
        [idle] = repo._runner._connections.idle
        old = weakref.ref(idle.driver_connection)
        del idle
        (tmp_path / "s.db").unlink()

        with pytest.raises(StoreError, match="removed or replaced"):
            repo.get_value("s", "v")
        gc.collect()

        assert old() is not None


# --- where, and who


@pytest.mark.parametrize(
    ("kind", "warned"),
    [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("ext4", False), ("overlay", False)],
)
def test_a_network_file_system_is_warned_of(tmp_path, monkeypatch, recwarn, kind, warned):
    device = tmp_path.stat().st_dev
    (tmp_path / "mounts").write_text(
        f"20 1 0:1 / /proc rw - proc proc rw\n36 35 {os.major(device)}:{os.minor(device)} / / rw"
        f" master:1 - {kind} server:/x rw\n"
    )
    monkeypatch.setattr(location, "MOUNTS", str(tmp_path / "mounts"))
    monkeypatch.setattr("warnings.filters", [])

    fill(tmp_path / "s.db").close()

    result = [
        str(warning.message) for warning in recwarn if warning.category is NetworkFileSystemWarning
    ]
    assert [kind in message for message in result] == ([True] if warned else [])


def test_files_are_private_with_their_logs_and_copies(tmp_path):
    old = os.umask(0)
    try:
        with fill(tmp_path / "s.db") as repo:
            repo.backup(tmp_path / "copy.db")
            modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
    finally:
        os.umask(old)

    assert modes == dict.fromkeys(["s.db", "s.db-wal", "s.db-shm", "copy.db"], 0o600)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/x",
        "mysql://me:hunter2@h/x",
        "sqlite://me:hunter2@h/x",
        "postgresql+asyncpg://me:hunter2@h/x",
        "://hunter2",
    ],
)
def test_no_password_shows_in_a_message_a_repr_or_a_log(url, caplog):
    caplog.set_level(logging.DEBUG)

    with pytest.raises(snakestore.SnakeStoreError) as caught:
        SessionRepository.open(url)

    seen = [
        str(caught.value),
        repr(caught.value),
        caplog.text,
        repr(snakestore.create_engine("postgresql://me:hunter2@h/x")),
    ]
    chain: BaseException | None = caught.value
    while chain is not None:
        seen.append(str(chain))
        chain = chain.__cause__
    assert not any("hunter2" in text for text in seen)
