"""A copy of a SQLite database, by SQLite's own online backup: one snapshot, while others go on writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress

from snakestore.errors import StoreError
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.dialects.sqlite.connect import open_to_look

Progress = Callable[[int, int], None] | None
_WAIT = 30.0
_PAGES = 1024
"""Pages between two calls of ``progress``; all of them are of one snapshot."""


def copy_file(source: str, target: str, *, overwrite: bool, progress: Progress) -> None:
    """Copy the database at ``source``, over a connection of its own, so that nobody's transaction is in the way.

    Raises:
        StoreError: there is a file at ``target``, or its folder will not have one.
    """
    if files.is_same(source, target):
        message = f"{target} is the store itself: give the backup another name"
        raise StoreError(message)
    with closing(open_to_look(source, _WAIT)) as connection:
        copy_connection(connection, target, overwrite=overwrite, progress=progress)


def copy_connection(
    connection: sqlite3.Connection, target: str, *, overwrite: bool, progress: Progress
) -> None:
    """Copy the database of ``connection``, which has no transaction open, to ``target``, whole or not at all.

    Raises:
        StoreError: there is a file at ``target``, or its folder will not have one.
    """
    _refuse_taken(target, overwrite=overwrite)
    with files.draft(target) as draft:
        # a transaction of ours keeps the snapshot; without it the copy would begin anew whenever
        # somebody writes
        connection.execute("BEGIN")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
                connection.backup(copy, pages=_PAGES, progress=_told(progress))
        finally:
            connection.execute("ROLLBACK")
        files.sync(draft)
        _refuse_taken(target, overwrite=overwrite)
        files.put_in_place(draft, target, overwrite=overwrite)


def _told(progress: Progress) -> Callable[[int, int, int], None] | None:
    if progress is None:
        return None
    return lambda _status, remaining, total: progress(total - remaining, total)


def _settle(target: str) -> None:
    """Have SQLite take away a log that nobody uses any more, as readers leave one behind."""
    if os.path.lexists(target + "-wal"):
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(target, isolation_level=None)) as connection,
        ):
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _refuse_taken(target: str, *, overwrite: bool) -> None:
    if os.path.lexists(target) and not overwrite:
        message = f"{target} is there already: give another name, or overwrite=True"
        raise StoreError(message)
    if overwrite:
        _settle(target)
    # a log that stays beside a file that is replaced would be taken for the new file's
    if any(os.path.lexists(target + suffix) for suffix in ("-wal", "-journal")):
        message = (
            f"{target} is a store in use, or one that was not closed, for its log lies beside it:"
            " give another name"
        )
        raise StoreError(message)
