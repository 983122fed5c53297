"""PostgreSQL: row locks in one order, the server's clock, accesses that do not touch an index."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar, NoReturn

from sqlalchemy import URL, BigInteger, Connection, Engine, MetaData, cast, func, select
from sqlalchemy.exc import OperationalError

from snakestore.errors import SnakeStoreError, StoreError
from snakestore.storage.dialects.base import Backend
from snakestore.storage.dialects.postgresql import (
    citus,
    connect,
    database,
    errors,
    introspection,
    pipeline,
    pooler,
)
from snakestore.storage.dialects.postgresql.definitions import alterations_of, complete_metadata
from snakestore.storage.dialects.postgresql.partitions import (
    check_number,
    complete_partitions,
    partition,
)
from snakestore.storage.dialects.protocols import SchemaReader, StatementRunner
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.alterations import Alteration
from snakestore.storage.settings import Settings
from snakestore.storage.sqlalchemy_internals import in_autocommit

_IDLE, _UNKNOWN = 0, 4
"""libpq's PQTRANS_IDLE, and PQTRANS_UNKNOWN for a connection that is gone."""
ADVISORY_LOCK = int.from_bytes(b"snakedb")
"""The number of the migrations' lock among the server's advisory locks."""


class PostgreSQL(Backend):
    """PostgreSQL, through psycopg 3; engines of users may use other drivers of it."""

    name: ClassVar[str] = "postgresql"
    begin_write: ClassVar[str] = "BEGIN"
    begin_snapshot: ClassVar[str] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    control_options: ClassVar[Mapping[str, Any]] = {"prepare": False}
    locks_rows: ClassVar[bool] = True
    updates_in_place: ClassVar[bool] = False
    error_aborts: ClassVar[bool] = True
    server_clock: ClassVar[bool] = True
    remote: ClassVar[bool] = True
    arrays: ClassVar[bool] = True
    forget_plans: ClassVar[str] = "DISCARD PLANS"
    parts: ClassVar[Statement] = introspection.PARTS
    encoding: ClassVar[Statement] = introspection.ENCODING
    definitions: ClassVar[Statement] = introspection.DEFINITIONS

    # --- URLs and engines

    def parse_url(self, url: URL) -> URL:
        """With psycopg 3 as the driver."""
        return connect.parse_url(url)

    def describe(self, url: URL) -> str:
        """The URL without its passwords."""
        return connect.describe(url)

    def create_engine(self, url: URL, settings: Settings) -> Engine:
        """With ``lock_timeout`` set to ``busy_timeout`` in each transaction."""
        return connect.create_engine(url, settings)

    # --- the schema

    def schema_reader(self, connection: Connection) -> SchemaReader:
        """From the catalog."""
        return introspection.PostgreSQLSchemaReader(connection)

    @contextmanager
    def open_schema_reader(
        self, engine: Engine, busy_timeout: float
    ) -> Iterator[SchemaReader | None]:
        """Over a connection of the engine; None if the server does not have the database."""
        del busy_timeout  # the engine's own
        try:
            connection = engine.connect()
        except OperationalError:
            if not database.is_missing(engine.url):
                raise
            yield None
            return
        with connection:
            yield self.schema_reader(connection)

    def find_alterations(
        self, definitions: Sequence[tuple[Any, ...]], revision: str
    ) -> Sequence[Alteration]:
        """By the catalogs."""
        return alterations_of(definitions, revision)

    def complete_metadata(self, metadata: MetaData) -> None:
        """A partial index, and room on each page for updates in place."""
        complete_metadata(metadata)

    def create_database(self, url: URL) -> None:
        """Create it on the server."""
        database.create(url)

    def lock_for_migration(self, connection: Connection) -> None:
        """With an advisory lock of the transaction."""
        super().lock_for_migration(connection)
        connection.execute(select(func.pg_advisory_xact_lock(cast(ADVISORY_LOCK, BigInteger))))

    @contextmanager
    def migration_settings(self, connection: Connection) -> Iterator[None]:
        """With ``standard_conforming_strings``: the texts in DDL have backslashes.

        On Citus, with one connection to each node.
        """
        with (
            database.conforming_strings(connection),
            database.one_connection_per_node(connection),
        ):
            yield

    def check_partitions(self, partitions: object) -> None:
        """From 2 to 1024."""
        check_number(partitions)

    def partition(self, connection: Connection, partitions: int) -> None:
        """By the definitions that the server has of the migrated tables."""
        partition(connection, partitions)

    def check_distributable(self) -> None:
        """Citus may be there."""

    def distribute(self, run: StatementRunner) -> None:
        """With Citus."""
        citus.distribute(run)

    def is_distributed(self, run: StatementRunner) -> bool:
        """By the catalog of Citus, if there is one."""
        return citus.is_distributed(run)

    def complete_tables(self, connection: Connection, run: StatementRunner) -> None:
        """As the sessions are partitioned or distributed."""
        complete_partitions(connection)
        citus.complete(run)

    def complete_copied(self, run: StatementRunner) -> None:
        """Distribute it if the sessions are; it needs no partitions."""
        citus.complete(run)

    # --- driver errors

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

    def violates_check(self, error: BaseException) -> bool:
        """By SQLSTATE."""
        return errors.violates_check(error)

    def is_connection_loss(self, error: BaseException) -> bool:
        """By SQLSTATE."""
        return errors.is_connection_loss(error)

    def aborts_commit(self, error: BaseException) -> bool:
        """By SQLSTATE."""
        return errors.aborts_commit(error)

    # --- driver connections

    def configure(self, driver_connection: Any) -> None:
        """In autocommit mode: a read of one statement then takes one round trip, not three."""
        driver_connection.autocommit = True

    def begin_settings(self, info: Mapping[Any, Any]) -> Sequence[str]:
        """``SET LOCAL lock_timeout``."""
        return connect.begin_settings(info)

    def can_pipeline(self, driver_connection: Any) -> bool:
        """If libpq can: version 14 or newer."""
        return pipeline.is_supported(driver_connection)

    def run_together(self, driver_connection: Any, calls: Sequence[Callable[[], object]]) -> None:
        """In libpq's pipeline mode."""
        pipeline.run_together(driver_connection, calls)

    def may_be_lost(self, driver_connection: Any) -> bool:
        """If there is something to read from an idle connection."""
        return pipeline.may_be_lost(driver_connection)

    def is_stuck(self, driver_connection: Any) -> bool:
        """If it is in pipeline mode still."""
        return pipeline.is_stuck(driver_connection)

    def driver_in_transaction(self, driver_connection: Any) -> bool:
        """Read the status that the server sent last; a lost connection has no transaction."""
        return driver_connection.info.transaction_status not in {_IDLE, _UNKNOWN}

    def driver_connected(self, driver_connection: Any) -> bool:
        """As the driver noticed when it last used the connection."""
        return not driver_connection.closed

    def is_connecting_error(self, error: BaseException) -> bool:
        """An OSError from the code of a socket, not of a signal handler (``TimeoutError``)."""
        return isinstance(error, OSError) and errors.came_from_socket(error)

    def interrupted_driver(self, error: BaseException, replacement: BaseException) -> bool:
        """By the frames that it came through, and its class."""
        return errors.interrupted(error, replacement)

    def interrupts_driver(self, error: BaseException) -> bool:
        """By the frames that it came through."""
        return errors.came_through_driver(error)

    def cancel(self, driver_connection: Any) -> None:
        """With a request to cancel; a server that cannot be reached ends it by itself."""
        connect.cancel(driver_connection)

    def abandon(self, driver_connection: Any) -> None:
        """Replace the socket, so that the server notices when the parent's end is closed."""
        if driver_connection.closed:
            return
        nowhere = os.open(os.devnull, os.O_RDWR)
        try:
            os.dup2(nowhere, driver_connection.fileno(), inheritable=False)
        finally:
            os.close(nowhere)

    # --- SQLAlchemy connections

    def is_pooled(self, connection: Connection) -> bool:
        """By the process number of the backend; asked once per connection of psycopg."""
        return pooler.is_pooled(connection)

    def unprepared(self, connection: Connection) -> AbstractContextManager[None]:
        """Without psycopg's threshold; others do not prepare, or not without being asked."""
        return pooler.unprepared(connection)

    def in_transaction(self, connection: Connection) -> bool:
        """Read SQLAlchemy's state: a failed transaction on a server lasts until it is ended."""
        return connection.in_transaction()

    def begin_on(self, connection: Connection, *, write: bool, own: bool) -> bool:
        """Set the isolation of a snapshot of our own; the driver begins at the first statement."""
        if in_autocommit(connection):
            message = (
                "a Connection in AUTOCOMMIT has no transaction to join: give one with another"
                " isolation level, or an Engine that has"
            )
            raise StoreError(message)
        if own and not write:
            with pooler.unprepared(connection):
                connection.exec_driver_sql(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
                )
        return False

    def without_lock_wait(self, connection: Connection) -> AbstractContextManager[None]:
        """No effect: no lock is the whole database's, and recording an access skips locked rows."""
        del connection
        return nullcontext()

    # --- whole databases

    def identity(self, run: StatementRunner) -> object:
        """When the server started, which no two servers share, the database and the schema.

        On Citus: the nodes, the database and the schema.
        """
        return run.fetch_one(
            citus.WHEREABOUTS if citus.is_distributed(run) else introspection.WHEREABOUTS
        )

    def size_query(self, run: StatementRunner) -> Statement:
        """Of the tables, summed over partitions or shards."""
        return citus.SIZE if citus.is_distributed(run) else introspection.SIZE

    def backup_source(self) -> NoReturn:
        """Refuse; ``pg_dump`` copies a server's database."""
        message = (
            "a server's database is not a file that could be copied: use pg_dump for a backup of"
            " PostgreSQL"
        )
        raise StoreError(message)
