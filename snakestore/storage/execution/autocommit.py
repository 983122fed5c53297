"""The one place that opens, commits, rolls back and retries.

RepositoryBase to an engine, each verb is one transaction. It is run again where the database says busy or
serialization failed, and, on a fresh connection, where the connection was lost before COMMIT was
sent: then nothing of it was kept, that is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Any, Concatenate, Protocol

from snakestore.clock import Clock
from snakestore.errors import StoreBusyError, StoreReadOnlyError
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter, SqlAlchemyConnection
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import (
    is_busy,
    is_driver_error,
    is_duplicate,
    is_out_of_reach,
    translate,
    translate_errors,
)
from snakestore.storage.execution.joined import TransactionBlockRunner
from snakestore.storage.execution.retry import Backoff
from snakestore.storage.execution.runner import P, R, Recorder, Runner, commit_write, undone
from snakestore.storage.queries.server_time import SERVER_NOW

SHARE_TO_RECONNECT, LONGEST_PAUSE_TO_RECONNECT = 0.5, 0.25

_holding: ContextVar[frozenset[int]] = ContextVar("snakestore_holding", default=frozenset())
"""The runners whose writing transaction the present thread or task holds."""


def holds_any() -> bool:
    """Whether the present thread or task holds a writing transaction of any repository."""
    return bool(_holding.get())


class Mode(Enum):
    """What a verb needs around it."""

    LOOKUP = "reads with one statement, which sees one state by itself"
    READ = "reads with several statements, which must see one state"
    WRITE = "changes something"


LOOKUP, READ, WRITE = (
    # names of the module, for every verb asks: to look a member up in its Enum takes as long as a
    # call
    Mode
)


class ConnectionSource(Protocol):
    """Where a runner has its channels from."""

    def acquire(self) -> ConnectionAdapter:
        """A channel for one verb or transaction."""

    def release(self, channel: Any) -> None:
        """Give it back; one that is broken is lent to nobody else."""

    def close(self) -> None:
        """Lend no more."""


class AutocommitRunner(Runner):
    """Each verb is a transaction of its own."""

    def __init__(
        self,
        channels: ConnectionSource,
        backend: Backend,
        clock: Clock | None,
        record: Recorder,
        *,
        busy_timeout: float,
        sole: bool,
    ) -> None:
        super().__init__(backend, clock, record)
        self._channels = channels
        self._busy_timeout = busy_timeout
        self._sole = sole
        self._read_only = False
        self._reached = False

    def lookup(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that reads with one statement."""
        return self._run(LOOKUP, verb, args, kwargs)

    def read(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb on one snapshot."""
        return self._run(READ, verb, args, kwargs)

    def write(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that changes something."""
        return self._run(WRITE, verb, args, kwargs)

    def write_calling(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that changes something, this thread marked as the one that would wait for itself."""

        def marked(tx: TransactionContext, *args: P.args, **kwargs: P.kwargs) -> R:
            held = _holding.get()
            _holding.set(held | {id(self)})
            try:
                return verb(tx, *args, **kwargs)
            finally:
                _holding.set(held)

        return self._run(WRITE, marked, args, kwargs)

    def close(self) -> None:
        """Lend no more connections."""
        self._channels.close()

    def _run(
        self, mode: Mode, verb: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> R:
        """Run ``verb`` in one transaction, then record the access that a read was; again where that may help."""
        again: RetryPolicy | None = None
        while True:
            channel: ConnectionAdapter | None = None
            try:
                if _holding.get():
                    self._refuse_to_wait_for_itself(write=mode is WRITE)
                channel = self._channels.acquire()
                if mode is not LOOKUP:
                    channel.begin(write=mode is WRITE)
                # read once others are kept out, so that the order of writes is the order of their
                # times
                tx = self._context(channel, mode)
                result = verb(tx, *args, **kwargs)
                if mode is WRITE:
                    commit_write(channel)
                elif mode is READ or isinstance(channel, SqlAlchemyConnection):
                    channel.commit()
                if tx.accessed is not None:
                    self._record_access(channel, tx)
            except BaseException as error:
                again = self._again(error, channel, again)
                if again is None:
                    raise
            else:
                self._reached = True
                self._channels.release(channel)
                return result

    def _again(
        self, error: BaseException, channel: ConnectionAdapter | None, again: RetryPolicy | None
    ) -> RetryPolicy | None:
        """Undo what a verb left, and wait for one more try where that may help; else None, or a driver's error told as ours."""
        if channel is not None:
            self._rollback_and_release(channel)
        again = again or RetryPolicy(self.backend, self._busy_timeout, reached=self._reached)
        if again.should_retry(error, channel):
            return again
        if again.is_driver_error(error, channel):
            raise translate(error) from error
        return None

    def _context(self, channel: ConnectionAdapter, mode: Mode) -> TransactionContext:
        """What a verb gets to work with."""
        del mode
        return TransactionContext(channel, self._moment())

    def _refuse_to_wait_for_itself(self, *, write: bool) -> None:
        if id(self) in _holding.get() and (write or self._sole):
            message = (
                "this thread holds a transaction() of the same repository and would wait for"
                " itself: use the repository that transaction() gave, or end it first"
            )
            raise StoreBusyError(message)

    def _rollback_and_release(self, channel: ConnectionAdapter) -> None:
        """Roll back whatever is open, and let the next one have the connection if it is sound."""
        try:
            undone(channel)
        except BaseException:
            channel.broken = True
            raise
        finally:
            self._channels.release(channel)

    def _record_access(self, channel: ConnectionAdapter, tx: TransactionContext) -> None:
        """Record that a read was an access, unless somebody is writing or nobody can: reading never waits for that."""
        if self._read_only or id(self) in _holding.get() or tx.accessed is None:
            return
        try:
            if isinstance(channel, SqlAlchemyConnection):
                with self.backend.unwaiting(channel.connection):
                    channel.begin(write=True)
            else:
                channel.begin(write=True)
            recorded = self._record(TransactionContext(channel, tx.now), tx.accessed)
            channel.commit()
            tx.recorded = recorded
        except Exception as error:
            undone(channel)
            if not is_driver_error(error):
                raise
            ours = translate(error)
            self._read_only = isinstance(ours, StoreReadOnlyError)
            # what was read is known, so that a connection that went meanwhile is no failure of the
            # read either
            if not (isinstance(ours, StoreBusyError | StoreReadOnlyError) or channel.broken):
                raise ours from error

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[Runner]:
        """One transaction on a connection of its own."""
        channel = self._begun(write=not read_only)
        inner = TransactionBlockRunner(
            channel, self.backend, self._clock, self._record, read_only=read_only
        )
        held = _holding.get()
        finished = False
        try:
            if not read_only or self._sole:
                _holding.set(held | {id(self)})
            yield inner
            inner.check_alive()
            with translate_errors():
                if read_only:
                    channel.commit()
                else:
                    commit_write(channel)
            finished = True
        finally:
            inner.end()
            _holding.set(held)
            if finished and read_only:
                for tx in inner.reads:
                    self._record_access(channel, tx)
            self._rollback_and_release(channel)

    def _begun(self, *, write: bool) -> ConnectionAdapter:
        """A channel in a transaction of its own, whose connection is alive."""
        again: RetryPolicy | None = None
        while True:
            channel: ConnectionAdapter | None = None
            try:
                if _holding.get():
                    self._refuse_to_wait_for_itself(write=write)
                channel = self._channels.acquire()
                channel.begin(write=write)
                if self.backend.remote and isinstance(channel, SqlAlchemyConnection):
                    TransactionContext(channel, None).fetch_one(
                        SERVER_NOW
                    )  # SQLAlchemy begins without a word to the server, which may be gone
            except BaseException as error:
                if channel is not None:
                    self._rollback_and_release(channel)
                again = again or RetryPolicy(
                    self.backend, self._busy_timeout, reached=self._reached
                )
                if again.should_retry(error, channel):
                    continue
                if again.is_driver_error(error, channel):
                    raise translate(error) from error
                raise
            self._reached = True
            return channel


class RetryPolicy:
    """Whether, and after which pause, one more try may help."""

    def __init__(self, backend: Backend, limit: float, *, reached: bool) -> None:
        self._remote = backend.remote
        self._reached = reached
        self._busy = Backoff(limit)
        self._away = Backoff(limit, share=SHARE_TO_RECONNECT, longest=LONGEST_PAUSE_TO_RECONNECT)
        self._lost = False

    def should_retry(self, error: BaseException, channel: ConnectionAdapter | None) -> bool:
        """Wait, and try again? ``channel`` is what the error came from; None where it was not to be had."""
        if not self.is_driver_error(error, channel):
            return False
        if channel is None:
            # a server that was never reached is told at once: its address may be wrong
            return (
                self._remote
                and (self._reached or self._lost)
                and is_out_of_reach(error)
                and self._away.wait()
            )
        if self._remote and channel.broken:
            first, self._lost = not self._lost, True
            return first or self._away.wait()
        return (is_busy(error) or is_duplicate(error)) and self._busy.wait()

    def is_driver_error(self, error: BaseException, channel: ConnectionAdapter | None) -> bool:
        """Whether it is the database layer's; a connection that could not be made may raise what any socket does."""
        return is_driver_error(error) or (
            channel is None and self._remote and isinstance(error, OSError)
        )
