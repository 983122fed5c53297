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


class HalfDoneError(Exception):
    """A write failed and may have changed something, so that the transaction must not be kept."""


class GroupedRunner(Runner):
    """Runs each write in a transaction that it neither begins nor ends."""

    commits: ClassVar[bool] = True

    def __init__(self, runner: AutocommitRunner, tx: TransactionContext) -> None:
        """Run writes for ``runner`` in the transaction of ``tx``."""
        super().__init__(runner.settings)
        self._connection = tx.connection

    def outcome_of(self, call: Callable[[], R]) -> tuple[R | None, Exception | None]:
        """What a call returned, or the error by which it refused and changed nothing.

        Raises:
            HalfDoneError: it failed in another way.
        """
        before = self._changes()
        try:
            return call(), None
        except Exception as error:
            if (
                is_driver_error(error)
                or not self._connection.in_transaction
                or self._changes() != before
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
        tx = TransactionContext(self._connection, self._now(), self.max_value_bytes)
        return operation(tx, *args, **kwargs)

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
