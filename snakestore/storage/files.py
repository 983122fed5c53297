"""The database file itself: made private to its owner, and asked what may be done with it.

An existing database is never opened here: closing any file descriptor on it would drop the POSIX locks that SQLite
holds on it elsewhere in this process.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress

from snakestore.errors import StoreError, StoreFullError

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EMLINK})
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_PRIVATE = 0o600


def is_there(path: str) -> bool:
    """Whether a regular file, perhaps behind a symlink, is at ``path``.

    Raises:
        StoreError: something else is there, or the look is not permitted.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        message = f"{path} cannot be looked at: {error.strerror}; check the path and the modes of its folders"
        raise StoreError(message) from error
    if stat.S_ISREG(mode):
        return True
    # opening a pipe would wait for ever, and a device is nobody's database
    kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
    message = f"{path} is {kind}: name the database file itself"
    raise StoreError(message)


def size(path: str) -> int:
    """Bytes of the file at ``path``, 0 where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def writable(path: str) -> bool:
    """Whether this process may write to the database at ``path``, which takes its folder too: the log is made beside it."""
    real = os.path.realpath(path)
    if not _may_write(real):
        return False
    return _may_write(os.path.dirname(real)) or all(os.path.exists(real + suffix) for suffix in ("-wal", "-shm"))


def _may_write(path: str) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def make_private(path: str) -> None:
    """Make an empty file that only its owner may read, unless one is there: SQLite gives its log the same mode.

    It is made complete under another name and then linked, so that no process ever sees it with another mode.

    Raises:
        StoreError: the folder is missing or may not be written.
        StoreFullError: no room is left.
    """
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    try:
        descriptor, draft = tempfile.mkstemp(prefix=".snakestore-", suffix=".new", dir=folder)
        os.close(descriptor)
        try:
            with suppress(FileExistsError):  # another process was quicker, and made the same
                _link(draft, real)
        finally:
            os.unlink(draft)
    except FileNotFoundError as error:
        message = f"the folder {folder} does not exist: make it before the store {path}"
        raise StoreError(message) from error
    except OSError as error:
        kind = StoreFullError if error.errno in _NO_SPACE else StoreError
        message = f"the file {path} cannot be made: {error.strerror}; check the mode and the free space of its folder"
        raise kind(message) from error


def _link(draft: str, real: str) -> None:
    try:
        os.link(draft, real)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(real, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
