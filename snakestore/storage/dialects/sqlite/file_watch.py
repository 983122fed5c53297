"""Is the file that a connection has open still the one of that name? And does it lie where files of SQLite may lie?

SQLite goes on writing to a file that was removed or replaced, and what it acknowledges then is
lost. Closing it is worse: it would take away the log of that name, which by then may be the new
file's.
"""

from __future__ import annotations

import os
import time
import warnings

from snakestore.errors import NetworkFileSystemWarning, StoreError
from snakestore.storage.dialects.sqlite import files

WATCH = "snakestore_watch"
"""Under this key a connection's pool keeps its ``Watch``."""
SECONDS_BETWEEN_LOOKS = 1.0
MOUNTS = "/proc/self/mountinfo"
_SHARED = frozenset(
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
    }
)
_SHARED |= {"smb2", "smb3", "smbfs", "vboxsf"}
_SHARED |= {
    f"fuse.{kind}"
    for kind in (
        "blobfuse",
        "blobfuse2",
        "ceph",
        "davfs",
        "gcsfuse",
        "glusterfs",
        "juicefs",
        "rclone",
        "s3fs",
        "sshfs",
    )
}


class Watch:
    """The file that a connection has open, by what tells one file from another."""

    __slots__ = ("_identity", "_signature", "looked", "path")

    def __init__(self, path: str, *, unchanging: bool = False) -> None:
        """Remember the file at ``path``; ``unchanging`` says that the connection takes its content for fixed, too."""
        self.path = os.path.realpath(path)
        found = os.stat(self.path)
        self._identity = found.st_ino, found.st_dev
        self._signature = self._present_signature() if unchanging else None
        self.looked = time.monotonic()
        """When the name was last looked at; never, for a file that has to be looked at each time."""
        if unchanging:
            self.looked = float("-inf")

    def _present_signature(self) -> tuple[int, ...]:
        found = os.stat(self.path)
        return found.st_ino, found.st_size, found.st_mtime_ns, files.size(self.path + "-wal")

    @property
    def replaced(self) -> bool:
        """Whether another file, or none, has the name now."""
        try:
            found = os.stat(self.path)
        except OSError:
            return True
        return (found.st_ino, found.st_dev) != self._identity

    @property
    def stale(self) -> bool:
        """Whether a file that was taken for unchanging has changed: a new connection will tell what became of it."""
        if self._signature is None:
            return False
        try:
            return self._present_signature() != self._signature
        except OSError:
            return True

    def check_replaced(self) -> None:
        """Before a write: what it acknowledges must be in the file of that name.

        Raises:
            StoreError: the file was removed or replaced.
        """
        if self.replaced:
            message = (
                f"the file {self.path} was removed or replaced while it was open; nothing was"
                " changed: put it back, or open the store again"
            )
            raise StoreError(message)

    def check_replaced_throttled(self) -> None:
        """Before a read, which loses nothing: a look now and then is enough, and ``looked`` says when one is due again.

        Raises:
            StoreError: the file was removed or replaced.
        """
        if self._signature is None:
            self.looked = time.monotonic()
        self.check_replaced()


# --- network file systems


def shared_file_system(path: str) -> str | None:
    """The type of the network file system that ``path`` lies on; None where it is none, or the system does not say (not Linux)."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open(MOUNTS, encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
                mount, _, rest = line.partition(" - ")
                if mount.split(" ", 3)[2:3] == [wanted]:
                    kind = rest.split(" ", 1)[0]
                    return kind if kind in _SHARED else None
    except FileNotFoundError:
        return None
    return None


def warn_of_shared(path: str) -> None:
    """Warn where the locks that several machines would need are not kept."""
    kind = shared_file_system(path)
    if kind is not None:
        message = (
            f"{path} lies on a network file system ({kind}): SQLite's log works there for processes"
            " of one machine at best, and a file used from several machines will be damaged; keep"
            " it on a local disk, or use PostgreSQL"
        )
        warnings.warn(message, NetworkFileSystemWarning, stacklevel=2)
