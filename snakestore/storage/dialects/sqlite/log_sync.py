"""``durability="full"``: the write-ahead log is synced after the commit has released the lock.

SQLite's own ``synchronous = FULL`` syncs the log while it holds the write lock, so that every other
writer waits for the disk. Here a commit goes to the log without a sync (``NORMAL``), and the write
returns when a sync has ended that began after its commit. All threads and tasks of a process that
wait for the same log share one sync.

A sync of the log is enough at any time. Before SQLite overwrites a log from its start, or deletes
it, it has copied all of it into the database file and synced that, in whichever process
(https://sqlite.org/wal.html).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from itertools import count
from typing import Any

from snakestore.errors import CommitUnknownError, StoreBusyError, StoreError
from snakestore.storage import fork
from snakestore.storage.descriptors import translate_exhaustion

try:
    from fcntl import F_FULLFSYNC, fcntl  # type: ignore[attr-defined, unused-ignore]
except ImportError:  # not macOS, where fsync leaves data in the cache of the disk
    sync_file: Callable[[int], object] = os.fdatasync
else:

    def sync_file(descriptor: int) -> None:
        """Sync a file, and the cache of its disk."""
        fcntl(descriptor, F_FULLFSYNC)


class LogSync:
    """Syncs one log for all connections of this process to its database."""

    def __init__(self, path: str) -> None:
        """Open the log ``path``, which must exist. Its locks are elsewhere (in the -shm file).

        Raises:
            StoreError: no file descriptor is free.
        """
        with translate_exhaustion():
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor).atexit = False
        found = os.fstat(self._descriptor)
        self.log: fork.FileId = found.st_dev, found.st_ino
        self._path = path
        self._numbers = count(1)
        """Numbers the commits that wait and the syncs, in the order of their begin."""
        self._turn = threading.Lock()
        """Held while a sync runs."""
        self._synced = 0
        """Commits up to this number are on the disk."""
        self._failed = 0
        """Commits up to this number may be lost, because a sync failed."""
        self.suspect = False
        """Whether a sync failed, and it is not known that the disk works again."""

    def wait(self) -> None:
        """Wait until what this process has committed so far is on the disk.

        Raises:
            CommitUnknownError: a sync failed. What was committed is seen by all, and may be lost in
                a power failure.
        """
        mine = next(self._numbers)
        with self._turn:
            if mine <= self._failed:
                raise self._unknown()
            if mine <= self._synced:
                return
            latest = next(self._numbers)
            try:
                sync_file(self._descriptor)
            except OSError as error:
                if error.errno is None:  # not the system's, but a signal handler's TimeoutError
                    raise
                self._failed, self.suspect = latest, True
                raise self._unknown() from error
            self._synced = latest

    def check(self, execute: Callable[[str], Any]) -> None:
        """Before a write: after a failed sync, find out whether the disk works again.

        The kernel forgets what a failed sync did not write. So the log is copied into the database
        file, and that is synced.

        Raises:
            StoreError: the disk cannot sync.
            StoreBusyError: readers keep the log from being copied.
        """
        with self._turn:
            if not self.suspect:
                return
            try:
                sync_file(self._descriptor)
            except OSError as error:
                if error.errno is None:
                    raise
                message = f"the disk still cannot sync {self._path}; nothing was written: {error}"
                raise StoreError(message) from error
            busy, in_log, copied = execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            if busy or in_log != copied:
                message = (
                    f"an earlier sync of {self._path} failed, and the log cannot be copied into the"
                    " database file while others read it; nothing was written. Retry"
                )
                raise StoreBusyError(message)
            self.suspect = False

    def _unknown(self) -> CommitUnknownError:
        message = (
            f"the write is committed, but the disk could not sync {self._path}, so a power failure"
            " may undo it. Check the disk, then re-read the data to decide whether to write again."
        )
        return CommitUnknownError(message)


class _Logs(fork.Participant):
    """The logs that are in use, by device and inode."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        fork.register(self)

    def after_fork_in_child(self) -> None:
        """Begin anew: a thread of the parent may have held a lock."""
        self._open: weakref.WeakValueDictionary[fork.FileId, LogSync] = (
            weakref.WeakValueDictionary()
        )
        self._mutex = threading.Lock()

    def sync_of(self, path: str) -> LogSync:
        """What syncs the log ``path`` for this process."""
        with self._mutex:
            present = fork.file_id(path)
            known = None if present is None else self._open.get(present)
            if known is None:
                known = LogSync(path)
                self._open[known.log] = known
            return known


logs = _Logs()
