"""The database file itself: made private to its owner, and asked what may be done with it.

An existing database is never opened here: closing any file descriptor on it would drop the POSIX
locks that SQLite holds on it elsewhere in this process.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from snakestore.errors import CorruptStoreError, StoreError, StoreFullError

_NO_LINKS = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}
)
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_PRIVATE = 0o600


def is_there(path: str) -> bool:
    """Whether a regular file, perhaps behind a symlink, is at ``path``.

    Raises:
        StoreError: something else is there, or the look is not permitted.
        CorruptStoreError: it is one byte long, which SQLite would take for empty, and write over.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        message = (
            f"{path} cannot be looked at: {error.strerror}; check the path and the modes of its"
            " folders"
        )
        raise StoreError(message) from error
    if stat.S_ISREG(found.st_mode):
        if found.st_size == 1:
            message = (
                f"{path} holds one byte and is no SQLite database: open another file, or remove"
                " this one"
            )
            raise CorruptStoreError(message)
        return True
    # opening a pipe would wait for ever, and a device is nobody's database
    kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
    message = f"{path} is {kind}: name the database file itself"
    raise StoreError(message)


def size(path: str) -> int:
    """Bytes of the file at ``path``, 0 where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def refuse_unreadable(path: str) -> None:
    """Refuse the file at ``path`` where this process may not read it: SQLite would not say which, nor why.

    Raises:
        StoreError: it may not.
    """
    if not _allows(path, os.R_OK):
        found = os.stat(path)
        told = (
            f"its mode is {stat.S_IMODE(found.st_mode):04o} and its owner the user {found.st_uid}"
        )
        message = f"{path} may not be read: {told}; run as its owner, or have them change the mode"
        raise StoreError(message)


def writable(path: str) -> bool:
    """Whether this process may write to the database at ``path``, which takes its folder too: the log is made beside it."""
    real = os.path.realpath(path)
    if not _allows(real, os.W_OK):
        return False
    return _allows(os.path.dirname(real), os.W_OK) or all(
        os.path.exists(real + suffix) for suffix in ("-wal", "-shm")
    )


def _allows(path: str, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def make_private(path: str) -> None:
    """Make an empty file that only its owner may read, unless one is there: SQLite gives its log the same mode.

    It is made complete under another name and then linked, so that no process ever sees it with
    another mode.

    Raises:
        StoreError: the folder is missing or may not be written.
        StoreFullError: no room is left.
    """
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    with _told_for(folder, f"the file {path}"):
        descriptor, name = tempfile.mkstemp(prefix=".snakestore-", suffix=".new", dir=folder)
        os.close(descriptor)
        try:
            with suppress(FileExistsError):  # another process was quicker, and made the same
                _link(name, real)
        finally:
            os.unlink(name)


def is_same(path: str, other: str) -> bool:
    """Whether both names are of one file that is there."""
    try:
        return os.path.samefile(path, other)
    except FileNotFoundError:
        return False


@contextmanager
def draft(target: str) -> Iterator[str]:
    """An empty file that only its owner may read, in the folder of ``target``; removed at the end, with what SQLite put beside it.

    Raises:
        StoreError: the folder is missing or may not be written.
        StoreFullError: no room is left.
    """
    folder = os.path.dirname(target)
    with _told_for(folder, f"the file {target}"):
        descriptor, name = tempfile.mkstemp(prefix=".snakestore-", suffix=".new", dir=folder)
        os.close(descriptor)
    try:
        yield name
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(name + suffix)


def put_in_place(name: str, target: str, *, overwrite: bool) -> None:
    """Give the complete file ``name`` the name ``target`` for good, in the same folder, at once.

    Raises:
        StoreError: ``target`` is there, and not to be replaced; or the folder may not be written.
    """
    folder = os.path.dirname(target)
    with _told_for(folder, f"the file {target}"):
        if overwrite:
            os.replace(name, target)
        else:
            try:
                _link(name, target, move=True)
            except FileExistsError as error:
                message = f"{target} is there already: somebody was quicker"
                raise StoreError(message) from error
        sync(folder)


def sync(path: str) -> None:
    """Wait until a file, or a folder's list of names, is on the disk. Never for a database that is open."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told_for(folder: str, path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        message = f"the folder {folder} does not exist: make it before {path}"
        raise StoreError(message) from error
    except OSError as error:
        kind = StoreFullError if error.errno in _NO_SPACE else StoreError
        message = (
            f"{path} cannot be made: {error.strerror}; check the mode and the free space of its"
            " folder"
        )
        raise kind(message) from error


def _link(name: str, target: str, *, move: bool = False) -> None:
    """Give ``name`` a second name, or, where the file system has no hard links, make ``target`` (``move``: of it) all the same."""
    try:
        os.link(name, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
        if move:
            os.replace(name, target)
