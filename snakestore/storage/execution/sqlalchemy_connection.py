"""A SQLAlchemy Connection, of a user's engine or of a migration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.fair_queue import Place

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import FileWatch, LogSync


class SqlAlchemyConnection:
    """A SQLAlchemy Connection; its events, echo and transaction state stay SQLAlchemy's."""

    def __init__(
        self, connection: Connection, backend: Backend, *, copied_by_fork: bool = False
    ) -> None:
        """Use ``connection``.

        Args:
            connection: the Connection.
            backend: what differs by database.
            copied_by_fork: whether a forked child has a copy of its own (a database in memory).
        """
        self.connection = connection
        self.dialect = connection.dialect
        self.backend = backend
        self.broken = False
        self.place: Place | None = None
        """What its user holds."""
        self.holder: int | None = None
        self.watch: FileWatch | None = None
        self.log_sync: LogSync | None = None
        self._copied_by_fork = copied_by_fork
        self._fork_depth = fork.depth
        self._pooled: bool | None = None
        """Whether a pooler lends the connection; None before the first statement."""

    @property
    def lost(self) -> bool:
        """Whether SQLAlchemy has invalidated the connection."""
        return self.connection.invalidated

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the connection is its parent's."""
        return self._fork_depth != fork.depth and not self._copied_by_fork

    @property
    def refused_before_commit(self) -> bool:
        """Never: COMMIT is sent alone."""
        return False

    @property
    def in_transaction(self) -> bool:
        """Whether the database has a transaction open."""
        return not self.connection.invalidated and self.backend.in_transaction(self.connection)

    @property
    def driver_connection(self) -> Any:
        """The driver's connection."""
        return self.connection.connection.driver_connection

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement, already compiled for the driver."""
        if self._is_pooled():
            with self.backend.unprepared(self.connection):
                return self.connection.exec_driver_sql(sql, parameters or None)
        return self.connection.exec_driver_sql(sql, parameters or None)

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""
        if self._is_pooled():
            with self.backend.unprepared(self.connection):
                self.connection.exec_driver_sql(sql, list(parameters))
            return
        self.connection.exec_driver_sql(sql, list(parameters))

    def _is_pooled(self) -> bool:
        pooled = self._pooled
        if pooled is None:
            pooled = self._pooled = self.backend.is_pooled(self.connection)
        return pooled

    def control(self, sql: str) -> Any:
        """Run a statement that ends or divides a transaction."""
        with self.backend.unprepared(self.connection):
            return self.connection.exec_driver_sql(sql)

    mark, send, send_many = control, execute, execute_many

    def undo(self, savepoint: str) -> None:
        """Go back to a savepoint, and release it."""
        self.control(f"ROLLBACK TO SAVEPOINT {savepoint}")
        self.control(f"RELEASE SAVEPOINT {savepoint}")

    def begin(self, *, write: bool) -> None:
        """Begin, for SQLAlchemy and for the driver."""
        if not self.connection.in_transaction():
            self.connection.begin()
        self.backend.begin_on(self.connection, write=write, own=True)

    def join(self, *, write: bool) -> bool:
        """Join the caller's transaction, and begin it if none is open. Returns whether it began."""
        if not self.connection.in_transaction():
            self.connection.begin()
        return self.backend.begin_on(self.connection, write=write, own=False)

    def commit(self) -> None:
        """Commit through SQLAlchemy."""
        self.connection.commit()

    def rollback(self) -> None:
        """Roll back through SQLAlchemy."""
        self.connection.rollback()


def check_file_of(engine: Engine, backend: Backend) -> None:
    """Check that this process may use the database file of a user's engine.

    Raises:
        StoreError: the file was in use when this process was forked.
    """
    path = backend.file_path(engine.url) if fork.depth else None
    if path is not None:
        fork.check_file(path)
