"""Runners that join an open transaction, and the savepoints in it."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Concatenate

from snakestore.errors import StoreError, StoreReadOnlyError
from snakestore.storage import fork
from snakestore.storage.execution.connection import SAVEPOINT, ConnectionAdapter
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import (
    is_driver_error,
    is_duplicate,
    translate_errors,
)
from snakestore.storage.execution.runner import Block, P, R, Runner, RunnerSettings
from snakestore.storage.execution.running_functions import (
    refuse_within_function,
    running_functions,
)

OPERATION = f"{SAVEPOINT}_operation"
"""The savepoint of one operation."""
SET_SAVEPOINT, RELEASE_SAVEPOINT = f"SAVEPOINT {OPERATION}", f"RELEASE SAVEPOINT {OPERATION}"
ENTERED_TWICE = "a transaction() block can be entered only once. Call transaction() again."

logger = logging.getLogger("snakestore.execution")


class JoinedRunner(Runner):
    """Each operation joins a transaction that it does not end."""

    _level = 0
    """How many savepoints it is inside of. Each has a name of its own.

    So one that an exception left behind is never taken for another.
    """
    _unfinished = False
    """Whether an operation was interrupted, and neither done nor undone; or a read failed."""

    @abstractmethod
    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        """The connection, and whether this call began its transaction."""

    def _after_read(self, tx: TransactionContext) -> None:
        """Called after a read whose access is due to be recorded."""

    def _context(self, connection: ConnectionAdapter) -> TransactionContext:
        tx = TransactionContext(connection, self._now(), self.max_value_bytes)
        tx.alone = False
        return tx

    def lookup(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that reads."""
        return self.read(operation, *args, **kwargs)

    def read(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that reads what the transaction sees."""
        with translate_errors():
            connection, began = self._join(write=False)
            tx = self._context(connection)
            try:
                result = operation(tx, *args, **kwargs)
            except BaseException as error:
                if began:
                    self._undo(connection, error, began=True)
                elif self._interrupts_driver(error) or self._aborts(error):
                    self._unfinished = True
                raise
            if tx.access_due is not None:
                self._after_read(tx)
            return result

    def write(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes. If it fails, the transaction stays as it was and usable."""
        with translate_errors():
            connection, began = self._join(write=True)
            try:
                return self._in_savepoint(connection, operation, args, kwargs, began=began)
            except Exception as error:
                if not is_duplicate(error):
                    raise
            # another transaction has inserted that key since (on a server): now it is visible
            return self._in_savepoint(connection, operation, args, kwargs, began=False)

    def write_calling(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes, and refuse others in the transaction until it has ended."""
        call = object()

        def marked(tx: TransactionContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
            """Run the operation while its connection is noted."""
            running_functions[call] = tx.connection.driver_connection
            try:
                return operation(tx, *args, **kwargs)
            finally:
                running_functions.pop(call, None)

        try:
            return self.write(marked, *args, **kwargs)
        finally:
            if call in running_functions:  # an exception came before it was removed
                del running_functions[call]

    def _in_savepoint(
        self,
        connection: ConnectionAdapter,
        operation: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        began: bool,
    ) -> R:
        """Run an operation in a savepoint, unless it has just begun the transaction."""
        if not began:
            connection.mark(SET_SAVEPOINT)
        self._unfinished = True
        try:
            result = operation(self._context(connection), *args, **kwargs)
            if not began:
                connection.control(RELEASE_SAVEPOINT)
        except BaseException as error:
            self._undo(connection, error, began=began)
            raise
        self._unfinished = False
        return result

    def _undo(
        self,
        connection: ConnectionAdapter,
        error: BaseException,
        *,
        began: bool,
        savepoint: str = OPERATION,
    ) -> None:
        """Back out because of ``error``, which is raised next, and which nothing replaces.

        Where that fails, the operation stays marked as unfinished.
        """
        if self._interrupts_driver(error):
            self._unfinished = True
            return  # no statement can follow
        try:
            self._back_out(connection, began=began, savepoint=savepoint)
        except Exception as problem:
            if not is_driver_error(problem):
                raise
            logger.debug("an operation could not be undone: %s", type(problem).__name__)
            self._unfinished = True
        else:
            self._unfinished = False

    def _interrupts_driver(self, error: BaseException) -> bool:
        return not is_driver_error(error) and self.backend.interrupts_driver(error)

    def _aborts(self, error: BaseException) -> bool:
        """Whether an error outside of a savepoint has aborted the transaction."""
        return self.backend.error_aborts and is_driver_error(error)

    def _back_out(self, connection: ConnectionAdapter, *, began: bool, savepoint: str) -> None:
        """Go back to a savepoint, or undo all if the operation began the transaction."""
        if began:
            connection.control("ROLLBACK")
        else:
            connection.undo(savepoint)

    def transaction(self, *, read_only: bool) -> SavepointBlock:
        """A savepoint of the transaction: the block is all or nothing, the transaction goes on."""
        return SavepointBlock(self, read_only=read_only)

    def begin_block(
        self, *, read_only: bool
    ) -> tuple[TransactionBlockRunner, ConnectionAdapter, bool]:
        """Set a savepoint for a block. Returns its runner, and what ``end_block`` needs."""
        with translate_errors():
            connection, began = self._join(write=not read_only)
            inner = TransactionBlockRunner(
                connection, self.settings, read_only=read_only, level=self._level + 1
            )
            if not began:
                connection.mark(f"SAVEPOINT {inner.savepoint}")
        return inner, connection, began

    def release_block(
        self, inner: TransactionBlockRunner, connection: ConnectionAdapter, *, began: bool
    ) -> None:
        """Release the savepoint of a block."""
        if not began:
            with translate_errors():
                connection.control(f"RELEASE SAVEPOINT {inner.savepoint}")
        inner.end()

    def undo_block(
        self,
        inner: TransactionBlockRunner,
        connection: ConnectionAdapter,
        error: BaseException,
        *,
        began: bool,
    ) -> None:
        """Go back to the savepoint of a block because of ``error``."""
        with translate_errors():
            self._undo(connection, error, began=began, savepoint=inner.savepoint)


class SavepointBlock(Block):
    """A ``transaction()`` block inside a transaction.

    Not a generator, which an exception might leave in the middle and which would then go back to
    its savepoint when it is collected, at any time.
    """

    def __init__(self, runner: JoinedRunner, *, read_only: bool) -> None:
        """Set a savepoint in the transaction of ``runner``, when it is entered."""
        self._runner = runner
        self._read_only = read_only
        self._begun: tuple[TransactionBlockRunner, ConnectionAdapter, bool] | None = None
        self._ended = False

    def begin(self) -> Runner:
        """Set the savepoint."""
        if self._begun is not None:
            raise RuntimeError(ENTERED_TWICE)
        self._begun = self._runner.begin_block(read_only=self._read_only)
        return self._begun[0]

    def commit(self) -> None:
        """Release the savepoint: what was done belongs to the transaction."""
        assert self._begun is not None  # noqa: S101 - it was entered
        inner, connection, began = self._begun
        inner.check_alive()
        self._runner.release_block(inner, connection, began=began)
        self._ended = True

    def end(self, error: BaseException | None) -> None:
        """Go back to the savepoint, unless it was released."""
        if self._begun is None or self._ended:
            return
        inner, connection, began = self._begun
        try:
            self._runner.undo_block(inner, connection, error or GeneratorExit(), began=began)
        finally:
            inner.end()
        self._ended = True


class TransactionBlockRunner(JoinedRunner):
    """Runs the operations of one ``transaction()`` block."""

    def __init__(
        self,
        connection: ConnectionAdapter,
        settings: RunnerSettings,
        *,
        read_only: bool,
        level: int = 0,
    ) -> None:
        """Run operations on ``connection``, inside of ``level`` savepoints."""
        super().__init__(settings)
        self._level = level
        self.savepoint = f"{SAVEPOINT}_{level}"
        """The name of the block's savepoint, if it is inside another transaction."""
        self._connection = connection
        self._read_only = read_only
        self._ended = False
        self._lost = False
        self.reads: dict[str, TransactionContext] = {}
        """The last read of each session whose access is to be recorded after the block's end.

        Not within the block, whose transaction would fail if recording is not possible.
        """

    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        if self._ended:
            message = "the transaction() block has ended. Use the repository that it came from."
            raise StoreError(message)
        if write and self._read_only:
            message = "this transaction() is read_only. Open one without read_only to write."
            raise StoreReadOnlyError(message)
        refuse_within_function(self._connection)
        self.check_alive()
        return self._connection, False

    def check_alive(self) -> None:
        """Check that the transaction can go on or commit.

        Raises:
            StoreError: the database rolled it back, its connection was lost, or this is a forked
                child and the parent opened it.
        """
        if self._connection.inherited:
            raise fork.transaction_refusal()
        if self._lost or self._unfinished or self._connection.lost:
            message = (
                "the transaction was rolled back by the database or its connection was lost."
                " Nothing of it was kept; run it again."
            )
            raise StoreError(message)

    def close(self) -> None:
        """Run no more operations; the block itself commits."""
        self._ended = True

    def _back_out(self, connection: ConnectionAdapter, *, began: bool, savepoint: str) -> None:
        if connection.in_transaction:
            super()._back_out(connection, began=began, savepoint=savepoint)
        else:
            self._lost = True

    def _after_read(self, tx: TransactionContext) -> None:
        if self._level == 0 and tx.access_due is not None:
            self.reads[tx.access_due] = tx

    def interrupt(self) -> None:
        """From another thread: end a statement that waits for another client of a server."""
        self.backend.cancel(self._connection.driver_connection)

    def end(self) -> None:
        """Run no more operations: the block has ended."""
        self._ended = True
