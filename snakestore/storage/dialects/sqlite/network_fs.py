"""Warn of network file systems, where SQLite's locks do not hold between machines."""

from __future__ import annotations

import logging
import os
import warnings

from snakestore.errors import NetworkFileSystemWarning

logger = logging.getLogger("snakestore.sqlite")
MOUNTS = "/proc/self/mountinfo"
_NETWORK_FILE_SYSTEMS = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "prl_fs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "fuse.blobfuse",
        "fuse.blobfuse2",
        "fuse.ceph",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
    }
)


def network_file_system(path: str) -> str | None:
    """The type of the network file system that ``path`` is on.

    None if it is on none, and where the system does not tell (everywhere but Linux).
    """
    device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open(MOUNTS, encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
                mount, _, rest = line.partition(" - ")
                if mount.split(" ", 3)[2:3] == [number]:
                    kind = rest.split(" ", 1)[0]
                    return kind if kind in _NETWORK_FILE_SYSTEMS else None
    except FileNotFoundError:
        return None
    return None


def warn_if_network_file_system(path: str) -> None:
    """Warn with NetworkFileSystemWarning if ``path`` is on a network file system."""
    kind = network_file_system(path)
    if kind is not None:
        message = (
            f"{path} is on a network file system ({kind}): SQLite's write-ahead log works there for"
            " processes of one machine at best, and a file used from several machines gets"
            " damaged. Keep it on a local disk, or use PostgreSQL."
        )
        logger.warning("%s is on a network file system (%s)", path, kind)
        warnings.warn(message, NetworkFileSystemWarning, stacklevel=2)
