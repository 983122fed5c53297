"""Everything that may differ between databases, as one interface.

Two parts of it have modules of their own: connection_methods.py and schema_methods.py.

The class is called ``Backend`` because SQLAlchemy's own ``Dialect`` is used beside it, often in the
same function.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import URL, Engine

from snakestore.errors import StoreError
from snakestore.storage.dialects.schema_methods import SchemaMethods
from snakestore.storage.queries.statement import Statement
from snakestore.storage.settings import Settings

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import (
        Connector,
        InProcess,
        Progress,
        StatementRunner,
    )


class Backend(SchemaMethods):
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
    arrays: ClassVar[bool] = False
    """Whether a parameter may be an array: one statement then changes many rows in less time."""
    forget_plans: ClassVar[str] = ""
    """Drops the plans that a connection has kept; "" if it keeps none that grow old."""
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

    def belongs_to(self, url: URL, path: str) -> bool:
        """Whether ``path`` names the database file, or one that the database keeps beside it."""
        del url, path
        return False

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

    def file_connector(self, url: URL, settings: Settings) -> Connector | None:
        """What opens the file of a URL without an engine; None for a server and in memory.

        Raises:
            StoreError: the driver is too old.
        """
        del url, settings
        return None

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
