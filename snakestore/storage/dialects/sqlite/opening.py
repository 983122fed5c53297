"""Open one database file with snakestore's settings, for an engine or for an inspection.

What is checked of the file before is in files.py and location.py, and while it is open in
file_watch.py.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from snakestore.errors import CorruptStoreError, StoreError, StoreFullError, StoreReadOnlyError
from snakestore.storage import fork
from snakestore.storage.descriptors import translate_exhaustion
from snakestore.storage.dialects.sqlite import files
from snakestore.storage.dialects.sqlite.begin import FULL, READ_ONLY
from snakestore.storage.dialects.sqlite.errors import Refusal, primary_code
from snakestore.storage.dialects.sqlite.file_watch import WATCH, Watch, check_not_abandoned
from snakestore.storage.dialects.sqlite.introspection import SQLiteSchemaReader
from snakestore.storage.dialects.sqlite.location import (
    Mounts,
    check_not_mount_point,
    warn_if_unsafe,
)
from snakestore.storage.dialects.sqlite.tracked import FileConnection
from snakestore.storage.dialects.sqlite.url import SQLiteAddress
from snakestore.storage.dialects.sqlite.wal import journal_mode, switch_to_wal
from snakestore.storage.paths import real_path
from snakestore.storage.schema.alterations import check_encoding, check_unaltered
from snakestore.storage.settings import Settings

JOURNAL_SIZE_LIMIT = 64 * 1024 * 1024
PAGE_CACHE = 8 * 1024
"""How much of a file each connection keeps in memory, at most, in KiB.

SQLite's own limit of 2 MB holds a few thousand variables. Reads at random among 20,000 then read
nearly one page each from the system.
"""
_FULL_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
"""With which SQLite reports that the log or its index has no room."""
_FULL = "the disk is full: free some space"
SAFE_PRAGMAS = ("PRAGMA foreign_keys = ON", "PRAGMA trusted_schema = OFF")
_FILE_PRAGMAS = (*SAFE_PRAGMAS, f"PRAGMA cache_size = -{PAGE_CACHE}")
logger = logging.getLogger("snakestore.sqlite")


def open_for_inspection(path: str, busy_timeout: float) -> FileConnection:
    """A connection to an existing file that changes no byte of it and leaves no file behind.

    A read-only connection to a database in WAL mode creates the log and leaves it behind; one that
    can write deletes it on closing. But it would also copy the log into the database, so a database
    with a log is opened read-only.
    """
    check_not_abandoned(path)
    has_log = _has_log(path)
    if not files.writable(path):
        return _open_read_only(path, {}, busy_timeout)[0]
    connection = FileConnection(path, _uri(path, "ro" if has_log else "rw"), busy_timeout)
    pragmas = ("PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF", "PRAGMA schema_version")
    try:
        execute_or_close(connection, *pragmas)
    except sqlite3.OperationalError as error:
        if not _has_no_log_and_no_room(error, path):
            raise
        return _open_unchanging(path, {}, busy_timeout)
    return connection


@contextmanager
def explain_errors(path: str) -> Iterator[None]:
    """Translate errors of opening a file that do not say what is wrong.

    Raises:
        CorruptStoreError: it is not a database, or the schema is not text; quoting that raises a
            UnicodeDecodeError.
        StoreFullError: the disk has no room for what reading the log needs.
        StoreError: the log cannot be read.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        message = (
            "the file is damaged: restore a backup, or salvage with the sqlite3 shell's .recover"
            f" (its schema is not text: {error})"
        )
        raise CorruptStoreError(message) from error
    except sqlite3.OperationalError as error:
        if primary_code(error) in _FULL_CODES and files.out_of_space(path):
            name = files.printable(path)
            message = f"{_FULL}; the log of {name} cannot be read without room for its index"
            raise StoreFullError(message) from error
        if primary_code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            files.check_log_readable(path)
        raise
    except sqlite3.DatabaseError as error:
        if primary_code(error) != sqlite3.SQLITE_NOTADB:
            raise
        message = (
            f"{files.printable(path)} is not a SQLite database: check the name of the store, or"
            f" restore a backup if it was one (SQLite: {error})"
        )
        raise CorruptStoreError(message) from error


