"""Where a database file is: refuse a mounted file, and warn of other unsafe places."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections import defaultdict
from typing import NamedTuple

from snakestore.errors import NetworkFileSystemWarning, StoreError, UnsafeFileWarning
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.paths import path_exists, real_path

logger = logging.getLogger("snakestore.sqlite")
MOUNTS = "/proc/self/mountinfo"
_SHARED_FILE_SYSTEMS = frozenset(
    {
        # between the machines of a network
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "wekafs",
        "fuse.blobfuse",
        "fuse.blobfuse2",
        "fuse.ceph",
        "fuse.ceph-fuse",
        "fuse.curlftpfs",
        "fuse.davfs",
        "fuse.davfs2",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.goofys",
        "fuse.juicefs",
        "fuse.lizardfs",
        "fuse.mfs",
        "fuse.moosefs",
        "fuse.mount-s3",
        "fuse.mountpoint-s3",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.saunafs",
        "fuse.seaweedfs",
        "fuse.smbnetfs",
        "fuse.sshfs",
        # between a host and its virtual machines or containers
        "drvfs",
        "fakeowner",
        "grpcfuse",
        "osxfs",
        "prl_fs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "fuse.drvfs",
        "fuse.fakeowner",
        "fuse.grpcfuse",
        "fuse.osxfs",
        "fuse.prl_fsd",
        "fuse.virtiofs",
        "fuse.vmhgfs-fuse",
    }
)
_ESCAPED = rb"\\([0-7]{3})"


class _Mount(NamedTuple):
    """A mount: the path that it is at, in bytes, and its type."""

    number: bytes
    point: bytes
    kind: str


class Mounts:
    """The mounts of the machine, read once; none where the system does not list them."""

    def __init__(self) -> None:
        self._beneath, self._top = _read_mounts()

    def of(self, real: str) -> _Mount | None:
        """The mount that an absolute path without symlinks is on; None where that is not known.

        Walks from mount to mount as the kernel does, for a mount may hide others beneath it.
        """
        path, found = os.fsencode(real), None
        candidates = self._top
        while True:
            above = [mount for mount in candidates if _contains(mount.point, path)]
            if not above:
                return found
            found = min(above, key=lambda mount: len(mount.point))
            candidates = self._beneath.get(found.number, [])


def check_not_mount_point(path: str, mounts: Mounts | None = None) -> None:
    """Refuse a file that is itself a mount point.

    SQLite keeps its log and its locks beside the name of the file. Beside a file that is mounted
    alone there is another folder than beside the original.

    Args:
        path: the file.
        mounts: the mounts, if the caller has read them.

    Raises:
        StoreError: it is one.
    """
    real = real_path(path)
    logs = [real + suffix for suffix in files.LOG_SUFFIXES]
    mounts = mounts or Mounts()
    places = {path: real} | {log: real_path(log) for log in logs if path_exists(log)}
    for each, place in places.items():
        if not _is_mount_point(place, mounts):
            continue
        message = (
            f"the file {each} is itself a mount point, so the write-ahead log would be in another"
            " folder than the mounted file, and writes would be lost: mount the folder that"
            " contains the file instead (docker run -v FOLDER:/data)"
        )
        raise StoreError(message)


def _is_mount_point(real: str, mounts: Mounts) -> bool:
    mount = mounts.of(real)
    if mount is not None:
        return mount.point == os.fsencode(real)
    # without mountinfo: a file and its folder are on one device
    try:
        return os.stat(real).st_dev != os.stat(os.path.dirname(real)).st_dev
    except FileNotFoundError:
        return False


def warn_if_unsafe(path: str, mounts: Mounts | None = None, *, is_new: bool = False) -> None:
    """Warn of a file that several machines may use, or that has several names.

    A NetworkFileSystemWarning is about the file system, an UnsafeFileWarning about hard links.

    Args:
        path: the file.
        mounts: the mounts, if the caller has read them.
        is_new: whether the caller has just created it, so that it has one name. FUSE counts the
            name under which it was created for another second.
    """
    kind, name = _shared_file_system(path, mounts or Mounts()), files.printable(path)
    if kind is not None:
        message = (
            f"{name} is on a network file system, or one that several machines share ({kind}):"
            " SQLite's write-ahead log works there for processes of one machine at best, and a file"
            " used from several machines gets damaged. Keep it on a local disk, or use PostgreSQL."
        )
        logger.warning("%s is on a network file system (%s)", name, kind)
        warnings.warn(message, NetworkFileSystemWarning, stacklevel=2)
    links = 1 if is_new else files.hard_links(path)
    if links > 1:
        message = (
            f"{name} has {links} names (hard links): a process that opens it under another name"
            " uses another write-ahead log and damages the file. Use one name, or remove the other"
            " links (copy the file instead: `snakestore backup`)."
        )
        logger.warning("%s has %d hard links", name, links)
        warnings.warn(message, UnsafeFileWarning, stacklevel=2)


def _shared_file_system(path: str, mounts: Mounts) -> str | None:
    """The type of the file system that ``path`` is on, if machines share files of that type.

    None for any other, and where the system does not list its mounts (everywhere but Linux).
    """
    mount = mounts.of(real_path(path))
    return mount.kind if mount is not None and mount.kind in _SHARED_FILE_SYSTEMS else None


def _contains(point: bytes, path: bytes) -> bool:
    return path == point or path.startswith(point.rstrip(b"/") + b"/")


def _read_mounts() -> tuple[dict[bytes, list[_Mount]], list[_Mount]]:
    """The mounts by the number of the mount that they are in, and those that are in none."""
    beneath: dict[bytes, list[_Mount]] = defaultdict(list)
    try:
        with open(MOUNTS, "rb") as mounts:
            lines = mounts.readlines()
    except OSError:
        return beneath, []
    for line in lines:
        # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
        mount, _, rest = line.partition(b" - ")
        fields = mount.split(b" ", 5)
        if len(fields) > 4:  # noqa: PLR2004 - the fields above
            number, parent, _, _, point = fields[:5]
            kind = rest.split(b" ", 1)[0].decode("utf-8", "replace").strip()
            if b"\\" in point:
                point = re.sub(_ESCAPED, lambda match: bytes([int(match[1], 8)]), point)
            beneath[parent].append(_Mount(number, point, kind))
    numbers = {mount.number for mounts in beneath.values() for mount in mounts}
    top = [mount for parent in beneath if parent not in numbers for mount in beneath[parent]]
    return beneath, top
