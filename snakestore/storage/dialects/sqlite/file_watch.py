"""Detect that a database file or its log was removed or replaced while a connection has it open.

SQLite goes on writing to such a file, and what it acknowledges is lost. Closing the connection is
worse: it would copy a log that is gone into the file, or delete the new file's log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Protocol

from snakestore.errors import StoreError
from snakestore.storage import fork
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.fork import FileId, WeakRegistry, file_id
from snakestore.storage.paths import real_path

WATCH = "snakestore_watch"
"""Under this key a pool's entry keeps the ``Watch`` of its connection."""
SECONDS_BETWEEN_CHECKS = 1.0
"""How often a connection that only reads checks its file, and a writer all that it checks."""
_SHORT_TRANSACTION = 0.01
"""A write that takes longer checks again before COMMIT; seconds."""
_REMOVE_LOG = (
    "Put it back. Or end every process that has it open and remove its log (the -wal and -shm"
    " files), which would damage the new file; then open the store again"
)
_FINE_CLOCK, _COARSE_CLOCK = 50_000_000, 3_000_000_000
"""Nanoseconds within which two changes of a folder may get the same time."""


class Watch:
    """The file and the log that a connection has open, identified by inode and device."""

    __slots__ = (
        "_checked",
        "_file",
        "_folder",
        "_fork_depth",
        "_is_over",
        "_log",
        "_name",
        "_next_full_check",
        "_settled",
        "_signature",
        "next_check",
        "path",
    )

    def __init__(
        self,
        path: str,
        *,
        unchanging: bool = False,
        log_expected: bool = False,
        is_over: Callable[[], bool] | None = None,
    ) -> None:
        """Remember the file at ``path``, and the log beside it.

        Args:
            path: the file.
            unchanging: whether the connection reads it as unchanging (``immutable``).
            log_expected: whether the connection has just opened the log.
            is_over: whether the reason has gone for which the connection cannot write.

        Raises:
            StoreError: the log was removed since the connection opened it.
        """
        self._name = path
        """The name as it was given: a symlink may lead to another file later."""
        self.path = real_path(path)
        found = os.stat(self.path)
        self._file: FileId = found.st_dev, found.st_ino
        self._folder = os.path.dirname(self.path)
        self._fork_depth = fork.depth
        logs = () if unchanging else [self.path + suffix for suffix in files.LOG_SUFFIXES]
        self._log = [(log, file_id(log)) for log in logs]
        if log_expected and any(found is None for _, found in self._log):
            raise self._abandon()
        self._log = [(log, found) for log, found in self._log if found is not None]
        self._signature = self._present_signature() if unchanging else None
        self._settled: int | None = None
        self._next_full_check = self._checked = float("-inf")
        self.next_check = time.monotonic() + SECONDS_BETWEEN_CHECKS
        """When a reader is to check again: always, for a file that is read as unchanging."""
        self._is_over = is_over
        if unchanging:
            self.next_check = float("-inf")

    def _present_signature(self) -> tuple[int, ...]:
        found = os.stat(self.path)
        return found.st_ino, found.st_size, found.st_mtime_ns, self.log_bytes

    @property
    def log_bytes(self) -> int:
        """Bytes of the write-ahead log; 0 if there is none."""
        return files.size(self.path + "-wal")

    @property
    def replaced(self) -> bool:
        """Whether another file, or none, has the name of the file or of its log now."""
        return file_id(self._name) != self._file or self._log_replaced

    @property
    def _log_replaced(self) -> bool:
        return any(file_id(log) != found for log, found in self._log)

    @property
    def stale(self) -> bool:
        """Whether a file that is read as unchanging has changed, or can be written now."""
        if self._is_over is not None and self._is_over():
            return True
        if self._signature is None:
            return False
        try:
            return self._present_signature() != self._signature
        except OSError as error:
            if error.errno is None:  # not the system's, but a signal handler's TimeoutError
                raise
            return True

    def check_replaced(self) -> None:
        """Check before a write that file and log are still those of their names.

        That costs one look at the folder, whose time of change tells of each new and removed name,
        and a look at everything once a second.

        Raises:
            StoreError: the file or its log was removed or replaced.
        """
        self._checked = now = time.monotonic()
        changed = self._folder_changed()
        if changed is not None and changed == self._settled and now < self._next_full_check:
            return
        self._check_all()
        self._settled = changed if changed is not None and _is_settled(changed) else None
        self._next_full_check = now + SECONDS_BETWEEN_CHECKS

    def check_before_commit(self) -> None:
        """Check a write again that took long.

        Raises:
            StoreError: the file or its log was removed or replaced.
        """
        if time.monotonic() - self._checked > _SHORT_TRANSACTION:
            self.check_replaced()

    def check_replaced_throttled(self) -> None:
        """Check before a read, and set when the next one is to check.

        Raises:
            StoreError: the file or its log was removed or replaced.
        """
        if self._signature is None:
            self.next_check = time.monotonic() + SECONDS_BETWEEN_CHECKS
        self._check_all()

    def lost_log_of(self, file: FileId) -> bool:
        """Whether the connection has ``file`` open, and its log was removed or replaced."""
        return file == self._file and self._fork_depth == fork.depth and self._log_replaced

    def _folder_changed(self) -> int | None:
        """When the last name was added to the folder or removed; None if that is not known."""
        try:
            return os.stat(self._folder).st_ctime_ns if os.name == "posix" else None
        except OSError as error:
            if error.errno is None:  # not the system's, but a signal handler's TimeoutError
                raise
            return None

    def _check_all(self) -> None:
        found = file_id(self._name)
        if found != self._file:
            has_old_log = found is not None and self.log_bytes > 0 and not self._log_replaced
            remedy = _REMOVE_LOG if has_old_log else "Put it back, or open the store again"
            message = (
                f"the file {self._name} was removed or replaced while it was open; nothing was"
                f" written. {remedy}"
            )
            raise StoreError(message)
        if self._log_replaced:
            raise self._abandon()

    def _abandon(self) -> StoreError:
        """Have this process open the file no more; the error that says so."""
        _abandoned.add(self._file)
        return _log_error(self.path)


class Watched(Protocol):
    """A connection that has a database file open, and a watch of it."""

    watch: Watch | None


watched: WeakRegistry[Watched] = WeakRegistry()
"""The connections of this process that have a file open."""
_abandoned: set[FileId] = set()
"""Files whose log was removed or replaced under a connection of this process.

SQLite shares the log's index among the connections of a process, so that a new one would use the
old index with a new log. The connections are leaked, so no other file gets their inodes.
"""


def check_not_abandoned(path: str) -> None:
    """Refuse a file whose log was removed or replaced under a connection of this process.

    Raises:
        StoreError: it is one.
    """
    file = file_id(path)
    if file is None:
        return
    for connection in watched:
        watch = connection.watch
        # another thread may just have closed it; SQLite then deletes the log
        if watch is not None and watch.lost_log_of(file) and connection in watched:
            _abandoned.add(file)
    if file in _abandoned:
        raise _log_error(path)


def _log_error(path: str) -> StoreError:
    message = (
        f"the write-ahead log of {path} (its -wal and -shm files) was removed or replaced while the"
        " file was open; nothing was written. End every process that has the file open before one"
        " opens it again: writes that were only in the log are lost unless it is put back first"
    )
    return StoreError(message)


def _is_settled(changed: int) -> bool:
    """Whether a later change of a folder is bound to give it another time than ``changed``."""
    # whole seconds come of a file system that counts no finer
    granularity = _FINE_CLOCK if changed % 1_000_000_000 else _COARSE_CLOCK
    return time.time_ns() - changed > granularity
