"""Copy a SQLite database with SQLite's online backup: one snapshot, while others go on writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from snakestore.errors import StoreError
from snakestore.storage.dialects.protocols import Progress
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.dialects.sqlite.location import check_not_mount_point
from snakestore.storage.dialects.sqlite.opening import open_for_inspection
from snakestore.storage.dialects.sqlite.tracked import FileConnection

_BUSY_TIMEOUT = 30.0
_PAGES = 1024
"""Pages between two calls of ``progress``; all of them are of one snapshot."""


def copy_file(source: str, target: str, *, overwrite: bool, progress: Progress) -> None:
    """Copy the database file ``source`` over a connection of its own.

    Raises:
        StoreError: ``target`` exists or belongs to ``source``, or its folder is not writable.
    """
    if files.belongs_to(target, source):
        message = f"{target} is the store itself, or its log: give the backup another name"
        raise StoreError(message)
    with closing(open_for_inspection(source, _BUSY_TIMEOUT)) as connection:
        _copy(connection, target, overwrite=overwrite, progress=progress)


def copy_memory(connection: Any, target: str, *, overwrite: bool, progress: Progress) -> None:
    """Copy the database in memory that a driver connection holds.

    Raises:
        StoreError: it is another driver's, a transaction is open, ``target`` exists, or its folder
            is not writable.
    """
    if not isinstance(connection, sqlite3.Connection):
        message = "this driver's database in memory cannot be copied: open it with sqlite://"
        raise StoreError(message)
    if connection.in_transaction:
        message = "a database in memory is copied between transactions: end this one first"
        raise StoreError(message)
    _copy(connection, target, overwrite=overwrite, progress=progress)


def _copy(
    connection: sqlite3.Connection, target: str, *, overwrite: bool, progress: Progress
) -> None:
    """Copy the database of a connection without open transaction, as a whole or not at all."""
    _check_target(target, overwrite=overwrite)
    with files.draft(target) as draft:
        # the transaction keeps the snapshot; without it the copy starts over at each write
        connection.execute("BEGIN")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            with closing(FileConnection(draft)) as copy:
                connection.backup(copy, pages=_PAGES, progress=_driver_progress(progress))
        finally:
            connection.execute("ROLLBACK")
        files.sync(draft)
        _check_target(target, overwrite=overwrite)
        files.put_in_place(draft, target, overwrite=overwrite)


def _driver_progress(progress: Progress) -> Callable[[int, int, int], None] | None:
    if progress is None:
        return None
    return lambda _status, remaining, total: progress(total - remaining, total)


def _check_target(target: str, *, overwrite: bool) -> None:
    if os.path.lexists(target) and not overwrite:
        message = f"{target} already exists: give another name, or overwrite=True"
        raise StoreError(message)
    if os.path.exists(target) and not os.path.isfile(target):  # such as a device
        message = f"{target} is not a regular file: give the backup another name"
        raise StoreError(message)
    check_not_mount_point(target)
    if overwrite:
        _remove_unused_log(target)
    # a log beside a file that is replaced would be taken for the new file's
    if any(os.path.lexists(target + suffix) for suffix in ("-wal", "-journal")):
        message = (
            f"{target} has a -wal or -journal file: it is in use or was not closed cleanly. Give"
            " another name"
        )
        raise StoreError(message)


def _remove_unused_log(target: str) -> None:
    """Have SQLite delete a log that no connection uses any more, as readers leave one behind."""
    if os.path.lexists(target + "-wal"):
        with (
            suppress(sqlite3.Error),
            closing(FileConnection(target)) as connection,
        ):
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
