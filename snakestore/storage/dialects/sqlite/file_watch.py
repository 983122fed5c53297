"""Detect that a database file was removed or replaced while a connection has it open.

SQLite goes on writing to such a file, and what it acknowledges is lost. Closing the connection is
worse: it would delete the log of that name, which may be the new file's by then.
"""

from __future__ import annotations

import os
import time

from snakestore.errors import StoreError
from snakestore.storage.dialects.sqlite import files

WATCH = "snakestore_watch"
"""Under this key a pool's entry keeps the ``Watch`` of its connection."""
SECONDS_BETWEEN_CHECKS = 1.0
"""How often a connection that only reads checks its file."""


class Watch:
    """The file that a connection has open, identified by inode and device."""

    __slots__ = ("_identity", "_signature", "next_check", "path")

    def __init__(self, path: str, *, unchanging: bool = False) -> None:
        """Remember the file at ``path``.

        Args:
            path: the file.
            unchanging: whether the connection reads it as unchanging (``immutable``).
        """
        self.path = os.path.realpath(path)
        found = os.stat(self.path)
        self._identity = found.st_ino, found.st_dev
        self._signature = self._present_signature() if unchanging else None
        self.next_check = time.monotonic() + SECONDS_BETWEEN_CHECKS
        """When a reader is to check again: always, for a file that is read as unchanging."""
        if unchanging:
            self.next_check = float("-inf")

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
        """Whether a file that the connection reads as unchanging has changed."""
        if self._signature is None:
            return False
        try:
            return self._present_signature() != self._signature
        except OSError:
            return True

    def check_replaced(self) -> None:
        """Check before a write that its file is still the one of that name.

        Raises:
            StoreError: the file was removed or replaced.
        """
        if self.replaced:
            message = (
                f"the file {self.path} was removed or replaced while it was open; nothing was"
                " written. Put it back, or open the store again"
            )
            raise StoreError(message)

    def check_replaced_throttled(self) -> None:
        """Check before a read, and set when the next one is to check.

        Raises:
            StoreError: the file was removed or replaced.
        """
        if self._signature is None:
            self.next_check = time.monotonic() + SECONDS_BETWEEN_CHECKS
        self.check_replaced()
