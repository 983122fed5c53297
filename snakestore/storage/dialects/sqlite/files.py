"""The database file itself: created with mode 0600, and checked before it is opened.

An existing database is never opened with ``open()``: closing any file descriptor on it would drop
the POSIX locks that SQLite holds on it elsewhere in this process.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from snakestore.errors import CorruptStoreError, StoreError, StoreFullError
from snakestore.storage.descriptors import translate_exhaustion
from snakestore.storage.paths import path_exists, real_path

_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}
)
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_PRIVATE = 0o600
LOG_SUFFIXES = ("-wal", "-shm")
"""Beside the file: the write-ahead log, and its index."""
_LOG_INDEX_BYTES = 32 * 1024
"""The size with which SQLite creates the log's index."""
_LONGEST_SUFFIX = "-journal"
_DRAFT_PREFIX, _DRAFT_SUFFIX = ".snakestore-", ".new"


def exists(path: str) -> bool:
    """Whether a regular file, perhaps behind a symlink, is at ``path``.

    Raises:
        StoreError: something else is there, or this process must not look.
        CorruptStoreError: it is one byte long, which SQLite would take for empty and overwrite.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        _check_name(path)
        return False
    except OSError as error:
        if error.errno is None:  # not the system's, but a signal handler's TimeoutError
            raise
        message = (
            f"{path} cannot be accessed: {error.strerror}; check the path and the modes of its"
            " folders"
        )
        raise StoreError(message) from error
    if stat.S_ISREG(found.st_mode):
        if found.st_size == 1:
            message = (
                f"{path} is one byte long and not a SQLite database: open another file, or remove"
                " this one"
            )
            raise CorruptStoreError(message)
        return True
    # opening a pipe would wait for ever, and a device is not a database
    kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
    message = f"{path} is {kind}: name the database file itself"
    raise StoreError(message)


def _check_name(path: str) -> None:
    """Check that SQLite can name its own files after a new one, which is not such a file itself.

    Raises:
        StoreError: the name is too long, or SQLite's for a file beside another database.
    """
    for suffix in (*LOG_SUFFIXES, _LONGEST_SUFFIX):
        database = real_path(path).removesuffix(suffix)
        if database != real_path(path) and os.path.isfile(database):
            message = f"SQLite keeps its log of {printable(database)} in {path}: give another name"
            raise StoreError(message)
    try:
        os.stat(real_path(path) + _LONGEST_SUFFIX)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            message = f"the name {path} is too long: SQLite appends {_LONGEST_SUFFIX} to it"
            raise StoreError(message) from error
        if error.errno is None:
            raise


def printable(path: str) -> str:
    r"""The path with bytes that are not UTF-8 written as ``\xNN``, for messages and logs."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def size(path: str) -> int:
    """Bytes of the file at ``path``, 0 if there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def check_readable(path: str) -> None:
    """Check that this process may read the file; SQLite's own error would not say why.

    Raises:
        StoreError: it may not.
    """
    if not _allows(path, os.R_OK):
        message = f"{path} is not readable: {_access_rights(path)}"
        raise StoreError(message)


def check_log_readable(path: str) -> None:
    """Check why a file cannot be opened whose log cannot be read; no effect where it can.

    Raises:
        StoreError: it cannot. Commits may be in the log only, so the file alone is not read.
    """
    real = real_path(path)
    if size(real + "-wal") == 0:
        return
    folder = os.path.dirname(real)
    for log in _logs(real):
        if path_exists(log):
            reason = "" if _allows(log, os.R_OK) else f"is not readable: {_access_rights(log)}"
        elif _allows(folder, os.W_OK):
            reason = ""
        else:
            reason = (
                f"is missing, and its folder, in which it would be created, is not writable:"
                f" {_access_rights(folder)}"
            )
        if reason:
            message = f"the write-ahead log of {path} cannot be read: {log} {reason}"
            raise StoreError(message)


def why_read_only(path: str) -> str:
    """Why this process may not write to the database, with the remedy."""
    real = real_path(path)
    folder = os.path.dirname(real)
    if not _allows(real, os.W_OK):
        return f"the file {path} is not writable: {_access_rights(real)}"
    if not _allows(folder, os.W_OK):
        return (
            f"the folder {folder}, in which SQLite creates the log, is not writable:"
            f" {_access_rights(folder)}"
        )
    return f"{path} was not writable a second ago: try again"


def out_of_space(path: str) -> bool:
    """Whether the disk has no room for a log beside the file; False where that is not known."""
    if not hasattr(os, "statvfs"):
        return False
    try:
        found = os.statvfs(os.path.dirname(real_path(path)))
    except OSError as error:
        if error.errno is None:  # not the system's, but a signal handler's TimeoutError
            raise
        return False
    root = os.geteuid() == 0  # who may use the reserve
    blocks, names = (found.f_bfree, found.f_ffree) if root else (found.f_bavail, found.f_favail)
    return blocks * found.f_frsize < _LOG_INDEX_BYTES or (found.f_files > 0 and names < 1)


def _access_rights(path: str) -> str:
    """What forbids access to a file or folder, with the remedy."""
    try:
        found = os.stat(path)
        mounted_read_only = hasattr(os, "statvfs") and os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError as error:
        return f"{error.strerror}; check the modes of its folders"
    if mounted_read_only:
        return "its file system is mounted read-only"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return "not even root may, because of its attributes (lsattr) or its file system"
    return (
        f"its mode is {stat.S_IMODE(found.st_mode):04o} and its owner the user {found.st_uid}; run"
        " as its owner, or have them change the mode"
    )


def writable(path: str) -> bool:
    """Whether this process may write to the database, and so also to its folder, for the log."""
    real = real_path(path)
    if not _allows(real, os.W_OK):
        return False
    return _allows(os.path.dirname(real), os.W_OK) or all(map(path_exists, _logs(real)))


def _logs(real: str) -> list[str]:
    """The paths of the log and of its index."""
    return [real + suffix for suffix in LOG_SUFFIXES]


def _allows(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def create_private(path: str) -> None:
    """Create an empty file with mode 0600 unless one exists; SQLite gives its log the same mode.

    The file is created under another name and then linked, so that no process ever sees it with
    another mode.

    Raises:
        StoreError: the folder is missing or not writable.
        StoreFullError: the disk is full.
    """
    real = real_path(path)
    folder = os.path.dirname(real)
    with _translate_os_errors(folder, f"the file {path}"):
        descriptor, name = tempfile.mkstemp(_DRAFT_SUFFIX, _DRAFT_PREFIX, folder)
        os.close(descriptor)
        try:
            with suppress(FileExistsError):  # another process has just created it
                _link(name, real)
        finally:
            os.unlink(name)


def hard_links(path: str) -> int:
    """How many names the file has, besides those under which a process is just creating it."""
    if os.stat(path).st_nlink <= 1:
        return 1
    folder = os.path.dirname(real_path(path))
    names = os.listdir(folder) if _allows(folder, os.R_OK) else []
    drafts = sum(
        is_same(path, os.path.join(folder, name))
        for name in names
        if name.startswith(_DRAFT_PREFIX) and name.endswith(_DRAFT_SUFFIX)
    )
    # counted last: a draft that was just removed is in neither number
    return os.stat(path).st_nlink - drafts


def is_same(path: str, other: str) -> bool:
    """Whether both names are of one existing file."""
    try:
        return os.path.samefile(path, other)
    except FileNotFoundError:
        return False


def belongs_to(path: str, store: str) -> bool:
    """Whether ``path`` names the database file ``store``, or a file that SQLite keeps beside it."""
    beside = [real_path(store) + suffix for suffix in (*LOG_SUFFIXES, _LONGEST_SUFFIX)]
    return is_same(path, store) or real_path(path) in beside


@contextmanager
def draft(target: str) -> Iterator[str]:
    """An empty file with mode 0600 in the folder of ``target``, removed at the end with its logs.

    Raises:
        StoreError: the folder is missing or not writable.
        StoreFullError: the disk is full.
    """
    folder = os.path.dirname(target)
    with _translate_os_errors(folder, f"the file {target}"):
        descriptor, name = tempfile.mkstemp(_DRAFT_SUFFIX, _DRAFT_PREFIX, folder)
        os.close(descriptor)
    try:
        yield name
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(name + suffix)


def put_in_place(name: str, target: str, *, overwrite: bool) -> None:
    """Rename the complete file ``name`` to ``target`` in the same folder, atomically and durably.

    Raises:
        StoreError: ``target`` exists and is not to be overwritten, or the folder is not writable.
    """
    folder = os.path.dirname(target)
    with _translate_os_errors(folder, f"the file {target}"):
        if overwrite:
            os.replace(name, target)
        else:
            try:
                _link(name, target, move=True)
            except FileExistsError as error:
                message = f"{target} already exists (created concurrently)"
                raise StoreError(message) from error
        sync(folder)


def sync(path: str) -> None:
    """Call fsync on a file, or a folder's list of names. Never for a database that is open."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_os_errors(folder: str, path: str) -> Iterator[None]:
    try:
        with translate_exhaustion():
            yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not os.path.isdir(folder):
            message = f"the folder {folder} does not exist: create it before {path}"
            raise StoreError(message) from error
        if error.errno is None:  # not the system's, but a signal handler's TimeoutError
            raise
        kind = StoreFullError if error.errno in _NO_SPACE else StoreError
        message = (
            f"{path} cannot be created: {error.strerror}; check the mode and the free space of its"
            " folder"
        )
        raise kind(message) from error


def _link(name: str, target: str, *, move: bool = False) -> None:
    """Link ``target`` to ``name``, or create it anew where there are no hard links.

    With ``move`` the content of ``name`` goes to ``target`` in either case.
    """
    try:
        os.link(name, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
        if move:
            os.replace(name, target)
