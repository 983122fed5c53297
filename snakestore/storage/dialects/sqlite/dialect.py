"""SQLite: one writer at a time, readers that never wait."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, cast

from sqlalchemy import Connection, column, func, select

from snakestore.errors import SnakeStoreError
from snakestore.session import expiry
from snakestore.storage.dialects.base import Backend
from snakestore.storage.dialects.sqlite import errors, introspection
from snakestore.storage.queries.statement import Statement

_INCREMENTAL = 2
_STEP = 128
"""Pages given back in one transaction: some milliseconds' tx."""


class SQLite(Backend):
    """SQLite's ways."""

    name: ClassVar[str] = "sqlite"
    # a deferred transaction that turns from reading to writing is refused when another wrote in
    # between
    begin_write: ClassVar[str] = "BEGIN IMMEDIATE"
    begin_snapshot: ClassVar[str] = "BEGIN"
    locks_rows: ClassVar[bool] = False
    server_clock: ClassVar[bool] = False
    remote: ClassVar[bool] = False
    size: ClassVar[Statement] = Statement(
        lambda: select(
            column("page_count") * column("page_size"),
            column("freelist_count") * column("page_size"),
        ).select_from(
            func.pragma_page_count().table_valued("page_count"),
            func.pragma_page_size().table_valued("page_size"),
            func.pragma_freelist_count().table_valued("freelist_count"),
        )
    )

    whereabouts: ClassVar[Statement] = introspection.FILE
    parts: ClassVar[Statement] = introspection.PARTS
    findings: ClassVar[Mapping[str, Statement]] = introspection.FINDINGS
    file: ClassVar[Statement | None] = introspection.FILE

    def incremental_vacuum(self, driver_connection: Any) -> bool:
        """Free pages go to the end of the file and off it, where the file was made for that (``auto_vacuum``)."""
        if (
            not isinstance(driver_connection, sqlite3.Connection)
            or driver_connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL
        ):
            return False
        free: int = driver_connection.execute("PRAGMA freelist_count").fetchone()[0]
        if free:
            # as a script: it takes a step a page, and execute makes one where there are no columns
            driver_connection.executescript(f"PRAGMA incremental_vacuum({_STEP})")
        return free > _STEP

    def checkpoint(self, driver_connection: Any) -> None:
        """Passively: no reader or writer waits for it, nor it for them. The file shrinks once all is brought in."""
        if isinstance(driver_connection, sqlite3.Connection):
            driver_connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def driver_error_types(self) -> tuple[type[BaseException], ...]:
        """What ``sqlite3`` raises, and aiosqlite too."""
        return (sqlite3.Error,)

    def translate(self, error: BaseException) -> SnakeStoreError:
        """By result code."""
        return errors.translate(cast("sqlite3.Error", error))

    def is_busy(self, error: BaseException) -> bool:
        """By result code."""
        return errors.is_busy(cast("sqlite3.Error", error))

    def configure(self, driver_connection: Any) -> None:
        """Leave the waiting to our own loop, which is fairer among writers than SQLite's."""
        driver_connection.execute("PRAGMA busy_timeout = 0")

    def driver_in_transaction(self, driver_connection: Any) -> bool:
        """As the driver tells."""
        return bool(driver_connection.in_transaction)

    def driver_connected(self, driver_connection: Any) -> bool:
        """There is no server to lose."""
        del driver_connection
        return True

    def identity(self, whereabouts: tuple[Any, ...]) -> object:
        """The file, whatever it is called; a database in memory is nobody else's."""
        [path] = whereabouts
        return os.stat(path)[1:3] if path else object()

    def in_transaction(self, connection: Connection) -> bool:
        """As the driver tells: SQLite rolls back by itself when the disk is full."""
        return self.driver_in_transaction(connection.connection.driver_connection)

    def begin_on(self, connection: Connection, *, write: bool, own: bool) -> bool:
        """Send BEGIN where the driver has nothing open: its own BEGIN would come too late, before the first change only."""
        del own
        if self.driver_in_transaction(connection.connection.driver_connection):
            return False
        connection.exec_driver_sql(self.begin_write if write else self.begin_snapshot)
        return True

    @contextmanager
    def unwaiting(self, connection: Connection) -> Iterator[None]:
        """Turn SQLite's own waiting off, and back to what it was."""
        waiting = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(waiting)}")

    def expires_at(
        self, *, recorded: datetime | None, ttl: float | None, last_accessed: datetime
    ) -> datetime | None:
        """Always the truth: the row is rewritten anyway."""
        del recorded
        return expiry(last_accessed, ttl)

    def sweep_bound(self, now: datetime) -> datetime:
        """The recorded time is the truth."""
        return now
