"""PostgreSQL: row locks in one order, the server's clock, accesses that leave the index alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    cast,
    column,
    func,
    literal,
    select,
    table,
    union_all,
)

from snakestore.errors import SnakeStoreError, StoreError
from snakestore.session import expiry
from snakestore.storage.dialects.base import Backend, touch_interval
from snakestore.storage.dialects.postgresql import errors
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.tables import Base


def _partitions_size(name: str) -> Any:
    parts = func.pg_partition_tree(name).table_valued(column("relid"))
    total = cast(func.sum(func.pg_total_relation_size(parts.c.relid)), BigInteger)
    return func.coalesce(select(total).select_from(parts).scalar_subquery(), 0)


def _total_size() -> Any:
    # a partitioned table has no storage but its partitions', and another has no partitions
    sizes = [
        func.pg_total_relation_size(table.name) + _partitions_size(table.name)
        for table in Base.metadata.sorted_tables
    ]
    return select(reduce(add, sizes), literal(0))


_IDLE, _UNKNOWN = 0, 4
"""libpq's PQTRANS_IDLE, and PQTRANS_UNKNOWN for a connection that is gone."""


def _parts() -> Any:
    here = func.any(func.current_schemas(False))  # noqa: FBT003 - the server's function takes it so
    columns = table(
        "columns",
        column("table_schema"),
        column("table_name", Text()),
        column("column_name", Text()),
        schema="information_schema",
    )
    indexes = table("pg_indexes", column("schemaname"), column("indexname", Text()))
    views = table("pg_views", column("schemaname"), column("viewname", Text()))
    tables = table("pg_tables", column("schemaname"), column("tablename", Text()))
    return union_all(
        select(literal("table"), tables.c.tablename, literal("")).where(
            tables.c.schemaname == here
        ),
        select(literal("index"), indexes.c.indexname, literal("")).where(
            indexes.c.schemaname == here
        ),
        select(literal("view"), views.c.viewname, literal("")).where(views.c.schemaname == here),
        select(
            literal("column"), cast(columns.c.table_name, Text), cast(columns.c.column_name, Text)
        ).where(columns.c.table_schema == here),
    )


class PostgreSQL(Backend):
    """PostgreSQL's ways."""

    name: ClassVar[str] = "postgresql"
    begin_write: ClassVar[str] = "BEGIN"
    begin_snapshot: ClassVar[str] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    locks_rows: ClassVar[bool] = True
    server_clock: ClassVar[bool] = True
    remote: ClassVar[bool] = True
    size: ClassVar[Statement] = Statement(_total_size)
    whereabouts: ClassVar[Statement] = Statement(
        lambda: select(
            func.pg_postmaster_start_time(), func.current_database(), func.current_schema()
        )
    )
    parts: ClassVar[Statement] = Statement(_parts)

    def driver_error_types(self) -> tuple[type[BaseException], ...]:
        """What psycopg and asyncpg raise, where they are loaded."""
        return errors.driver_error_types()

    def translate(self, error: BaseException) -> SnakeStoreError:
        """By SQLSTATE."""
        return errors.translate(error)

    def is_busy(self, error: BaseException) -> bool:
        """By SQLSTATE."""
        return errors.is_busy(error)

    def is_duplicate(self, error: BaseException) -> bool:
        """By SQLSTATE."""
        return errors.is_duplicate(error)

    def configure(self, driver_connection: Any) -> None:
        """Begin nothing by itself: a read of one statement then takes one round trip, not three."""
        driver_connection.autocommit = True

    def driver_in_transaction(self, driver_connection: Any) -> bool:
        """As the protocol tells; a connection that is gone took its transaction along."""
        return driver_connection.info.transaction_status not in {_IDLE, _UNKNOWN}

    def driver_connected(self, driver_connection: Any) -> bool:
        """As the driver noticed when it last used the connection."""
        return not driver_connection.closed

    def identity(self, whereabouts: tuple[Any, ...]) -> object:
        """When the server started, which no two servers share, the database and the schema."""
        return whereabouts

    def in_transaction(self, connection: Connection) -> bool:
        """The server ends no transaction by itself, it only refuses to go on with it."""
        return connection.in_transaction()

    def begin_on(self, connection: Connection, *, write: bool, own: bool) -> bool:
        """The driver begins at the first statement; only a snapshot of our own has to be asked for."""
        dialect: Any = connection.dialect  # the default one refuses to tell, those of PostgreSQL do
        if dialect.detect_autocommit_setting(connection.connection.dbapi_connection):
            message = (
                "a Connection in AUTOCOMMIT has no transaction to join: give one with another"
                " isolation level, or an Engine that has"
            )
            raise StoreError(message)
        if own and not write:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return False

    def unwaiting(self, connection: Connection) -> AbstractContextManager[None]:
        """Nothing to do: no lock is the whole database's, and a touch skips a locked row."""
        del connection
        return nullcontext()

    def expires_at(
        self, *, recorded: datetime | None, ttl: float | None, last_accessed: datetime
    ) -> datetime | None:
        """The truth where it was set anew or moved by more than a touch interval, else what stands there.

        The column is indexed, so leaving it alone keeps the update on the row's own page (a HOT
        update).
        """
        truth = expiry(last_accessed, ttl)
        if truth is None or recorded is None or recorded > truth:
            return truth
        return recorded if truth - recorded <= touch_interval(ttl) else truth

    def sweep_bound(self, now: datetime) -> datetime:
        """The recorded time never runs ahead of the truth, so nothing expired is missed."""
        return now
