"""Runs each operation in a transaction of its own, on a connection of an engine.

This is the one place that begins, commits, rolls back and retries. An operation is run again where
the database reports busy or a serialization failure, and on a new connection where the connection
was lost before COMMIT was sent, because then nothing of it was kept.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from copy import copy
from enum import Enum
from functools import partial
from typing import Any, ClassVar, Concatenate, Protocol, Self

from snakestore.clock import Clock
from snakestore.errors import CorruptStoreError, StoreBusyError
from snakestore.storage import fork
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter, SqlAlchemyConnection
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import (
    is_driver_error,
    masked_by,
    translate,
    translate_errors,
)
from snakestore.storage.execution.joined import ENTERED_TWICE, TransactionBlockRunner
from snakestore.storage.execution.nesting import check_stack, holds_connection, run_elsewhere
from snakestore.storage.execution.ownership import current_caller
from snakestore.storage.execution.recording import RecordingPause
from snakestore.storage.execution.retry import RetryPolicy
from snakestore.storage.execution.runner import (
    Block,
    P,
    R,
    Recorder,
    Runner,
    commit_write,
    roll_back,
)
from snakestore.storage.queries.server_time import SERVER_NOW


class Mode(Enum):
    """What an operation needs around it."""

    LOOKUP = "one statement that reads; no transaction"
    READ = "several statements that read one snapshot"
    WRITE = "a write transaction"


# module constants: each call looks one up, and a member of an Enum costs as much as a call
LOOKUP, READ, WRITE = Mode

logger = logging.getLogger("snakestore.execution")


class ConnectionSource(Protocol):
    """Where a runner gets its connections from."""

    @property
    def limit(self) -> int:
        """How many connections are used at once."""

    @property
    def copied_by_fork(self) -> bool:
        """Whether a forked child has a copy of the database, and of an open transaction."""

    def acquire(self) -> ConnectionAdapter:
        """A connection for one operation or transaction."""

    def release(self, connection: Any) -> None:
        """Give a connection back, once; one that is broken is not used again."""

    def take_back(self, thread: int) -> None:
        """Put back what a thread got and no method of it uses."""

    def holds(self, connection: Any, owner: object) -> bool:
        """Whether ``owner`` uses the connection: a thread that acquired it, or a block."""

    def hand_over(self, connection: Any, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""

    @property
    def turns(self) -> object:
        """What the callers of the same connections have in common."""

    def close(self) -> None:
        """Give out no more connections, and close idle ones."""


class AutocommitRunner(Runner, fork.Participant):
    """Each operation is a transaction of its own."""

    commits: ClassVar[bool] = True

    def __init__(
        self,
        connections: ConnectionSource,
        backend: Backend,
        clock: Clock | None,
        record: Recorder | None,
        *,
        max_value_bytes: int | None,
        busy_timeout: float,
    ) -> None:
        """Run operations on ``connections``.

        Args:
            connections: where connections come from.
            backend: what differs by database.
            clock: the source of the time; None: the server.
            record: records an access.
            max_value_bytes: the size limit of what is stored; None: no limit.
            busy_timeout: seconds to go on trying while the database is busy or unreachable.
        """
        super().__init__(backend, clock, record, max_value_bytes=max_value_bytes)
        self._connections = connections
        self.busy_timeout = busy_timeout
        self.connection_limit = connections.limit
        self.sole = connections.limit == 1
        """Whether there is one connection for all, so that reads too wait for a block."""
        self._recording = RecordingPause()
        self._reached = False
        self._retry: RetryPolicy | None = None
        self._in_place = True
        self.blocks: dict[object, object] = {}
        """The open write blocks (where there is one connection: all blocks), and who opened each.

        By block, not by opener: a block may be left in another thread than it was entered in.
        """
        self._entered: dict[object, object] = {}
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
            try:
                self.blocks[mark] = current_caller()
                tx.connection.holder = threading.get_ident()
                return operation(tx, *args, **kwargs)
            finally:
                tx.connection.holder = None
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
            self._entered.clear()

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
                    connection = self._connections.acquire()
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
                        self._record_access(connection, tx)
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
        retry = retry or RetryPolicy(
            self.backend, self.busy_timeout, reached=self._reached, in_place=self._in_place
        )
        if retry.should_retry(error, connection):
            return retry
        if retry.is_driver_error(error, connection):
            raise translate(error) from error
        return None

    def _context(self, connection: ConnectionAdapter, mode: Mode) -> TransactionContext:
        del mode  # subclasses tell by it
        return TransactionContext(connection, self._now(), self.max_value_bytes)

    def in_block(self) -> bool:
        """Whether the caller itself has an open write block of this runner."""
        return bool(self.blocks) and current_caller() in list(self.blocks.values())

    def refuse_deadlock(self, *, write: bool) -> None:
        """Refuse to wait for a block that the caller itself has open.

        Raises:
            StoreBusyError: the caller would.
        """
        if (write or self.sole) and self.in_block():
            message = (
                "would deadlock: this thread already has an open transaction() on this repository."
                " Use the repository that transaction() returned, or end the block first."
            )
            raise StoreBusyError(message)

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
            run_elsewhere(self._end_finally, connection, owner, threading.get_ident())
            raise

    def _end_finally(
        self, connection: ConnectionAdapter | None, owner: object, thread: int
    ) -> None:
        if connection is None:
            self._connections.take_back(thread)
        elif self._connections.holds(connection, owner):
            try:
                roll_back(connection)
            except Exception as error:  # noqa: BLE001 - it is closed then, which rolls back
                logger.warning("rolling back failed: %s", type(error).__name__)
                connection.broken = True
            self._connections.release(connection)

    def _record_access(self, connection: ConnectionAdapter, tx: TransactionContext) -> None:
        """Record a read as an access, unless that would wait for a lock or cannot be done.

        The read has succeeded, so it is no error if its access cannot be recorded.
        """
        record = self._record
        if tx.access_due is None or record is None:
            return
        if self._recording.paused() or self.in_block():
            return
        try:
            if isinstance(connection, SqlAlchemyConnection):
                with self.backend.without_lock_wait(connection.connection):
                    connection.begin(write=True)
            else:
                connection.begin(write=True)
            recorded = record(TransactionContext(connection, tx.now), tx.access_due)
            connection.commit()
            tx.recorded_access = recorded
        except Exception as error:
            original = masked_by(error)
            roll_back(connection, original or error)
            if original is not None:
                raise original  # noqa: B904 - it came first
            if not is_driver_error(error):
                raise
            problem = translate(error)
            if isinstance(problem, CorruptStoreError):
                raise problem from error
            self._recording.failed(problem)
        else:
            self._recording.succeeded()

    def transaction(self, *, read_only: bool) -> TransactionBlock:
        """One transaction on a connection of its own."""
        return TransactionBlock(self, read_only=read_only)

    def begin_block(self, block: TransactionBlock, *, read_only: bool) -> None:
        """Begin a transaction, and have ``block`` use its connection."""
        mode = READ if read_only else WRITE
        self._run(mode, self._begin_block, (block,), {}, keep_open=True)

    def _begin_block(self, tx: TransactionContext, block: TransactionBlock) -> None:
        """The operation that begins a block. Its connection is alive."""
        connection = tx.connection
        if self.backend.remote and isinstance(connection, SqlAlchemyConnection):
            # SQLAlchemy begins without a round trip, so the server may be gone
            tx.fetch_one(SERVER_NOW)
        inner = TransactionBlockRunner(
            connection,
            self.backend,
            self._clock,
            self._record,
            read_only=block.read_only,
            max_value_bytes=self.max_value_bytes,
        )
        block.connection, block.inner = connection, inner
        connection.holder = threading.get_ident()
        if not block.read_only or self.sole:
            self.blocks[block.token] = current_caller()
        self._entered[block.token] = weakref.ref(
            block, partial(self._end_lost_block, connection, inner, block.token)
        )
        self._connections.hand_over(connection, block.token)

    def _end_lost_block(
        self,
        connection: ConnectionAdapter,
        inner: TransactionBlockRunner,
        token: object,
        _reference: object,
    ) -> None:
        """End a block that was collected: it was entered, and can no longer be left."""
        inner.end()
        try:
            self.ensure_ended(connection, token)
        finally:
            self.blocks.pop(token, None)
            self._entered.pop(token, None)

    def commit_block(self, block: TransactionBlock) -> None:
        """Commit what was done in a block, and record the accesses of its reads."""
        connection, inner = block.connection, block.inner
        assert connection is not None  # noqa: S101 - it was begun
        assert inner is not None  # noqa: S101 - it was begun
        inner.check_alive()
        with translate_errors():
            if block.read_only:
                connection.commit()
            else:
                commit_write(connection)
        inner.end()
        self.blocks.pop(block.token, None)
        for tx in inner.reads.values():
            self._record_access(connection, tx)

    def end_block(self, block: TransactionBlock, error: BaseException | None) -> None:
        """Roll back what was not committed, and release the connection of a block."""
        try:
            if block.inner is not None:
                block.inner.end()
            if block.connection is not None:
                self.end(block.connection, block.token, error)
        except BaseException:
            if block.connection is not None:
                self.ensure_ended(block.connection, block.token)
            raise
        finally:
            self.blocks.pop(block.token, None)
            self._entered.pop(block.token, None)


class TransactionBlock(Block):
    """A ``transaction()`` block. Not a generator, which an exception might leave in the middle."""

    def __init__(self, runner: AutocommitRunner, *, read_only: bool) -> None:
        """Run the operations of the block on a connection of ``runner``."""
        self._runner = runner
        self.read_only = read_only
        self.token = object()
        """Stands for the block, which is not referenced, so that it is collected at once."""
        self.connection: ConnectionAdapter | None = None
        self.inner: TransactionBlockRunner | None = None

    def begin(self) -> Runner:
        """Begin the transaction."""
        if self.inner is not None:
            raise RuntimeError(ENTERED_TWICE)
        self._runner.begin_block(self, read_only=self.read_only)
        assert self.inner is not None  # noqa: S101 - it was begun
        return self.inner

    def commit(self) -> None:
        """Commit, and record the accesses of reads."""
        self._runner.commit_block(self)

    def end(self, error: BaseException | None) -> None:
        """Roll back what was not committed, and release the connection."""
        self._runner.end_block(self, error)


holds_connection(AutocommitRunner._run.__code__)  # noqa: SLF001 - of this module
