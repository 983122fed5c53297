"""Files in unsafe places: mounted alone, with several names, on file systems that machines share.

The mounts are real, in a process with mounts of its own; that needs root on Linux.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from snakestore import (
    NetworkFileSystemWarning,
    SessionRepository,
    UnsafeFileWarning,
)
from snakestore.storage.dialects.sqlite import files, location

IN_PRIVATE_MOUNTS = """
import ctypes, json, os, subprocess, sys, warnings
import snakestore
from snakestore import SessionRepository, StoreError
CANNOT = 77
if os.geteuid() != 0 or ctypes.CDLL(None).unshare(0x00020000) != 0:
    sys.exit(CANNOT)
def mount(*arguments):
    if subprocess.run(["mount", *arguments], capture_output=True).returncode:
        sys.exit(CANNOT)
mount("--make-rprivate", "/")
def attempt(function):
    try:
        function()
    except StoreError as error:
        return str(error)
    return "served"
def use(path, **options):
    with SessionRepository.open(path, **options) as repo:
        repo.touch("s")
store, box, inside = sys.argv[1:4]
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "host" / "agent.db"
    path.parent.mkdir()
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None)
        repo.register_variable("s", "v", "integer", 1)
    return path


def in_private_mounts(script: str, store: Path) -> Any:
    """Run ``script``, which prints JSON, with the paths of a store, of an empty folder, and of an
    empty file in that folder to mount the store at.
    """
    box = store.parent.parent / "box with\tblank"
    box.mkdir()
    (box / "agent.db").touch()
    done = subprocess.run(
        [
            sys.executable, "-W", "ignore", "-c", IN_PRIVATE_MOUNTS + script,
            str(store), str(box), str(box / "agent.db"),
        ],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip("mounts need root on Linux")
    assert done.returncode == 0, done.stderr
    assert sorted(entry.name for entry in box.iterdir()) == ["agent.db"]
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "way",
    [
        "lambda: use(inside)",
        "lambda: use(f'file:{inside}?mode=ro')",
        "lambda: (os.symlink(inside, store + '.link'), use(store + '.link'))",
        "lambda: snakestore.upgrade(inside)",
        "lambda: snakestore.create_engine(inside).connect()",
        "lambda: SessionRepository(snakestore.create_engine(inside)).touch('s')",
    ],
    ids=["open", "read-only", "symlink", "upgrade", "engine", "repository"],
)
def test_a_file_that_is_a_mount_point_is_refused_unchanged(store: Path, way: str) -> None:
    before = store.read_bytes()

    result = in_private_mounts(
        f"mount('--bind', store, inside)\nprint(json.dumps(attempt({way})))", store
    )

    assert "is itself a mount point" in str(result)
    assert "mount the folder" in str(result)
    assert store.read_bytes() == before
    assert "agent.db-wal" not in os.listdir(store.parent)


def test_a_log_that_is_a_mount_point_is_refused(store: Path) -> None:
    result = in_private_mounts(
        """
for name in (store + "-wal", box + "-other"):
    open(name, "w").close()
mount("--bind", box + "-other", store + "-wal")
print(json.dumps(attempt(lambda: use(store))))
""",
        store,
    )

    assert "agent.db-wal is itself a mount point" in result


def test_a_repository_writes_again_once_its_file_system_is_writable_again(store: Path) -> None:
    refused, served, value = in_private_mounts(
        """
mount("-t", "tmpfs", "tmpfs", box)
path = os.path.join(box, "new.db")
with SessionRepository.open(path) as repo:
    repo.create_session("s", ttl=None)
    repo.register_variable("s", "v", "integer", 1)
mount("-o", "remount,ro", box)
with SessionRepository.open(path) as repo:
    repo.get_value("s", "v")
    refused = attempt(lambda: repo.update_variable("s", "v", 2))
    mount("-o", "remount,rw", box)
    served = attempt(lambda: repo.update_variable("s", "v", 3))
    print(json.dumps([refused, served, repo.get_value("s", "v")]))
""",
        store,
    )

    assert "its file system is mounted read-only" in refused
    assert (served, value) == ("served", 3)