class FileOpener:
    """Opens the connections of one engine to its file."""

    def __init__(self, path: str, address: SQLiteAddress, settings: Settings) -> None:
        self.path = path
        self._address = address
        self._settings = settings
        self._opened_before = False
        self._inspected: fork.FileId | None = None
        """The file that connections may be opened to without another check of it."""
        self._kept: FileConnection | None = None
        """The connection of an inspection or migration, which is the next one to be returned."""

    def begin_inspection(self) -> None:
        """Check where the file is; the caller inspects the rest.

        Raises:
            StoreError: it is itself a mount point.
        """
        file = fork.file_id(self.path)
        self._check_location()
        self._inspected = file

    def keep(self, connection: FileConnection) -> None:
        """Return a connection as the next one, if ``open`` would open such a one; else close it.

        Reading the schema takes half of the time that opening a connection takes.
        """
        kept = False
        try:
            kept = (
                connection.uri == self._address.uri(mode="rw")
                and not self._address.read_only
                and journal_mode(connection) == "wal"
            )
        finally:
            if kept:
                self._kept = connection
            else:
                connection.close()

    @property
    def keeps_connection(self) -> bool:
        """Whether the next connection is one that was kept."""
        return self._kept is not None

    def close_kept(self) -> None:
        """Close the connection that was kept, if there is one."""
        connection, self._kept = self._kept, None
        if connection is not None:
            connection.close()

    def _check_location(self, *, is_new: bool = False) -> None:
        mounts = Mounts()
        if not self._address.immutable:
            check_not_mount_point(self.path, mounts)
        warn_if_unsafe(self.path, mounts, is_new=is_new)

    def open(self, info: dict[Any, Any]) -> sqlite3.Connection:
        """A new connection; the file is created if it is missing and the URL allows that.

        What is to be known of it is added to ``info``.

        Raises:
            StoreError: the file is missing and not to be created, or cannot be opened.
            CorruptStoreError: it is not a database.
        """
        with explain_errors(self.path), translate_exhaustion():
            is_new = self._create_if_missing()
            check_not_abandoned(self.path)
            file = fork.file_id(self.path)
            if file != self._inspected:  # it may have been replaced since
                self._check_location(is_new=is_new)
                self._check_unaltered()
                self._inspected = file
            if self._address.read_only or not files.writable(self.path):
                connection, watch = self._open_read_only()
                info[READ_ONLY] = True
            else:
                try:
                    connection, watch = self._open_writable()
                except sqlite3.OperationalError as error:
                    if not _has_no_log_and_no_room(error, self.path):
                        raise
                    connection, watch = self._open_on_full_disk()
                    info[READ_ONLY] = True
            connection.start_watch(watch)
            info[WATCH] = watch
            if self._settings.durability == "full" and READ_ONLY not in info:
                info[FULL] = True
        if not self._opened_before:
            name = files.printable(self.path)
            logger.debug("opened %s%s", name, " read-only" if READ_ONLY in info else "")
        self._opened_before = True
        return connection

    def _check_unaltered(self) -> None:
        """Refuse a store that others altered.

        Raises:
            StoreError: it was altered, or is not in UTF-8.
        """
        if files.size(self.path) == 0:
            return
        with closing(open_for_inspection(self.path, self._settings.busy_timeout)) as connection:
            reader = SQLiteSchemaReader(connection.execute)
            versions = reader.versions()
            if versions is not None:
                check_encoding(reader.encoding(), self.path)
                for revision in versions:
                    check_unaltered(reader.alterations(str(revision)), self.path)

    def _create_if_missing(self) -> bool:
        """Create the file if there is none. Returns whether that was done."""
        if files.exists(self.path):
            return False
        if self._opened_before:
            message = (
                f"the file {self.path} is gone: put it back, or open the store again to create a"
                " new one"
            )
            raise StoreError(message)
        if not self._address.creates:
            mode = self._address.parameters.get("mode", "ro")
            message = (
                f"the file {self.path} does not exist and its URL does not allow creating it: open"
                f" it once without mode={mode}"
            )
            raise StoreError(message)
        files.create_private(self.path)
        return True

    def _open_read_only(self) -> tuple[FileConnection, Watch]:
        connection, unchanging = _open_read_only(
            self.path, dict(self._address.parameters), self._settings.busy_timeout
        )
        execute_or_close(connection, self._lock_wait(), *_FILE_PRAGMAS)
        connection.write_refusal = self._refuse_as_read_only
        watch = Watch(
            self.path,
            unchanging=unchanging and not self._address.immutable,
            is_over=None if self._address.read_only else self._is_writable,
        )
        return connection, watch

    def _is_writable(self) -> bool:
        return files.writable(self.path)

    def _refuse_as_read_only(self) -> Refusal:
        reason = (
            "its URL says mode=ro or immutable=1"
            if self._address.read_only
            else files.why_read_only(self.path)
        )
        return StoreReadOnlyError, f"the database is read-only: {reason}"

    def _open_on_full_disk(self) -> tuple[FileConnection, Watch]:
        """A connection that reads the file as unchanging, until there is room for a log."""
        connection = _open_unchanging(self.path, {}, self._settings.busy_timeout)
        execute_or_close(connection, self._lock_wait(), *_FILE_PRAGMAS)
        connection.write_refusal = lambda: (StoreFullError, f"{_FULL}; nothing was written")
        return connection, Watch(self.path, unchanging=True, is_over=self._has_room)

    def _has_room(self) -> bool:
        return not files.out_of_space(self.path)

    def _lock_wait(self) -> str:
        """The pragma that ends the longer wait of opening."""
        return f"PRAGMA busy_timeout = {round(self._settings.busy_timeout * 1000)}"

    def _open_writable(self) -> tuple[FileConnection, Watch]:
        connection, self._kept = self._kept, None
        if connection is not None and connection.file_id != self._inspected:
            connection.close()  # of a file that was replaced meanwhile
            connection = None
        if connection is None:
            uri = self._address.uri(mode="rw")
            connection = FileConnection(self.path, uri, self._settings.busy_timeout)
        synchronous = "FULL" if self._settings.durability == "full" else "NORMAL"
        try:
            has_log = switch_to_wal(connection, self._settings.busy_timeout)
            watch = Watch(self.path, log_expected=has_log)
        except BaseException:
            connection.close()
            raise
        execute_or_close(
            connection,
            "PRAGMA query_only = OFF",  # as an inspection left it
            f"PRAGMA synchronous = {synchronous}",
            self._lock_wait(),
            f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}",
            *_FILE_PRAGMAS,
        )
        return connection, watch


