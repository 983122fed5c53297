"""The method that backs up a SQLite store."""

from __future__ import annotations

import os
from collections.abc import Callable

from snakestore.errors import ValidationError
from snakestore.repository.base import RepositoryBase
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors


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
            self._runner.backend.backup_file(source, target, overwrite=overwrite, progress=progress)


def _source(tx: TransactionContext) -> str:
    return str(tx.fetch_one(tx.backend.backup_source())[0] or "")


def _copy_memory(
    tx: TransactionContext,
    target: str,
    *,
    overwrite: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    tx.backend.backup_connection(
        tx.driver_connection, target, overwrite=overwrite, progress=progress
    )