def test_an_empty_file_that_is_a_mount_point_stays_empty(store: Path) -> None:
    empty = store.with_name("empty.db")
    empty.touch()

    result = in_private_mounts(
        "mount('--bind', store[:-8] + 'empty.db', inside)\n"
        "print(json.dumps(attempt(lambda: use(inside))))",
        store,
    )

    assert "mount point" in str(result)
    assert empty.stat().st_size == 0


def test_a_backup_does_not_replace_a_mount_point(store: Path) -> None:
    result = in_private_mounts(
        """
other = store[:-8] + "other.db"
open(other, "w").close()
mount("--bind", other, inside)
with SessionRepository.open(store) as repo:
    print(json.dumps(attempt(lambda: repo.backup(inside, overwrite=True))))
""",
        store,
    )

    assert "mount point" in str(result)
    assert store.with_name("other.db").stat().st_size == 0


def test_a_file_in_a_folder_that_is_mounted_is_served(store: Path) -> None:
    result = in_private_mounts(
        """
mount("--bind", os.path.dirname(store), box)
print(json.dumps(attempt(lambda: use(inside))))
""",
        store,
    )

    assert result == "served"


def test_a_mount_that_another_one_hides_does_not_matter(store: Path) -> None:
    result = in_private_mounts(
        """
mount("--bind", store, inside)
mount("--bind", os.path.dirname(store), box)
print(json.dumps(attempt(lambda: use(inside))))
""",
        store,
    )

    assert result == "served"


def warnings_when_opening(path: Path) -> list[type[Warning]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with SessionRepository.open(path) as repo:
            repo.touch("s")
    return [warning.category for warning in caught]


def test_a_file_with_two_names_is_warned_of_once(store: Path) -> None:
    before = warnings_when_opening(store)
    os.link(store, store.with_name("link.db"))

    assert (before, warnings_when_opening(store)) == ([], [UnsafeFileWarning])


def test_a_file_that_is_just_being_created_has_one_name(store: Path) -> None:
    os.link(store, store.with_name(".snakestore-abc.new"))

    assert (files.hard_links(str(store)), warnings_when_opening(store)) == (1, [])


@pytest.mark.parametrize(
    ("kind", "warned"),
    [
        *((kind, True) for kind in ("9p", "virtiofs", "fakeowner", "fuse.grpcfuse", "vboxsf")),
        *((kind, False) for kind in ("btrfs", "xfs", "tmpfs", "zfs", "fuse.ntfs")),
    ],
)
def test_file_systems_that_machines_share_are_warned_of(
    store: Path, monkeypatch: pytest.MonkeyPatch, kind: str, warned: bool
) -> None:
    mounts = store.with_name("mounts")
    point = str(store.parent).replace(" ", r"\040")
    mounts.write_text(
        f"20 1 0:1 / / rw - ext4 /dev/sda rw\n21 20 0:2 / {point} rw shared:1 - {kind} x rw\n"
    )
    monkeypatch.setattr(location, "MOUNTS", str(mounts))

    assert warnings_when_opening(store) == ([NetworkFileSystemWarning] if warned else [])


@pytest.mark.parametrize(("kind", "warned"), [("grpcfuse", True), ("ntfs", False)])
def test_a_real_mount_of_fuse_is_warned_of_by_its_type(
    store: Path, kind: str, warned: bool
) -> None:
    if shutil.which("bindfs") is None:
        pytest.skip("bindfs is not installed")
    script = f"""
options = "nonempty,subtype={kind}"
if subprocess.run(["bindfs", "-o", options, os.path.dirname(store), box]).returncode:
    sys.exit(CANNOT)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    use(inside)
    with SessionRepository.open(os.path.join(box, "new.db")) as repo:
        repo.create_session("s")
        served = repo.check().ok
subprocess.run(["umount", box], check=True)
print(json.dumps([served, [each.category.__name__ for each in caught]]))
"""

    served, names = in_private_mounts(script, store)

    assert served
    assert names == ["NetworkFileSystemWarning"] * (2 if warned else 0)


def test_without_a_list_of_mounts_the_device_decides(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(location, "MOUNTS", str(store.with_name("nothing")))

    assert warnings_when_opening(store) == []


def test_warnings_as_errors_leave_the_file_unopened(store: Path) -> None:
    os.link(store, store.with_name("link.db"))
    before = sorted(os.listdir(store.parent))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UnsafeFileWarning, match="hard links"):
            SessionRepository.open(store)
    assert sorted(os.listdir(store.parent)) == before
