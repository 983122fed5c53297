"""SQLite connections that are tracked.

A forked child neither uses nor closes them, and none is closed whose file or log was replaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, NoReturn, Self

from snakestore.storage import fork
from snakestore.storage.dialects.sqlite.errors import Refusal, explain_read_only
from snakestore.storage.dialects.sqlite.file_watch import Watch, watched

_MIN_SECONDS_TO_OPEN = 1.0
"""Another connection that recovers or deletes the log locks the file for an instant."""


class _ReadOnlyCursor(sqlite3.Cursor):
    """A cursor that adds to an error of the driver why the connection cannot write."""

    connection: FileConnection

    def execute(self, sql: str, parameters: Any = (), /) -> Self:
        """Run one statement."""
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if self.connection.write_refusal is not None:
                explain_read_only(error, self.connection.write_refusal)
            raise


class FileConnection(sqlite3.Connection):
    """A connection to a file; it begins nothing by itself, and threads may use it in turn.

    It is never closed once the file or its log was replaced.
    """

    watch: Watch | None = None
    write_refusal: Callable[[], Refusal] | None = None
    """Returns why the connection cannot write, with the remedy; None for one that can."""

    def __init__(self, path: str, uri: str | None = None, busy_timeout: float = 5.0) -> None:
        """Open the file.

        Args:
            path: the file.
            uri: the file as SQLite's URI, with parameters.
            busy_timeout: seconds for which SQLite itself waits for locks, at least a second; a
                pragma makes that less once the file is open.

        Raises:
            StoreError: the file was in use when this process was forked.
        """
        fork.check_file(path)
        self.path = path
        self.uri = uri
        self.file_id = fork.file_id(path)
        fork.track(self)  # before it is open: a fork may come meanwhile
        try:
            super().__init__(
                uri or path,
                uri=uri is not None,
                timeout=max(busy_timeout, _MIN_SECONDS_TO_OPEN),
                isolation_level=None,
                check_same_thread=False,
            )
            self.file_id = fork.file_id(path)  # it may have been replaced meanwhile
        except BaseException:
            fork.untrack(self)
            raise

    def start_watch(self, watch: Watch) -> None:
        """Close no more once ``watch`` finds the file or its log replaced."""
        self.watch = watch
        watched.add(self)

    def cursor(self, factory: Any = None) -> Any:
        """A cursor; an error of one that cannot write says why."""
        if factory is None:
            factory = sqlite3.Cursor if self.write_refusal is None else _ReadOnlyCursor
        return super().cursor(factory)

    def close(self) -> None:
        """Close the connection, or leak it until the process ends."""
        if self.watch is not None and self.watch.replaced:
            fork.leak_deliberately(self)
            return
        watched.discard(self)
        super().close()
        fork.untrack(self)

    def abandon(self) -> None:
        """Refuse to be used from here on: the process was forked, and the parent uses it."""
        self.__class__ = _InheritedConnection


class _InheritedConnection(FileConnection):
    """The copy that a forked child has of the parent's connection."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise fork.refusal(self.path)

    cursor = execute = executemany = executescript = commit = backup = _refuse

    def rollback(self) -> None:
        """Do nothing: the transaction is the parent's."""

    def close(self) -> None:
        """Do nothing: to close the copy would harm the parent's connection."""
