"""SQLite: one writer at a time, readers that never wait."""

from __future__ import annotations

import os
import sqlite3
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar, cast

from sqlalchemy import URL, Connection, Engine, column, func, select

from snakestore.errors import SnakeStoreError
from snakestore.storage.dialects.base import Backend
from snakestore.storage.dialects.messages import IN_MEMORY
from snakestore.storage.dialects.sqlite import (
    begin,
    connect,
    connector,
    errors,
    file_watch,
    files,
    introspection,
    opening,
)
from snakestore.storage.dialects.sqlite import url as sqlite_url
from snakestore.storage.dialects.sqlite.compiled import COMPILATIONS
from snakestore.storage.dialects.sqlite.in_process import InProcessSQLite
from snakestore.storage.paths import real_path
from snakestore.storage.queries.statement import Statement, compiled_ahead
from snakestore.storage.schema.alterations import Alteration
from snakestore.storage.settings import Settings

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import (
        Connector,
        FileWatch,
        LogSync,
        Progress,
        SchemaReader,
        StatementRunner,
    )

compiled_ahead["pysqlite"] = COMPILATIONS
_INCREMENTAL = 2
_VACUUM_PAGES = 128
"""Pages given back in one transaction: some milliseconds' work."""


class SQLite(Backend):
    """SQLite, through Python's ``sqlite3``; engines of users may use other drivers of it."""

    name: ClassVar[str] = "sqlite"
    # a deferred transaction that turns from reading to writing is refused if another wrote between
    begin_write: ClassVar[str] = "BEGIN IMMEDIATE"
    begin_snapshot: ClassVar[str] = "BEGIN"
    locks_rows: ClassVar[bool] = False
    updates_in_place: ClassVar[bool] = True
    error_aborts: ClassVar[bool] = False
    server_clock: ClassVar[bool] = False
    remote: ClassVar[bool] = False
    _size: ClassVar[Statement] = Statement(
        lambda: select(
            column("page_count") * column("page_size"),
            column("freelist_count") * column("page_size"),
        ).select_from(
            func.pragma_page_count().table_valued("page_count"),
            func.pragma_page_size().table_valued("page_size"),
            func.pragma_freelist_count().table_valued("freelist_count"),
        )
    )
    parts: ClassVar[Statement] = introspection.PARTS
    encoding: ClassVar[Statement] = introspection.ENCODING
    definitions: ClassVar[Statement] = introspection.DEFINITIONS
    findings: ClassVar[Mapping[str, Statement]] = introspection.FINDINGS
    file: ClassVar[Statement | None] = introspection.FILE
    scratch_url: ClassVar[str | None] = "sqlite://"  # views outlive the tables that they read
    data_version: ClassVar[str] = "PRAGMA data_version"
    in_process: ClassVar[InProcessSQLite] = InProcessSQLite()
    max_log_bytes: ClassVar[int] = opening.JOURNAL_SIZE_LIMIT

    # --- URLs and engines

    def parse_url(self, url: URL) -> URL:
        """With an absolute path, or none in memory."""
        return sqlite_url.parse_url(url)

    def describe(self, url: URL) -> str:
        """The plain path."""
        path = sqlite_url.address_of(url).path
        return IN_MEMORY if path is None else files.printable(path)

    def file_path(self, url: URL) -> str | None:
        """The plain path."""
        return sqlite_url.address_of(url).path

    def belongs_to(self, url: URL, path: str) -> bool:
        """The file, its log and its journal."""
        store = self.file_path(url)
        return store is not None and files.belongs_to(path, store)

    def read_only_url(self, url: URL) -> URL | None:
        """With ``mode=ro``; None in memory."""
        return sqlite_url.read_only_url(url)

    def is_read_only(self, url: URL) -> bool:
        """By the URL's parameters, or by the modes of an existing file and its folder."""
        address = sqlite_url.address_of(url)
        if address.path is None:
            return False
        return address.read_only or (
            files.exists(address.path) and not files.writable(address.path)
        )

    def create_engine(self, url: URL, settings: Settings) -> Engine:
        """With a pool for files, one connection in memory."""
        return connect.create_engine(url, settings)

    def file_connector(self, url: URL, settings: Settings) -> Connector | None:
        """None in memory."""
        return connector.file_connector(url, settings)

    # --- the schema

    def schema_reader(self, connection: Connection) -> SchemaReader:
        """From ``sqlite_master``."""
        return introspection.SQLiteSchemaReader(connection.exec_driver_sql)

    @contextmanager
    def open_schema_reader(
        self, engine: Engine, busy_timeout: float
    ) -> Iterator[SchemaReader | None]:
        """Over a connection that only reads until then; None if the file is missing."""
        if sqlite_url.address_of(engine.url).path is None:
            with engine.connect() as connection:
                yield self.schema_reader(connection)
            return
        opener = connect.opener_of(engine)
        with connector.inspect_file(opener, busy_timeout, keep=False) as reader:
            yield reader

    def open_unchanged(self, url: URL, busy_timeout: float) -> Any:
        """A connection of ``sqlite3`` that leaves no file behind."""
        path = sqlite_url.address_of(url).path
        if path is None:
            return super().open_unchanged(url, busy_timeout)
        with opening.explain_errors(path):
            return opening.open_for_inspection(path, busy_timeout)

    def find_alterations(
        self, definitions: Sequence[tuple[Any, ...]], revision: str
    ) -> Sequence[Alteration]:
        """By the CREATE statements."""
        return introspection.alterations_of(definitions, revision)

    # --- driver errors

    def driver_error_types(self) -> tuple[type[BaseException], ...]:
        """What ``sqlite3`` raises, and aiosqlite too."""
        return (sqlite3.Error,)

    def translate(self, error: BaseException) -> SnakeStoreError:
        """By result code."""
        return errors.translate(cast("sqlite3.Error", error))

    def is_busy(self, error: BaseException) -> bool:
        """By result code."""
        return errors.is_busy(cast("sqlite3.Error", error))

    def violates_check(self, error: BaseException) -> bool:
        """By result code."""
        return errors.violates_check(cast("sqlite3.Error", error))

    # --- driver connections

    def configure(self, driver_connection: Any) -> None:
        """Turn off SQLite's lock wait; snakestore's own is fairer among writers."""
        driver_connection.execute("PRAGMA busy_timeout = 0")

    @contextmanager
    def undecodable_texts(self, driver_connection: Any) -> Iterator[bool]:
        """Set a ``text_factory`` that returns such texts as bytes, and the one before again."""
        if not isinstance(driver_connection, sqlite3.Connection):
            yield False
            return
        before, driver_connection.text_factory = driver_connection.text_factory, _text_or_bytes
        try:
            yield True
        finally:
            driver_connection.text_factory = before

    def driver_in_transaction(self, driver_connection: Any) -> bool:
        """Read the driver's own state."""
        return bool(driver_connection.in_transaction)

    def driver_connected(self, driver_connection: Any) -> bool:
        """Always: there is no server to lose."""
        del driver_connection
        return True

    def file_watch(self, info: Mapping[Any, Any]) -> FileWatch | None:
        """The watch that was made when the connection was opened; None in memory."""
        watch: file_watch.Watch | None = info.get(file_watch.WATCH)
        return watch

    def log_sync(self, info: Mapping[Any, Any], driver_connection: Any) -> LogSync | None:
        """With ``durability="full"``: what syncs the log without the write lock (``log_sync``)."""
        if begin.FULL not in info:
            return None
        from snakestore.storage.dialects.sqlite import log_sync  # noqa: PLC0415 - on use

        driver_connection.execute("PRAGMA synchronous = NORMAL")
        watch: file_watch.Watch = info[file_watch.WATCH]
        return log_sync.logs.sync_of(f"{watch.path}-wal")

    # --- SQLAlchemy connections

    def in_transaction(self, connection: Connection) -> bool:
        """Read the driver's state: SQLite rolls back by itself when the disk is full."""
        return self.driver_in_transaction(connection.connection.driver_connection)

    def begin_on(self, connection: Connection, *, write: bool, own: bool) -> bool:
        """Send BEGIN if the driver has no transaction open.

        The driver's own BEGIN would come too late: before the first change only.

        Raises:
            StoreError: the driver's COMMIT does nothing.
        """
        del own
        driver_connection = connection.connection.driver_connection
        if self.driver_in_transaction(driver_connection):
            return False
        begin.check_commits(connection)
        if write:
            begin.check_file(connection)
        connection.exec_driver_sql(self.begin_write if write else self.begin_snapshot)
        return True

    def end_dropped(self, error: BaseException) -> None:
        """Clear SQLAlchemy's frames: SQLite goes on while a traceback refers to a statement."""
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if str(frame.f_globals.get("__name__")).startswith("sqlalchemy."):
                with suppress(RuntimeError):  # it has not ended
                    frame.clear()

    @contextmanager
    def without_lock_wait(self, connection: Connection) -> Iterator[None]:
        """Set ``busy_timeout`` to 0, and back to what it was."""
        busy_timeout = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(busy_timeout)}")

    # --- whole databases

    def size_query(self, run: StatementRunner) -> Statement:
        """By the numbers of pages."""
        del run
        return self._size

    def identity(self, run: StatementRunner) -> object:
        """Inode and device of the file; a database in memory equals no other."""
        [path] = run.fetch_one(introspection.FILE)
        return os.stat(path)[1:3] if path else object()

    def log_bytes(self, path: bytes) -> int:
        """Of the ``-wal`` file."""
        return files.size(real_path(os.fsdecode(path)) + "-wal")

    def free_pages(self, driver_connection: Any) -> int:
        """On SQLite's list of free pages."""
        if not isinstance(driver_connection, sqlite3.Connection):
            return 0
        pages: int = driver_connection.execute("PRAGMA freelist_count").fetchone()[0]
        return pages

    def incremental_vacuum(self, driver_connection: Any) -> bool:
        """Truncate some free pages, if the file was created for that (``auto_vacuum``)."""
        if (
            not isinstance(driver_connection, sqlite3.Connection)
            or driver_connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL
        ):
            return False
        free: int = driver_connection.execute("PRAGMA freelist_count").fetchone()[0]
        if free:
            # as a script, which steps through all pages; execute steps once
            driver_connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        return free > _VACUUM_PAGES

    def checkpoint(self, driver_connection: Any) -> None:
        """Passively: it blocks no reader or writer.

        The file shrinks once the whole log is copied.
        """
        if isinstance(driver_connection, sqlite3.Connection):
            driver_connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def truncate_log(self, driver_connection: Any) -> bool:
        """As ``wal_checkpoint(TRUNCATE)`` does. The driver must not wait for locks."""
        if not isinstance(driver_connection, sqlite3.Connection):
            return True
        busy: int = driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def backup_source(self) -> Statement:
        """The path of the main database."""
        return introspection.FILE

    def backup_file(self, source: str, target: str, *, overwrite: bool, progress: Progress) -> None:
        """With SQLite's online backup."""
        from snakestore.storage.dialects.sqlite import backup  # noqa: PLC0415 - on use

        backup.copy_file(source, target, overwrite=overwrite, progress=progress)

    def backup_connection(
        self, driver_connection: Any, target: str, *, overwrite: bool, progress: Progress
    ) -> None:
        """With SQLite's online backup."""
        from snakestore.storage.dialects.sqlite import backup  # noqa: PLC0415 - on use

        backup.copy_memory(driver_connection, target, overwrite=overwrite, progress=progress)


def _text_or_bytes(stored: bytes) -> str | bytes:
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError:
        return stored
