"""The interface by which repositories run operations.

An operation is a function of a ``TransactionContext`` and the arguments of a repository's method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Concatenate, NamedTuple, ParamSpec, TypeVar

from snakestore.clock import Clock, as_utc, utc_now
from snakestore.errors import CommitUnknownError
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.after_commit import give_up
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import (
    aborts_commit,
    driver_error,
    is_driver_error,
    masked_by,
)
from snakestore.storage.execution.leaving import Enterable
from snakestore.storage.queries.statement import Row, Statement

P = ParamSpec("P")
R = TypeVar("R")
Recorder = Callable[[TransactionContext, str], tuple[datetime, datetime | None] | None]
"""Records that a session was accessed. Returns its ``last_accessed`` and ``expires_at``."""


class RunnerSettings(NamedTuple):
    """What a repository gives to its runner, and that to the runners of its blocks."""

    backend: Backend
    """What differs by database."""
    clock: Clock | None
    """The source of the time; None: the server."""
    record: Recorder | None
    """Records an access; None: reads are no accesses."""
    max_value_bytes: int | None
    """The size limit of what is stored; None: no limit."""


class Block(Enterable["Runner"]):
    """A ``transaction()`` block, which gives a runner."""


class Runner(ABC):
    """Runs operations against a database."""

    commits: ClassVar[bool] = False
    """Whether each operation is a transaction of its own, so that others may write in between."""

    def __init__(self, settings: RunnerSettings) -> None:
        self.settings = settings
        self.backend = settings.backend
        self.max_value_bytes = settings.max_value_bytes
        self._now = _now_of(settings.clock)
        """The present time; None where statements ask for the server's."""
        self.clock_time = self._now
        """The present time of the repository's clock; None if it is the server's."""

    @abstractmethod
    def lookup(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that reads with one statement, which needs no transaction."""

    @abstractmethod
    def read(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation whose statements must read one snapshot."""

    @abstractmethod
    def write(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes; all or nothing."""

    def write_alone(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes and may take long, so that no other is done with it."""
        return self.write(operation, *args, **kwargs)

    def write_calling(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes and calls a function of the user's meanwhile."""
        return self.write(operation, *args, **kwargs)

    def lookup_row(self, statement: Statement, sid: object, identifier: object) -> Row | None:
        """The row of a lookup as the driver returned it; None where there is no short path."""
        del statement, sid, identifier
        return None

    @abstractmethod
    def transaction(self, *, read_only: bool) -> Block:
        """A runner whose operations make one transaction, which the block commits or rolls back."""

    @abstractmethod
    def close(self) -> None:
        """Run no more operations."""


def _now_of(clock: Clock | None) -> Callable[[], datetime | None]:
    return (lambda: None) if clock is None else present_of(clock)


def present_of(clock: Clock) -> Callable[[], datetime]:
    """The time of a clock, in UTC."""
    if clock is utc_now:
        return utc_now  # snakestore's own clock needs no check
    return lambda: as_utc(clock(), "the clock's time")


def commit_write(connection: ConnectionAdapter) -> None:
    """Commit what was written. With ``durability="full"``, wait until it is on the disk.

    Asyncio tasks that wait for the write lock go on meanwhile (``after_commit``).

    Raises:
        CommitUnknownError: COMMIT failed, other than by a plain abort, the connection was lost
            before the server answered, or the disk could not sync.
    """
    try:
        connection.commit()
    except Exception as error:
        refused = connection.refused_before_commit or masked_by(error) is not None
        if is_driver_error(error) and not refused:
            if connection.lost:
                raise CommitUnknownError from error
            if not aborts_commit(error):
                message = (
                    f"COMMIT failed, so the outcome is unknown ({driver_error(error)}). Re-read the"
                    " data to decide whether to write again."
                )
                raise CommitUnknownError(message) from error
        raise
    if connection.log_sync is not None:
        give_up()
        connection.log_sync.wait()


def roll_back(connection: ConnectionAdapter, error: BaseException | None = None) -> None:
    """Roll back; a connection that is lost or cannot roll back is marked as broken.

    Does nothing to a connection that a forked child inherited.

    Args:
        connection: the connection.
        error: what ended the transaction. If it interrupted the driver, the connection is not used
            again, and the server ends the statement that it runs.
    """
    if connection.inherited:
        return
    connection.broken = connection.broken or connection.lost
    if not connection.broken and error is not None and not is_driver_error(error):
        connection.broken = connection.backend.interrupts_driver(error)
    if not connection.broken:
        try:
            connection.rollback()
        except Exception as problem:
            if not is_driver_error(problem):
                raise
            connection.broken = True
    if connection.lost and error is not None:
        connection.backend.end_dropped(error)
    elif connection.broken and not connection.lost:
        connection.backend.cancel(connection.driver_connection)
