"""The interface of a database connection, as runners and transaction contexts use it.

``driver_connection``, ``pipelined`` and ``sqlalchemy_connection`` implement it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Dialect

from snakestore.storage.dialects import Backend

if TYPE_CHECKING:
    from snakestore.storage.dialects.protocols import FileWatch, LogSync

SAVEPOINT = "snakestore"


class ConnectionAdapter(Protocol):
    """One database connection, as runners and transaction contexts use it."""

    backend: Backend
    dialect: Dialect
    broken: bool
    """Whether the connection must not be used again."""
    holder: int | None
    """The thread that has a block, or a function of the user's, open on this connection."""
    watch: FileWatch | None
    """Checks the file of the connection, if it has one and is snakestore's own."""
    log_sync: LogSync | None
    """What is to be waited for after a commit; None: the commit is enough."""

    @property
    def lost(self) -> bool:
        """Whether the connection to the server is gone."""

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the connection is its parent's."""

    @property
    def in_transaction(self) -> bool:
        """Whether the database has a transaction open."""

    @property
    def refused_before_commit(self) -> bool:
        """Whether what failed was sent along with COMMIT, which therefore did not run."""

    @property
    def driver_connection(self) -> Any:
        """The driver's connection."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement. Returns a cursor or result with its rows and rowcount."""

    def execute_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement for each set of parameters."""

    def control(self, sql: str) -> Any:
        """Run a statement that ends or divides a transaction. It is never prepared."""

    def mark(self, sql: str) -> Any:
        """Likewise, no later than the next statement: its success need not be known before."""

    def undo(self, savepoint: str) -> None:
        """Go back to a savepoint, and release it."""

    def send(self, sql: str, parameters: Any = ()) -> Any:
        """Run one statement no later than the next one; its result is not needed."""

    def send_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Likewise, for each set of parameters."""

    def begin(self, *, write: bool) -> None:
        """Begin a transaction."""

    def commit(self) -> None:
        """Commit the transaction."""

    def rollback(self) -> None:
        """Roll back, whether or not a transaction is open."""
