"""What may differ between databases, as one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import Connection

from snakestore.errors import SchemaOutdatedError, SnakeStoreError
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.revisions import HEAD

CONNECTION_LOST = "the connection to the server failed; nothing was written"
"""What a message says of it."""


class Backend(ABC):
    """One database's ways; it keeps no state."""

    name: ClassVar[str]
    begin_write: ClassVar[str]
    """What opens a transaction that writes, sent on a driver connection that begins nothing by
    itself.
    """
    begin_snapshot: ClassVar[str]
    """What opens a transaction whose reads all see one state."""
    locks_rows: ClassVar[bool]
    """Whether a write must lock the row of its session, for it does not have the whole database to
    itself.
    """
    server_clock: ClassVar[bool]
    """Whether time is the server's unless the user gives a clock."""
    remote: ClassVar[bool]
    """Whether it is a server, whose connections may be lost, and made anew."""
    size: ClassVar[Statement]
    """One row: bytes of the database, bytes of it that are free."""
    whereabouts: ClassVar[Statement]
    """One row that says which database this is, for ``identity``."""
    parts: ClassVar[Statement]
    """Rows of kind ("table", "index", "view" or "column"), name (of the table, for a column) and
    column: what is there of a schema.
    """
    findings: ClassVar[Mapping[str, Statement]] = {}
    """What the database itself finds wrong: by kind, rows of where and message."""
    file: ClassVar[Statement | None] = None
    """One row: the path of the database, empty where it is in memory; None where it is no file."""

    def incremental_vacuum(self, driver_connection: Any) -> bool:
        """Give a little free space back to the disk, in a transaction; whether there may be more."""
        del driver_connection
        return False

    def checkpoint(self, driver_connection: Any) -> None:
        """Bring what a log holds into the database as far as that waits for nobody; outside of a transaction."""
        del driver_connection

    @abstractmethod
    def driver_error_types(self) -> tuple[type[BaseException], ...]:
        """What the loaded drivers of this database raise outside of SQLAlchemy."""

    @abstractmethod
    def translate(self, error: BaseException) -> SnakeStoreError:
        """The snakestore error for a driver error; the caller chains the original as the cause."""

    @abstractmethod
    def is_busy(self, error: BaseException) -> bool:
        """Whether the transaction may succeed when run again: a lock, deadlock or serialization failure."""

    def is_duplicate(self, error: BaseException) -> bool:
        """Whether a concurrent transaction inserted a row of the same key; only a server has those."""
        del error
        return False

    @abstractmethod
    def configure(self, driver_connection: Any) -> None:
        """Make a driver connection that we hold begin nothing and wait for nothing by itself."""

    @abstractmethod
    def driver_in_transaction(self, driver_connection: Any) -> bool:
        """Whether the driver has a transaction open."""

    @abstractmethod
    def driver_connected(self, driver_connection: Any) -> bool:
        """Whether the driver still has its connection."""

    @abstractmethod
    def identity(self, whereabouts: tuple[Any, ...]) -> object:
        """What is equal for two ways to the same database, and for no others."""

    @abstractmethod
    def in_transaction(self, connection: Connection) -> bool:
        """Whether the database has a transaction open on a SQLAlchemy Connection that began one."""

    @abstractmethod
    def begin_on(self, connection: Connection, *, write: bool, own: bool) -> bool:
        """Begin on a SQLAlchemy Connection that has begun in SQLAlchemy's eyes; whether anything had to be begun.

        ``own`` says that the transaction is the verb's alone, so that its isolation is ours to
        choose.
        """

    @abstractmethod
    def unwaiting(self, connection: Connection) -> AbstractContextManager[None]:
        """A block in which a SQLAlchemy Connection waits for no lock of the whole database, and as before after it."""

    @abstractmethod
    def expires_at(
        self, *, recorded: datetime | None, ttl: float | None, last_accessed: datetime
    ) -> datetime | None:
        """What to write into ``sessions.expires_at`` after an access, given what stands there."""

    @abstractmethod
    def sweep_bound(self, now: datetime) -> datetime:
        """Sessions whose recorded ``expires_at`` is before this may have expired at ``now``."""


MAX_ACCESS_LAG = 60.0
"""Seconds."""


HALF_A_MICROSECOND = 5e-7
"""What times are rounded by."""


def access_is_due(idle: float, ttl: float | None) -> bool:
    """Whether a read is to be recorded as an access of a session that was idle for so many seconds: ``touch_interval`` in floats."""
    return idle >= MAX_ACCESS_LAG or (ttl is not None and idle + HALF_A_MICROSECOND >= ttl / 10)


def touch_interval(ttl: float | None) -> timedelta:
    """How much a recorded access may lag: a tenth of the ttl, at most a minute."""
    return timedelta(seconds=MAX_ACCESS_LAG if ttl is None else min(ttl / 10, MAX_ACCESS_LAG))


def outdated_schema_error(text: str) -> SchemaOutdatedError:
    """The error for a statement that named a table or column which the database does not have."""
    return SchemaOutdatedError(
        "the database has no snakestore tables or those of an older schema"
        f" ({text}): run `snakestore db upgrade`, or snakestore.upgrade(bind)",
        current=None,
        head=HEAD,
    )
