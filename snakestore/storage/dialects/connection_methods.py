"""What may differ between databases in their drivers: errors, connections and transactions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from snakestore.errors import SnakeStoreError

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import FileWatch, LogSync


class ConnectionMethods(ABC):
    """The part of ``Backend`` that deals with drivers, and with SQLAlchemy's connections."""

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

    @abstractmethod
    def violates_check(self, error: BaseException) -> bool:
        """Whether a row was refused by a CHECK or NOT NULL of its table."""

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
        """In a forked child: leave the parent's connection alone, and send the server nothing."""
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
