"""The method that backs up a SQLite store."""

import os
from collections.abc import Callable

from snakestore.errors import ValidationError
from snakestore.repository.base import RepositoryBase
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors


class BackupMethods(RepositoryBase):
    """The method that backs up the store."""

    def backup(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Copy a SQLite store, as it is now, into a single file.

        Other connections read and write meanwhile. The copy is itself a store. It appears at
        ``path`` complete, synced to disk and readable by its owner only (mode 0600), or not at all.
        It has no uncommitted changes. Does not update ``last_accessed``.

        Args:
            path: the file to create, in an existing folder.
            overwrite: replace an existing file, unless it is a store in use.
            progress: called now and then with the pages copied so far and the number of pages. An
                exception that it raises ends the copy.

        Raises:
            StoreError: if the file exists, the folder does not, or the database is PostgreSQL (use
                ``pg_dump``).
            StoreFullError: if the disk is full.
            ValidationError: if ``path`` is not a path.
        """
        if not isinstance(path, str | os.PathLike):
            message = f"path must be a str or a path object, not {type(path).__name__}"
            raise ValidationError(message)
        target = os.path.abspath(os.fsdecode(path))
        source = self._runner.lookup(_source)
        if not source:  # in memory
            self._runner.lookup(_copy_memory, target, overwrite=overwrite, progress=progress)
            return
        with translate_errors():
            self._runner.backend.backup_file(source, target, overwrite=overwrite, progress=progress)


def _source(tx: TransactionContext) -> str:
    return os.fsdecode(tx.fetch_scalar(tx.backend.backup_source()) or b"")


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
