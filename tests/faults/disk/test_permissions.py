"""Files and folders that cannot be written or read, and who can read what is made."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import snakestore
from snakestore import NetworkFileSystemWarning, SessionRepository, StoreReadOnlyError
from snakestore.storage.dialects.sqlite import location
from tests.faults.disk.stores import fill

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
