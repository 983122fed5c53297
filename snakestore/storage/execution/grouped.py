"""Runs several single writes in one transaction, as if each had one of its own.

There is no savepoint for each of them, which would cost a quarter of a write. A write refuses
before it changes anything, so nearly every error leaves nothing to undo. Where one does, the whole
transaction is rolled back and each write gets a transaction of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Concatenate, NoReturn

from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import is_driver_error
from snakestore.storage.execution.runner import P, R, Runner
from snakestore.storage.execution.updates_of_group import GroupedContext, UpdatesOfGroup, is_sharing


class HalfDoneError(Exception):
    """A write failed and may have changed something, so that the transaction must not be kept."""


class GroupedRunner(Runner):
    """Runs each write in a transaction that it neither begins nor ends."""

    commits: ClassVar[bool] = True

    def __init__(self, runner: AutocommitRunner, tx: TransactionContext) -> None:
        """Run writes for ``runner`` in the transaction of ``tx``."""
        super().__init__(runner.settings)
        self._tx = tx
        self._connection = tx.connection
        self._updates = UpdatesOfGroup()
        self._changes_before = 0

    def outcome_of(self, call: Callable[[], R]) -> tuple[R | None, Exception | None]:
        """What a call returned, or the error by which it refused and changed nothing.

        Raises:
            HalfDoneError: it failed in another way.
        """
        self._changes_before = self._changes()
        try:
            return call(), None
        except Exception as error:
            if (
                is_driver_error(error)
                or not self._connection.in_transaction
                or self._changes() != self._changes_before
            ):
                raise HalfDoneError from error
            return None, error

    def _changes(self) -> int:
        in_process = self.backend.in_process
        assert in_process is not None  # noqa: S101 - writes to no server are grouped
        return in_process.count_changes(self._connection.driver_connection)

    def write(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes, with a time of its own."""
        now, connection, limit = self._now(), self._connection, self.max_value_bytes
        shares = is_sharing(operation)
        if not shares or self._updates.seen_at(now):
            self.record_updates()
        tx = (
            GroupedContext(connection, now, limit, self._updates)
            if shares
            else TransactionContext(connection, now, limit)
        )
        return operation(tx, *args, **kwargs)

    def record_updates(self) -> None:
        """Record what the updates so far add to their sessions. To be called before COMMIT."""
        if self._updates:
            self._updates.record(self._tx)
            self._changes_before = self._changes()

    def write_calling(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Not in a group: the user's function must not run twice, nor keep others waiting."""
        return self._refuse(operation, *args, **kwargs)

    def lookup(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """No method that writes uses it."""
        return self._refuse(operation, *args, **kwargs)

    def read(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """No method that writes uses it."""
        return self._refuse(operation, *args, **kwargs)

    def transaction(self, *, read_only: bool) -> NoReturn:
        """No method that writes uses blocks."""
        self._refuse(read_only)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        message = "only single writes run in a group"
        raise RuntimeError(message)

    def close(self) -> None:
        """Nothing is held."""
