"""What ``Backend`` hands out: connections, the schema of a database, and the watch of a file.

``StatementRunner`` is what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import URL, Dialect, Engine

from snakestore.storage.queries.statement import Row, Statement
from snakestore.storage.schema.alterations import Alteration

Progress = Callable[[int, int], None] | None
"""Called with the pages copied so far and the pages in total."""


class StatementRunner(Protocol):
    """Runs statements in a transaction."""

    def fetch_one(self, statement: Statement, /, **parameters: Any) -> Row:
        """Run a query that returns exactly one row."""

    def fetch_scalar(self, statement: Statement, /, **parameters: Any) -> Any:
        """Run a query that returns exactly one row of one column; its value."""


class SchemaReader(Protocol):
    """Reads which tables a database has, as far as one transaction sees them. Changes nothing."""

    def versions(self) -> list[Any] | None:
        """The rows of snakestore's version table; None if there is no such table."""

    def is_empty(self) -> bool:
        """Whether nothing is there; never true of a server's database, which others share."""

    def relation_names(self) -> set[str]:
        """The names of all tables, views and indexes, spelled as the database compares them."""

    def view_definitions(self) -> Mapping[str, str]:
        """The views by name, spelled likewise, with their definitions."""

    def encoding(self) -> str:
        """The encoding of its texts, such as "UTF-8"."""

    def alterations(self, revision: str) -> Sequence[Alteration]:
        """What others changed of snakestore's tables, or put on or in place of them.

        ``revision`` is the schema of the tables.
        """


class Connector(Protocol):
    """Opens the driver connections of one repository to its database."""

    @property
    def url(self) -> URL:
        """The parsed URL of the database."""

    @property
    def engine(self) -> Engine | None:
        """The engine that the connections are of; None where none is needed."""

    @property
    def dialect(self) -> Dialect:
        """The dialect to compile statements for."""

    @property
    def has_opened(self) -> bool:
        """Whether ``connect`` returns a connection that is open already."""

    def connect(self) -> tuple[Any, dict[Any, Any]]:
        """A driver connection, which the caller closes, and its ``info``.

        Raises:
            StoreError: the database cannot be opened.
        """

    def open_schema_reader(self) -> AbstractContextManager[SchemaReader | None]:
        """A reader over a connection that changes nothing; None if there is no database yet.

        Raises:
            StoreError: it is not a file, or must not be read.
        """

    def migration_engine(self) -> AbstractContextManager[Engine]:
        """An engine to migrate the database with."""

    def close(self) -> None:
        """Close what the connections that were returned do not need."""


class InProcess(Protocol):
    """What only a database without a server can do with its driver connections."""

    def bound(self, driver_connection: Any, max_bytes: int) -> Any:
        """Let a connection read small answers only. Returns the cursor to read with.

        Such reads wait for no other client. A driver's error refuses an answer of more than
        ``max_bytes``, without reading the cell that is larger.
        """

    def unbound(self, driver_connection: Any) -> None:
        """Let a connection read and write everything again."""

    def count_changes(self, driver_connection: Any) -> int:
        """How many rows this connection has changed so far."""


class LogSync(Protocol):
    """Syncs the log of a database for all connections of this process."""

    suspect: bool
    """Whether a sync failed, so that ``check`` is to be called before a write."""

    def wait(self) -> None:
        """Wait until what this process has committed so far is on the disk."""

    def check(self, execute: Callable[[str], Any]) -> None:
        """Raise StoreError if the disk cannot sync; ``execute`` runs a statement."""


class FileWatch(Protocol):
    """Checks whether the file that a connection has open is still the one of that name."""

    next_check: float
    """The ``time.monotonic()`` at which a reader is to check again."""

    @property
    def replaced(self) -> bool:
        """Whether another file, or none, has the name now."""

    @property
    def stale(self) -> bool:
        """Whether a file that the connection reads as unchanging has changed."""

    @property
    def log_bytes(self) -> int:
        """Bytes of the write-ahead log."""

    def check_replaced(self) -> None:
        """Raise StoreError if the file or its log was removed or replaced."""

    def check_before_commit(self) -> None:
        """Likewise, if the transaction took long."""

    def check_replaced_throttled(self) -> None:
        """Likewise, and set ``next_check``."""
