"""Runners that join an open transaction: one that the caller owns, or a ``transaction()`` block."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate

from snakestore.clock import Clock
from snakestore.errors import StoreError, StoreReadOnlyError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import (
    SAVEPOINT,
    ConnectionAdapter,
    SqlAlchemyConnection,
    check_file_of,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import (
    is_driver_error,
    is_duplicate,
    translate_errors,
)
from snakestore.storage.execution.runner import P, R, Recorder, Runner

logger = logging.getLogger("snakestore.execution")


class JoinedRunner(Runner):
    """Each operation joins a transaction that it does not end."""

    _unfinished = False
    """Whether an operation was interrupted, and neither done nor undone."""

    @abstractmethod
    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        """The connection, and whether this call began its transaction."""

    def _after_read(self, tx: TransactionContext) -> None:
        """Called after a read whose access is due to be recorded."""

    def _context(self, connection: ConnectionAdapter) -> TransactionContext:
        return TransactionContext(connection, self._now(), self.max_value_bytes)

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
                elif self._interrupts_driver(error):
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
                return self._savepoint(
                    connection,
                    lambda: operation(self._context(connection), *args, **kwargs),
                    began=began,
                )
            except Exception as error:
                if not is_duplicate(error):
                    raise
            # another transaction has inserted that key since (on a server): now it is visible
            return self._savepoint(
                connection,
                lambda: operation(self._context(connection), *args, **kwargs),
                began=False,
            )

    def _savepoint(
        self, connection: ConnectionAdapter, action: Callable[[], R], *, began: bool
    ) -> R:
        if not began:
            connection.execute(f"SAVEPOINT {SAVEPOINT}")
        self._unfinished = True
        try:
            result = action()
        except BaseException as error:
            self._undo(connection, error, began=began)
            raise
        self._unfinished = False
        if not began:
            connection.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")
        return result

    def _undo(self, connection: ConnectionAdapter, error: BaseException, *, began: bool) -> None:
        """Back out because of ``error``, which is raised next, and which nothing replaces.

        Where that fails, the operation stays marked as unfinished.
        """
        if self._interrupts_driver(error):
            return  # no statement can follow
        try:
            self._back_out(connection, began=began)
        except Exception as problem:
            if not is_driver_error(problem):
                raise
            logger.debug("an operation could not be undone: %s", type(problem).__name__)
        else:
            self._unfinished = False

    def _interrupts_driver(self, error: BaseException) -> bool:
        return not is_driver_error(error) and self.backend.interrupts_driver(error)

    def _back_out(self, connection: ConnectionAdapter, *, began: bool) -> None:
        """Undo one operation: to its savepoint, or all if the operation began the transaction."""
        if began:
            connection.execute("ROLLBACK")
        else:
            connection.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            connection.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[Runner]:
        """A savepoint of the transaction: the block is all or nothing, the transaction goes on."""
        with translate_errors():
            connection, began = self._join(write=not read_only)
            if not began:
                connection.execute(f"SAVEPOINT {SAVEPOINT}")
        inner = TransactionBlockRunner(
            connection,
            self.backend,
            self._clock,
            self._record,
            read_only=read_only,
            max_value_bytes=self.max_value_bytes,
            record_accesses=False,
        )
        try:
            yield inner
            inner.check_alive()
        except BaseException as error:
            with translate_errors():
                self._undo(connection, error, began=began)
            raise
        finally:
            inner.end()
        if not began:
            with translate_errors():
                connection.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")


class CallerTransactionRunner(JoinedRunner):
    """Joins the transaction of a Connection or orm.Session that the caller owns."""

    def __init__(
        self,
        connect: Callable[[], Any],
        backend: Backend,
        clock: Clock | None,
        record: Recorder,
        *,
        max_value_bytes: int | None,
    ) -> None:
        super().__init__(backend, clock, record, max_value_bytes=max_value_bytes)
        self._connect = connect
        self._closed = False

    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        if self._closed:
            message = "the repository is closed: create another one on your connection"
            raise StoreError(message)
        connection = SqlAlchemyConnection(self._connect(), self.backend)
        check_file_of(connection.connection.engine, self.backend)
        return connection, connection.join(write=write)

    def _back_out(self, connection: ConnectionAdapter, *, began: bool) -> None:
        if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
            super()._back_out(connection, began=began)

    def close(self) -> None:
        """Run no more operations. The connection stays open."""
        self._closed = True


class TransactionBlockRunner(JoinedRunner):
    """Runs the operations of one ``transaction()`` block."""

    def __init__(
        self,
        connection: ConnectionAdapter,
        backend: Backend,
        clock: Clock | None,
        record: Recorder,
        *,
        read_only: bool,
        max_value_bytes: int | None,
        record_accesses: bool = True,
    ) -> None:
        super().__init__(backend, clock, record, max_value_bytes=max_value_bytes)
        self._connection = connection
        self._read_only = read_only
        self._record_accesses = record_accesses
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

    def _back_out(self, connection: ConnectionAdapter, *, began: bool) -> None:
        if connection.in_transaction:
            super()._back_out(connection, began=began)
        else:
            self._lost = True

    def _after_read(self, tx: TransactionContext) -> None:
        if self._record_accesses and tx.access_due is not None:
            self.reads[tx.access_due] = tx

    def interrupt(self) -> None:
        """From another thread: end a statement that waits for another client of a server."""
        self.backend.cancel(self._connection.driver_connection)

    def end(self) -> None:
        """Run no more operations: the block has ended."""
        self._ended = True
