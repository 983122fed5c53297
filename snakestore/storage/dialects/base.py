"""Everything that may differ between databases, as one interface.

The class is called ``Backend`` because SQLAlchemy's own ``Dialect`` is used beside it, often in the
same function.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import URL, Connection, Engine, MetaData

from snakestore.errors import SnakeStoreError, StoreError, ValidationError
from snakestore.storage.dialects.protocols import (
    FileWatch,
    InProcess,
    LogSync,
    Progress,
    SchemaReader,
    StatementRunner,
)
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.alterations import Alteration
from snakestore.storage.settings import Settings


class Backend(ABC):
    """What differs between databases. Stateless: one instance serves every engine.

    The docstrings here say what a method does; those of the subclasses say how.
    """

    name: ClassVar[str]
    begin_write: ClassVar[str]
    """Opens a transaction that writes, on a driver connection in autocommit mode."""
    begin_snapshot: ClassVar[str]
    """Opens a transaction whose reads all see one state."""
    control_options: ClassVar[Mapping[str, Any]] = {}
    """Arguments of a cursor's ``execute`` for statements that begin, end or divide transactions."""
    locks_rows: ClassVar[bool]
    """Whether several transactions write at once, so that a write must lock its session's row."""
    updates_in_place: ClassVar[bool]
    """Whether an UPDATE writes a row where it is, and costs less than a DELETE and an INSERT."""
    error_aborts: ClassVar[bool]
    """Whether a statement that fails aborts its transaction, whose COMMIT then rolls back."""
    server_clock: ClassVar[bool]
    """Whether the time is the server's, unless the user gives a clock."""
    remote: ClassVar[bool]
    """Whether it is a server: connections may be lost and made anew, and the database is shared."""
    parts: ClassVar[Statement]
    """Rows of kind ("table", "index", "view" or "column"), name (of the table, for a column) and
    column: what the schema consists of.
    """
    encoding: ClassVar[Statement]
    """One row: the encoding of its texts."""
    definitions: ClassVar[Statement]
    """Rows for ``find_alterations``."""
    findings: ClassVar[Mapping[str, Statement]] = {}
    """What the database itself finds wrong: by kind, rows of location and message."""
    file: ClassVar[Statement | None] = None
    """One row: the path of the database in bytes, empty in memory. None for a server."""
    data_version: ClassVar[str] = ""
    """Selects a number that changes with each commit of another connection; "" if there is none."""
    scratch_url: ClassVar[str | None] = None
    """An empty database to run the migrations in, for comparing what dropped tables left behind.
    None if dropping a table leaves nothing behind.
    """
    in_process: ClassVar[InProcess | None] = None
    """What only a database without a server can do; None for a server."""
    max_log_bytes: ClassVar[int] = 0
    """What the write-ahead log beside the file is truncated to; a server keeps its own."""

    # --- URLs and engines

    @abstractmethod
    def parse_url(self, url: URL) -> URL:
        """The URL in its normal form, with the driver named; parsing that again changes nothing.

        Raises:
            ValidationError: it is malformed.
            StoreError: it names another driver.
        """

    @abstractmethod
    def describe(self, url: URL) -> str:
        """The database as messages and logs name it, without a password."""

    def file_path(self, url: URL) -> str | None:
        """The path of the database file; None for a server, and in memory."""
        del url
        return None

    def read_only_url(self, url: URL) -> URL | None:
        """A URL whose connections cannot write and leave no files; None if there is none."""
        del url
        return None

    def is_read_only(self, url: URL) -> bool:
        """Whether a file of this URL cannot be written, by its URL or its mode."""
        del url
        return False

    @abstractmethod
    def create_engine(self, url: URL, settings: Settings) -> Engine:
        """An engine with snakestore's settings; nothing is opened before its first connection.

        Raises:
            StoreError: the driver is not installed or too old.
        """

    # --- the schema

    @abstractmethod
    def schema_reader(self, connection: Connection) -> SchemaReader:
        """A reader over a SQLAlchemy Connection, in its transaction."""

    @abstractmethod
    def open_schema_reader(
        self, engine: Engine, busy_timeout: float
    ) -> AbstractContextManager[SchemaReader | None]:
        """A reader over a connection that changes nothing; None if there is no database yet.

        Raises:
            StoreError: it is not a file, or must not be read.
        """

    def open_unchanged(self, url: URL, busy_timeout: float) -> Any:
        """A driver's connection to an existing file that changes no byte of it.

        Raises:
            StoreError: the database is not a file, or cannot be opened.
        """
        del url, busy_timeout
        message = "the database is not a file"
        raise StoreError(message)

    @abstractmethod
    def find_alterations(
        self, definitions: Sequence[tuple[Any, ...]], revision: str
    ) -> Sequence[Alteration]:
        """What others changed of snakestore's tables, from the rows of ``definitions``."""

    def complete_metadata(self, metadata: MetaData) -> None:
        """Add to the tables what only this database knows, before they are created from metadata.

        Migrations say it themselves. In the mapped classes it would import the dialect with
        snakestore, which takes a tenth of the time.
        """
        del metadata

    def create_database(self, url: URL) -> None:
        """Create a database that is missing; a file is created by its first connection."""
        del url

    def lock_for_migration(self, connection: Connection) -> None:
        """Keep others from migrating until the connection's transaction ends.

        A transaction is begun if none is open.

        Raises:
            StoreError: a Connection to a server in AUTOCOMMIT, which has no transaction.
        """
        if not connection.in_transaction():
            connection.begin()
        self.begin_on(connection, write=True, own=False)

    def migration_settings(self, connection: Connection) -> AbstractContextManager[None]:
        """A block in which the frozen DDL of the migrations means what it says."""
        del connection
        return nullcontext()

    def check_partitions(self, partitions: object) -> None:
        """Check how many partitions each table is to have.

        Raises:
            ValidationError: the number is invalid, or this database has no partitions.
        """
        message = "only PostgreSQL's tables are partitioned: leave partitions out"
        raise ValidationError(message, value=partitions)

    def partition(self, connection: Connection, partitions: int) -> None:
        """Partition the empty tables by hash of the session; no effect where they are already.

        Raises:
            StoreError: there are rows, which would have to be moved.
            ValidationError: this database has no partitions.
        """
        del connection
        self.check_partitions(partitions)

    def check_distributable(self) -> None:
        """Check that tables can be distributed over several servers.

        Raises:
            ValidationError: this database is one place.
        """
        message = "only PostgreSQL's tables are distributed, by Citus: leave distribute out"
        raise ValidationError(message, value=True)

    def distribute(self, run: StatementRunner) -> None:
        """Distribute the tables over several servers by the session, with their rows.

        No effect on tables that are distributed already.

        Raises:
            StoreError: the server cannot distribute tables.
            ValidationError: this database is one place.
        """
        del run
        self.check_distributable()

    def is_distributed(self, run: StatementRunner) -> bool:
        """Whether the sessions are distributed over several servers.

        A statement that does not name a session can then lock no rows.
        """
        del run
        return False

    def complete_tables(self, connection: Connection, run: StatementRunner) -> None:
        """Partition or distribute the tables that were just created, if the sessions are.

        Args:
            connection: a Connection whose transaction has migrated the database.
            run: runs statements in it.
        """
        del connection, run

    def complete_copied(self, run: StatementRunner) -> None:
        """Likewise the table of ``copy``, which no migration creates."""
        del run

    # --- driver errors

    @abstractmethod
    def driver_error_types(self) -> tuple[type[BaseException], ...]:
        """What the loaded drivers of this database raise outside of SQLAlchemy."""

    @abstractmethod
    def translate(self, error: BaseException) -> SnakeStoreError:
        """The snakestore error for a driver error; the caller chains the original as the cause."""

    @abstractmethod
    def is_busy(self, error: BaseException) -> bool:
        """Whether the transaction may succeed when run again: a lock, deadlock or conflict."""

    def is_duplicate(self, error: BaseException) -> bool:
        """Whether another transaction inserted the same key; only a server lets that happen."""
        del error
        return False

    def is_connection_loss(self, error: BaseException) -> bool:
        """Whether a connection of the server's own went away, in a cluster or as it shuts down."""
        del error
        return False

    def aborts_commit(self, error: BaseException) -> bool:
        """Whether an error of COMMIT says for certain that nothing was committed.

        SQLite does: a COMMIT that fails there leaves the transaction open, to be rolled back.
        """
        del error
        return True

    # --- driver connections

    @abstractmethod
    def configure(self, driver_connection: Any) -> None:
        """Put a driver connection that snakestore owns into autocommit mode, without lock waits."""

    def begin_settings(self, info: Mapping[Any, Any]) -> Sequence[str]:
        """Statements that follow BEGIN, from the ``info`` of the connection's pool entry."""
        del info
        return ()

    def can_pipeline(self, driver_connection: Any) -> bool:
        """Whether several statements can be sent together, which saves round trips to a server."""
        del driver_connection
        return False

    def run_together(self, driver_connection: Any, calls: Sequence[Callable[[], object]]) -> None:
        """Send the statements that ``calls`` execute, together if the driver can.

        None runs after one that fails.
        """
        del driver_connection
        for call in calls:
            call()

    def may_be_lost(self, driver_connection: Any) -> bool:
        """Whether the server may have closed the connection. Asks without a round trip."""
        del driver_connection
        return False

    def is_stuck(self, driver_connection: Any) -> bool:
        """Whether an interruption left the driver unable to run statements."""
        del driver_connection
        return False

    @abstractmethod
    def driver_in_transaction(self, driver_connection: Any) -> bool:
        """Whether the driver has a transaction open."""

    @abstractmethod
    def driver_connected(self, driver_connection: Any) -> bool:
        """Whether the driver still has its connection."""

    def is_connecting_error(self, error: BaseException) -> bool:
        """Whether a driver passes on an error of the operating system while it connects."""
        del error
        return False

    def interrupted_driver(self, error: BaseException, replacement: BaseException) -> bool:
        """Whether a driver has replaced an exception from outside by an error of its own.

        Args:
            error: the context of the driver's error.
            replacement: the driver's error.
        """
        del error, replacement
        return False

    def interrupts_driver(self, error: BaseException) -> bool:
        """Whether an exception of others came out of the driver's own code, in an unknown state.

        It is a signal handler's, for example, and no statement can follow on that connection.
        """
        del error
        return False

    def cancel(self, driver_connection: Any) -> None:
        """End the statement that the server still runs for a connection that is to be closed."""
        del driver_connection  # in this process, none outlives the call

    def abandon(self, driver_connection: Any) -> None:
        """In a forked child: let go of the parent's connection without a word to the server."""
        del driver_connection

    def file_watch(self, info: Mapping[Any, Any]) -> FileWatch | None:
        """The watch of a connection on a file, from the ``info`` of its pool's entry."""
        del info
        return None

    def log_sync(self, info: Mapping[Any, Any], driver_connection: Any) -> LogSync | None:
        """What syncs the log after each commit; the database itself no longer does. None: nothing.

        ``info`` is of the pool's entry.
        """
        del info, driver_connection
        return None

    def undecodable_texts(self, driver_connection: Any) -> AbstractContextManager[bool]:
        """A block that reads texts that are not UTF-8 as bytes; False: it changes nothing."""
        del driver_connection
        return nullcontext(False)  # noqa: FBT003 - the value of the block

    # --- SQLAlchemy connections

    def is_pooled(self, connection: Connection) -> bool:
        """Whether a pooler lends the connection a server's connection, a transaction at a time."""
        del connection
        return False

    def unprepared(self, connection: Connection) -> AbstractContextManager[None]:
        """A block whose statements the driver does not prepare."""
        del connection
        return nullcontext()

    @abstractmethod
    def in_transaction(self, connection: Connection) -> bool:
        """Whether the database has a transaction open on a Connection that began one."""

    @abstractmethod
    def begin_on(self, connection: Connection, *, write: bool, own: bool) -> bool:
        """Begin in the database on a Connection that has begun in SQLAlchemy's eyes.

        Args:
            connection: the Connection.
            write: whether the transaction may write.
            own: whether snakestore owns the transaction, so that it sets the isolation level.

        Returns:
            Whether anything had to be begun.
        """

    def end_dropped(self, error: BaseException) -> None:
        """End the transaction of a connection that SQLAlchemy has closed because of ``error``."""
        del error  # a server notices that

    @abstractmethod
    def without_lock_wait(self, connection: Connection) -> AbstractContextManager[None]:
        """A block in which a Connection does not wait for a lock of the whole database."""

    # --- sessions

    @abstractmethod
    def expires_at(
        self, *, recorded: datetime | None, ttl: float | None, last_accessed: datetime
    ) -> datetime | None:
        """What to write into ``sessions.expires_at`` after an access; ``recorded`` is there now."""

    @abstractmethod
    def sweep_bound(self, now: datetime) -> datetime:
        """Sessions whose recorded ``expires_at`` is before this may have expired at ``now``."""

    # --- whole databases

    @abstractmethod
    def identity(self, run: StatementRunner) -> object:
        """What is equal for two ways to the same database, and for no others."""

    @abstractmethod
    def size_query(self, run: StatementRunner) -> Statement:
        """A query for one row: bytes of the database, bytes of it that are free."""

    def log_bytes(self, path: bytes) -> int:
        """Bytes of the write-ahead log beside the file at ``path``."""
        del path
        return 0

    def free_pages(self, driver_connection: Any) -> int:
        """Pages of the database that are free and could be returned to the disk."""
        del driver_connection
        return 0

    def incremental_vacuum(self, driver_connection: Any) -> bool:
        """Give a little free space back to the disk, in a transaction.

        Returns:
            Whether there may be more.
        """
        del driver_connection
        return False

    def checkpoint(self, driver_connection: Any) -> None:
        """Copy the log into the database without waiting for locks; outside of transactions."""
        del driver_connection

    def truncate_log(self, driver_connection: Any) -> bool:
        """Copy the log into the database and empty it; outside of transactions.

        Returns:
            Whether the log is empty: False if a reader or writer uses it.
        """
        del driver_connection
        return True

    @abstractmethod
    def backup_source(self) -> Statement:
        """The statement for the path of the file to copy, in bytes; empty in memory.

        Raises:
            StoreError: the database is not a file; the message names the tool to use.
        """

    def backup_file(self, source: str, target: str, *, overwrite: bool, progress: Progress) -> None:
        """Copy the file ``source`` to ``target``, over a connection of its own.

        Raises:
            StoreError: ``target`` exists, or its folder is not writable.
            StoreFullError: the disk is full.
        """
        del source, target, overwrite, progress
        raise _no_file()

    def backup_connection(
        self, driver_connection: Any, target: str, *, overwrite: bool, progress: Progress
    ) -> None:
        """Copy the database in memory of a driver connection to the file ``target``.

        Raises:
            StoreError: a transaction is open, ``target`` exists, or its folder is not writable.
            StoreFullError: the disk is full.
        """
        del driver_connection, target, overwrite, progress
        raise _no_file()


def _no_file() -> StoreError:
    message = "the database is not a file: back it up with the tools of its server"
    return StoreError(message)
