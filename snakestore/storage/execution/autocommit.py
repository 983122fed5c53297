"""Runs each operation in a transaction of its own, on a connection of an engine.

This is the one place that begins, commits, rolls back and retries. An operation is run again where
the database reports busy or a serialization failure, and on a new connection where the connection
was lost before COMMIT was sent, because then nothing of it was kept.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from copy import copy
from enum import Enum
from typing import Any, ClassVar, Concatenate, Self

from snakestore.storage import fork
from snakestore.storage.execution.block import TransactionBlock
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.connection_source import ConnectionSource
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import (
    is_busy,
    masked_by,
    translate,
)
from snakestore.storage.execution.fair_queue import BlockOwner
from snakestore.storage.execution.joined import TransactionBlockRunner
from snakestore.storage.execution.nesting import check_stack, holds_connection, run_elsewhere
from snakestore.storage.execution.open_blocks import SECONDS_IN_VAIN, blocked_by_own
from snakestore.storage.execution.ownership import current_caller
from snakestore.storage.execution.recording import AccessRecorder
from snakestore.storage.execution.retry import RetryPolicy
from snakestore.storage.execution.runner import (
    P,
    R,
    Runner,
    RunnerSettings,
    commit_write,
    roll_back,
)
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection


class Mode(Enum):
    """What an operation needs around it."""

    LOOKUP = "one statement that reads; no transaction"
    READ = "several statements that read one snapshot"
    WRITE = "a write transaction"


# module constants: each call looks one up, and a member of an Enum costs as much as a call
LOOKUP, READ, WRITE = Mode

logger = logging.getLogger("snakestore.execution")


class AutocommitRunner(Runner, fork.Participant):
    """Each operation is a transaction of its own."""

    commits: ClassVar[bool] = True

    def __init__(
        self,
        connections: ConnectionSource,
        settings: RunnerSettings,
        *,
        busy_timeout: float,
    ) -> None:
        """Run operations on ``connections``.

        Args:
            connections: where connections come from.
            settings: what the repository gives to its runner.
            busy_timeout: seconds to go on trying while the database is busy or unreachable.
        """
        super().__init__(settings)
        self._connections = connections
        self.busy_timeout = busy_timeout
        self.connection_limit = connections.limit
        self.sole = connections.limit == 1
        """Whether there is one connection for all, so that reads too wait for a block."""
        self._recorder = AccessRecorder(settings.backend, settings.record)
        self._reached = False
        self._retry: RetryPolicy | None = None
        self._in_place = True
        self._acquire: Callable[[], ConnectionAdapter] = connections.acquire
        self.blocks = connections.blocks
        """The open write blocks of the database (where there is one connection: all blocks)."""
        self.entered: dict[BlockOwner, object] = {}
        """What ends each open block if it is collected."""
        fork.register(self)

    def lookup(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that reads with one statement."""
        return self._run(LOOKUP, operation, args, kwargs)

    def read(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation on one snapshot."""
        return self._run(READ, operation, args, kwargs)

    def write(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes."""
        return self._run(WRITE, operation, args, kwargs)

    def write_calling(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes, with the caller marked as the holder meanwhile."""
        mark = object()

        def marked(tx: TransactionContext, *args: P.args, **kwargs: P.kwargs) -> R:
            """Run the operation while its connection and its caller are noted."""
            connection = tx.connection
            try:
                self.note_block(mark, current_caller())
                connection.holder = threading.get_ident()
                return operation(tx, *args, **kwargs)
            finally:
                connection.holder = None
                self.blocks.pop(mark, None)

        try:
            return self._run(WRITE, marked, args, kwargs)
        finally:
            if mark in self.blocks:  # an exception came before it was removed
                del self.blocks[mark]

    def deferring(self, retry: RetryPolicy | None = None) -> Self:
        """A runner on the same connections that does not pause: it raises ``RetryLater`` instead.

        For asyncio, which pauses on the event loop and goes on with the policy of that exception.
        """
        runner = copy(self)
        runner._retry = retry  # noqa: SLF001 - of the same class
        runner._in_place = False  # noqa: SLF001 - of the same class
        return runner

    def at_once(self, max_bytes: int) -> Self | None:
        """A runner on the same connections for small reads that wait for nobody and write nothing.

        None if the connections do not allow such reads. Where one of its reads would wait or write,
        it raises ``NotAtOnceError``, ``RetryLater`` or a ``StoreError``; the latter too where there
        are more than ``max_bytes`` to read.
        """
        acquire = self._connections.at_once(max_bytes)
        if acquire is None:
            return None
        runner = self.deferring()
        runner._acquire = acquire  # noqa: SLF001 - of the same class
        runner._recorder = self._recorder.elsewhere()  # noqa: SLF001 - of the same class
        return runner

    @property
    def turns(self) -> object:
        """What the callers of the same connections have in common."""
        return self._connections.turns

    def close(self) -> None:
        """Give out no more connections."""
        self._connections.close()

    def after_fork_in_child(self) -> None:
        """Forget the blocks of the parent."""
        if not self._connections.copied_by_fork:
            self.blocks.clear()
            self.entered.clear()

    def _run(  # noqa: C901 - the path of every method, in one piece for speed
        self,
        mode: Mode,
        operation: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        keep_open: bool = False,
    ) -> R:
        """Run ``operation`` in a transaction, again where that may help; then record an access.

        ``keep_open`` leaves the transaction open, and its connection acquired, on success.
        """
        retry = self._retry
        while True:
            connection: ConnectionAdapter | None = None
            try:
                try:
                    if self.blocks:
                        self.refuse_deadlock(write=mode is WRITE)
                    connection = self._acquire()
                    if mode is not LOOKUP:
                        connection.begin(write=mode is WRITE)
                    # the clock is read with the write lock held, so that times are in order of
                    # writes
                    tx = (
                        TransactionContext(connection, None)
                        if keep_open
                        else self._context(connection, mode)
                    )
                    result = operation(tx, *args, **kwargs)
                    if keep_open:
                        self._reached = True
                        return result
                    if mode is WRITE:
                        commit_write(connection)
                    elif mode is READ or isinstance(connection, SqlAlchemyConnection):
                        connection.commit()
                    if tx.access_due is not None:
                        self.record_access(connection, tx)
                except BaseException as error:
                    retry = self._retry_or_translate(error, connection, retry)
                    if retry is None:
                        raise
                else:
                    self._reached = True
                    self._connections.release(connection)
                    return result
            except BaseException:  # which may have come at any step above
                self.ensure_ended(connection, threading.get_ident())
                raise

    def _retry_or_translate(
        self,
        error: BaseException,
        connection: ConnectionAdapter | None,
        retry: RetryPolicy | None,
    ) -> RetryPolicy | None:
        """Roll back, then wait if another try may help.

        Returns the policy for the next try, or None if ``error`` is to be raised unchanged.

        Raises:
            SnakeStoreError: the error was the driver's, and another try does not help.
            RetryLater: another try may help, and this runner does not pause.
        """
        original = masked_by(error)
        if connection is not None:
            self.end(connection, threading.get_ident(), original or error)
        if original is not None:
            raise original
        in_vain = bool(self.blocks) and self.blocks.in_vain(self._connections)
        retry = retry or RetryPolicy(
            self.backend,
            min(self.busy_timeout, SECONDS_IN_VAIN) if in_vain else self.busy_timeout,
            reached=self._reached,
            in_place=self._in_place,
        )
        if retry.should_retry(error, connection):
            return retry
        if retry.is_driver_error(error, connection):
            if in_vain and is_busy(error):
                raise blocked_by_own() from error
            raise translate(error) from error
        return None

    def _context(self, connection: ConnectionAdapter, mode: Mode) -> TransactionContext:
        del mode  # subclasses tell by it
        return TransactionContext(connection, self._now(), self.max_value_bytes)

    def note_block(self, block: object, opener: object) -> None:
        """Note that a block is open that writes wait for."""
        self.blocks[block] = opener, self._connections

    def in_block(self) -> bool:
        """Whether the caller itself has an open write block of this runner."""
        return bool(self.blocks) and self._connections in self.blocks.used_by_caller()

    def refuse_deadlock(self, *, write: bool) -> None:
        """Refuse to wait for a block that the caller itself has open on the same connections.

        Raises:
            StoreBusyError: the caller would.
        """
        if write or self.sole:
            self.blocks.refuse_deadlock(self._connections)

    def end(
        self, connection: ConnectionAdapter, owner: object, error: BaseException | None = None
    ) -> None:
        """Roll back and release a connection, unless ``owner`` no longer uses it.

        Raises:
            BaseException: an exception came from outside. ``ensure_ended`` is to be called.
        """
        if self._connections.holds(connection, owner):
            if error is not None:
                check_stack()
            roll_back(connection, error)
            self._connections.release(connection)

    def ensure_ended(self, connection: ConnectionAdapter | None, owner: object) -> None:
        """Call ``end``; in another thread where this one has no stack left or is interrupted.

        Without a connection, put back what this thread got but has not stored.
        """
        try:
            check_stack()
            if connection is None:
                self._connections.take_back(threading.get_ident())
            else:
                self.end(connection, owner)
        except BaseException:
            # here and not in a method of its own: there may be no stack left for one
            ending = object()
            arguments = connection, (ending, owner), threading.get_ident()
            try:
                try:
                    # this thread may go on before the other one has ended, if more exceptions come
                    if connection is not None and self._connections.holds(connection, owner):
                        self._connections.hand_over(connection, ending)
                finally:
                    run_elsewhere(self._end_finally, *arguments)
            except BaseException:
                run_elsewhere(self._end_finally, *arguments)  # one may have come before it could
                raise
            raise

    def _end_finally(
        self, connection: ConnectionAdapter | None, owners: tuple[object, ...], thread: int
    ) -> None:
        if connection is None:
            self._connections.take_back(thread)
        elif any(self._connections.holds(connection, owner) for owner in owners):
            if self.backend.in_process is None:
                # a request to cancel may be under way, and would meet the next statement
                connection.broken = True
            try:
                roll_back(connection)
            except Exception as error:  # noqa: BLE001 - it is closed then, which rolls back
                logger.warning("rolling back failed: %s", type(error).__name__)
                connection.broken = True
            self._connections.release(connection)

    def record_access(self, connection: ConnectionAdapter, tx: TransactionContext) -> None:
        """Record a read as an access, if it is due and the caller has no open block."""
        if tx.access_due is not None and not self.in_block():
            self._recorder.record(connection, tx)

    def transaction(self, *, read_only: bool) -> TransactionBlock:
        """One transaction on a connection of its own."""
        return TransactionBlock(self, read_only=read_only)

    def begin(self, operation: Callable[[TransactionContext], None], *, read_only: bool) -> None:
        """Begin a transaction and run ``operation``, which takes over the connection."""
        self._run(READ if read_only else WRITE, operation, (), {}, keep_open=True)

    def joining(self, connection: ConnectionAdapter, *, read_only: bool) -> TransactionBlockRunner:
        """A runner for the operations of a block on ``connection``."""
        return TransactionBlockRunner(connection, self.settings, read_only=read_only)

    def hand_over(self, connection: ConnectionAdapter, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""
        self._connections.hand_over(connection, owner)


holds_connection(AutocommitRunner._run.__code__)  # noqa: SLF001 - of this module
