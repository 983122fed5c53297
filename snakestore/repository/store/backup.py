"""Verbs that keep a store: its copy, its sizes, and the space that it gives back."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from snakestore.errors import StoreError, ValidationError
from snakestore.repository.base import RepositoryBase
from snakestore.storage.dialects.sqlite import backup, files
from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.retry import pause
from snakestore.storage.execution.runner import Runner

LONGEST_TURN = 0.02
"""Seconds of transactions one after another, with hardly a moment between them, before others get
theirs.
"""
REST = 0.0025
"""Seconds that others then have: more than those who waited for so long sleep between two tries."""


class BackupMethods(RepositoryBase):
    """The part of a repository that copies the whole store."""

    def backup(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Copy the store, as it is at this moment, into a single file that is a store itself (SQLite). No access.

        Others go on reading and writing meanwhile. The copy appears at ``path`` complete, synced to
        the disk and readable by its owner only (mode 0600), or not at all. What a transaction has
        not committed is not in it.

        Args:
            path: where the copy is to be; the folder must be there.
            overwrite: take the place of a file that is there, unless that is a store in use.
            progress: called with the pages copied so far and the pages in all, now and then; what
                it raises ends the copy.

        Raises:
            StoreError: there is a file at ``path``, the folder is missing, or the database is
                PostgreSQL, which has ``pg_dump``.
            StoreFullError: no room is left.
            ValidationError: ``path`` is no path.
        """
        if not isinstance(path, str | os.PathLike):
            message = f"a backup goes to a path, not to {type(path).__name__}"
            raise ValidationError(message)
        target = os.path.abspath(os.fsdecode(path))
        source = self._runner.lookup(_source)
        if not source:
            self._runner.lookup(_copy_memory, target, overwrite=overwrite, progress=progress)
            return
        with translate_errors():
            backup.copy_file(source, target, overwrite=overwrite, progress=progress)


def sizes(tx: TransactionContext) -> tuple[int, int, int]:
    """Bytes of the database, bytes of it that are free, and bytes of the log beside it."""
    size, free = tx.fetch_one(tx.backend.size)
    path = None if tx.backend.file is None else tx.fetch_one(tx.backend.file)[0]
    return size, free, files.size(os.path.realpath(path) + "-wal") if path else 0


class Turns:
    """One transaction after another where there is one writer's place: it is left free now and then, or those who wait would rarely find it so."""

    def __init__(self, runner: Runner) -> None:
        self.shared = isinstance(runner, AutocommitRunner) and runner.backend.file is not None
        """Whether others may wait between two transactions: not inside a caller's own, nor where
        rows are locked.
        """
        self._taken = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One transaction, after a rest where the turns before it took long."""
        if self.shared and self._taken >= LONGEST_TURN:
            pause(REST)
            self._taken = 0.0
        began = time.monotonic()
        yield
        self._taken += time.monotonic() - began


def incremental_vacuum(runner: Runner, turns: Turns) -> None:
    """Give free space back to the disk in small transactions, and bring the log in; only where each verb is its own transaction."""
    if not turns.shared:
        return
    more = True
    while more:
        with turns.turn():
            more = runner.lookup(_incremental_vacuum)  # a transaction of its own
    runner.lookup(_checkpoint)


def _incremental_vacuum(tx: TransactionContext) -> bool:
    return tx.backend.incremental_vacuum(tx.driver_connection)


def _checkpoint(tx: TransactionContext) -> None:
    tx.backend.checkpoint(tx.driver_connection)


def _source(tx: TransactionContext) -> str:
    if tx.backend.file is None:
        message = (
            "a server's database is not a file that could be copied: use pg_dump for a backup of"
            " PostgreSQL"
        )
        raise StoreError(message)
    return str(tx.fetch_one(tx.backend.file)[0] or "")


def _copy_memory(
    tx: TransactionContext,
    target: str,
    *,
    overwrite: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    connection = tx.driver_connection
    if not isinstance(connection, sqlite3.Connection):
        message = "this driver's database in memory cannot be copied: open it with sqlite://"
        raise StoreError(message)
    if connection.in_transaction:
        message = "a database in memory is copied between transactions: end this one first"
        raise StoreError(message)
    backup.copy_connection(connection, target, overwrite=overwrite, progress=progress)