def _open_read_only(
    path: str, parameters: dict[str, str], busy_timeout: float
) -> tuple[FileConnection, bool]:
    """A connection that cannot write, and whether it reads the file as unchanging.

    In WAL mode readers too need the log's index, which cannot be created in a folder that is not
    writable or on a full disk. If there is no log either, the file can be read as if it never
    changed.
    """
    connection = FileConnection(path, _uri(path, "ro", parameters), busy_timeout)
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        connection.close()
        if (
            primary_code(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
            or _has_log(path)
        ) and not _has_no_log_and_no_room(error, path):
            raise
        return _open_unchanging(path, parameters, busy_timeout), True
    return connection, False


def _open_unchanging(path: str, parameters: dict[str, str], busy_timeout: float) -> FileConnection:
    uri = _uri(path, "ro", {**parameters, "immutable": "1"})
    return FileConnection(path, uri, busy_timeout)


def _has_log(path: str) -> bool:
    return files.size(real_path(path) + "-wal") > 0


def _has_no_log_and_no_room(error: sqlite3.Error, path: str) -> bool:
    """Whether a connection failed to create the log on a full disk, and there is none to read."""
    return primary_code(error) in _FULL_CODES and not _has_log(path) and files.out_of_space(path)


def _uri(path: str, mode: str, parameters: dict[str, str] | None = None) -> str:
    return SQLiteAddress(path, path, parameters or {}).uri(mode=mode)


def execute_or_close(connection: sqlite3.Connection, *pragmas: str) -> None:
    """Run the first statements of a connection; it is closed if one fails."""
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
