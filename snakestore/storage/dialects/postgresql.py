"""PostgreSQL: row locks in one order, the server's clock, accesses that leave the index alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any, ClassVar

from sqlalchemy import Connection, func, literal, select

from snakestore.errors import StoreError
from snakestore.session import expiry
from snakestore.storage.dialects.base import Backend, touch_interval
from snakestore.storage.statements import Statement
from snakestore.storage.tables import Base


def _total_size() -> Any:
    sizes = [func.pg_total_relation_size(table.name) for table in Base.metadata.sorted_tables]
    return select(reduce(add, sizes), literal(0))


class PostgreSQL(Backend):
    """PostgreSQL's ways."""

    name: ClassVar[str] = "postgresql"
    begin_write: ClassVar[str] = "BEGIN"
    begin_snapshot: ClassVar[str] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    server_clock: ClassVar[bool] = True
    size: ClassVar[Statement] = Statement(_total_size)

    def configure(self, driver_connection: Any) -> None:
        """Begin nothing by itself: a read of one statement then takes one round trip, not three."""
        driver_connection.autocommit = True

    def driver_in_transaction(self, driver_connection: Any) -> bool:
        """As the protocol tells: anything but idle."""
        return bool(driver_connection.info.transaction_status != 0)

    def begin_on(self, connection: Connection, *, write: bool, own: bool) -> bool:
        """The driver begins at the first statement; only a snapshot of our own has to be asked for."""
        if getattr(connection.connection.driver_connection, "autocommit", False):
            message = "a Connection in AUTOCOMMIT has no transaction to join: give one with another isolation level, or the Engine"
            raise StoreError(message)
        if own and not write:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return False

    def unwaiting(self, connection: Connection) -> AbstractContextManager[None]:
        """Nothing to do: no lock is the whole database's, and a touch skips a locked row."""
        del connection
        return nullcontext()

    def expires_at(self, *, recorded: datetime | None, ttl: float | None, last_accessed: datetime) -> datetime | None:
        """The truth where it was set anew or moved by more than a touch interval, else what stands there.

        The column is indexed, so leaving it alone keeps the update on the row's own page (a HOT update).
        """
        truth = expiry(last_accessed, ttl)
        if truth is None or recorded is None or recorded > truth:
            return truth
        return recorded if truth - recorded <= touch_interval(ttl) else truth

    def sweep_bound(self, now: datetime) -> datetime:
        """The recorded time never runs ahead of the truth, so nothing expired is missed."""
        return now
