"""The one place that opens, commits, rolls back and retries.

A verb is a function of a ``Work`` and its arguments. Bound to an engine, each verb is one transaction, run again when the
database says busy or serialization failed. Bound to a transaction, ours or the caller's, it joins it by a savepoint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import datetime
from enum import Enum
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from snakestore.clock import Clock, as_utc
from snakestore.errors import StoreBusyError, StoreError, StoreReadOnlyError
from snakestore.storage.channels import SAVEPOINT, Channel, ConnectionChannel, Work
from snakestore.storage.dialects import Backend
from snakestore.storage.seam import is_busy, is_duplicate, is_foreign, translate, translated
from snakestore.storage.waiting import Patience

P = ParamSpec("P")
R = TypeVar("R")
Recorder = Callable[[Work, str], tuple[datetime, datetime | None] | None]

_holding: ContextVar[frozenset[int]] = ContextVar("snakestore_holding", default=frozenset())
"""The runners whose writing transaction the present thread or task holds."""


class Mode(Enum):
    """What a verb needs around it."""

    LOOKUP = "reads with one statement, which sees one state by itself"
    READ = "reads with several statements, which must see one state"
    WRITE = "changes something"


class Channels(Protocol):
    """Where a runner has its channels from."""

    def acquire(self) -> Channel:
        """A channel for one verb or transaction."""

    def release(self, channel: Channel, *, broken: bool = False) -> None:
        """Give it back."""

    def close(self) -> None:
        """Lend no more."""


class Runner(ABC):
    """How a repository runs its verbs."""

    def __init__(self, backend: Backend, clock: Clock | None, record: Recorder) -> None:
        self.backend = backend
        self._clock = clock
        self._record = record

    def _moment(self) -> datetime | None:
        """The clock's time; None where the server's is asked for by the statements themselves."""
        return None if self._clock is None else as_utc(self._clock(), "the clock's time")

    @abstractmethod
    def lookup(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that reads with one statement, which needs no transaction around it."""

    @abstractmethod
    def read(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb whose statements must all see one state."""

    @abstractmethod
    def write(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that changes something, whole or not at all."""

    @abstractmethod
    def transaction(self, *, read_only: bool) -> AbstractContextManager[Runner]:
        """A runner whose verbs make one transaction, kept at the end of the block, undone by an exception."""

    @abstractmethod
    def close(self) -> None:
        """Run no more verbs."""


class EngineRunner(Runner):
    """Each verb is a transaction of its own."""

    def __init__(self, channels: Channels, backend: Backend, clock: Clock | None, record: Recorder, *, busy_timeout: float, sole: bool) -> None:
        super().__init__(backend, clock, record)
        self._channels = channels
        self._busy_timeout = busy_timeout
        self._sole = sole
        self._read_only = False

    def lookup(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that reads with one statement."""
        return self._run(Mode.LOOKUP, verb, args, kwargs)

    def read(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb on one snapshot."""
        return self._run(Mode.READ, verb, args, kwargs)

    def write(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that changes something."""
        return self._run(Mode.WRITE, verb, args, kwargs)

    def close(self) -> None:
        """Lend no more connections."""
        self._channels.close()

    def _run(self, mode: Mode, verb: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """Run ``verb``, again while the database is busy."""
        channel = self._acquire(write=mode is Mode.WRITE)
        broken = False
        patience: Patience | None = None
        try:
            while True:
                try:
                    return self._once(channel, mode, verb, args, kwargs)
                except BaseException as error:
                    broken = not _undone(channel)
                    if broken or not (is_busy(error) or is_duplicate(error)):
                        raise
                    patience = patience or Patience(self._busy_timeout)
                    if not patience.wait():
                        raise
        except Exception as error:
            if is_foreign(error):
                raise translate(error) from error
            raise
        finally:
            self._channels.release(channel, broken=broken)

    def _once(self, channel: Channel, mode: Mode, verb: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """Run ``verb`` in one transaction, then record the access that a read was."""
        work = Work(channel, self._moment())
        if mode is not Mode.LOOKUP:
            channel.begin(write=mode is Mode.WRITE)
        result = verb(work, *args, **kwargs)
        if mode is not Mode.LOOKUP or isinstance(channel, ConnectionChannel):
            channel.commit()
        if work.accessed is not None:
            self._record_access(channel, work)
        return result

    def _acquire(self, *, write: bool) -> Channel:
        if id(self) in _holding.get() and (write or self._sole):
            message = (
                "this thread holds a transaction() of the same repository and would wait for itself: "
                "use the repository that transaction() gave, or end it first"
            )
            raise StoreBusyError(message)
        with translated():
            return self._channels.acquire()

    def _record_access(self, channel: Channel, work: Work) -> None:
        """Record that a read was an access, unless somebody is writing or nobody can: reading never waits for that."""
        if self._read_only or id(self) in _holding.get() or work.accessed is None:
            return
        try:
            if isinstance(channel, ConnectionChannel):
                with self.backend.unwaiting(channel.connection):
                    channel.begin(write=True)
            else:
                channel.begin(write=True)
            work.recorded = self._record(Work(channel, work.now), work.accessed)
            channel.commit()
        except Exception as error:
            _undone(channel)
            if not is_foreign(error):
                raise
            ours = translate(error)
            self._read_only = isinstance(ours, StoreReadOnlyError)
            if not isinstance(ours, StoreBusyError | StoreReadOnlyError):
                raise ours from error

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[Runner]:
        """One transaction on a connection of its own."""
        channel = self._acquire(write=not read_only)
        inner = TransactionRunner(channel, self.backend, self._clock, self._record, read_only=read_only)
        held = _holding.get()
        finished = False
        try:
            with translated():
                self._begin(channel, write=not read_only)
            if not read_only or self._sole:
                _holding.set(held | {id(self)})
            yield inner
            inner.check_alive()
            with translated():
                channel.commit()
            finished = True
        finally:
            inner.end()
            _holding.set(held)
            sound = finished or _undone(channel)
            if finished and read_only:
                for work in inner.reads:
                    self._record_access(channel, work)
            self._channels.release(channel, broken=not sound)

    def _begin(self, channel: Channel, *, write: bool) -> None:
        patience = Patience(self._busy_timeout)
        while True:
            try:
                channel.begin(write=write)
            except Exception as error:
                _undone(channel)
                if not is_busy(error) or not patience.wait():
                    raise
            else:
                return


class JoinedRunner(Runner):
    """Each verb joins a transaction that somebody else ends."""

    @abstractmethod
    def _join(self, *, write: bool) -> tuple[Channel, bool]:
        """The channel, and whether the transaction was begun just now."""

    def _after_read(self, channel: Channel, work: Work) -> None:
        """Record an access that is due, where that is ours to do."""

    def lookup(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that reads."""
        return self.read(verb, *args, **kwargs)

    def read(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that reads, in the state that the transaction sees."""
        with translated():
            channel, began = self._join(write=False)
            work = Work(channel, self._moment())
            try:
                result = verb(work, *args, **kwargs)
            except BaseException:
                if began:
                    channel.execute("ROLLBACK")
                raise
            if work.accessed is not None:
                self._after_read(channel, work)
            return result

    def write(self, verb: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that changes something; refused, it leaves the transaction as it was and usable."""
        with translated():
            channel, began = self._join(write=True)
            try:
                return self._savepoint(channel, lambda: verb(Work(channel, self._moment()), *args, **kwargs), began=began)
            except Exception as error:
                if not is_duplicate(error):
                    raise
            # a row of that key came in between (only a server lets it): now it is seen
            return self._savepoint(channel, lambda: verb(Work(channel, self._moment()), *args, **kwargs), began=False)

    def _savepoint(self, channel: Channel, action: Callable[[], R], *, began: bool) -> R:
        if not began:
            channel.execute(f"SAVEPOINT {SAVEPOINT}")
        try:
            result = action()
        except BaseException:
            self._back_out(channel, began=began)
            raise
        if not began:
            channel.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")
        return result

    def _back_out(self, channel: Channel, *, began: bool) -> None:
        """Undo one verb: to its savepoint, or all where the verb began the transaction."""
        if began:
            channel.execute("ROLLBACK")
        else:
            channel.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            channel.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[Runner]:
        """A savepoint of the transaction: the block is kept whole or not at all, and the transaction goes on."""
        with translated():
            channel, began = self._join(write=not read_only)
            if not began:
                channel.execute(f"SAVEPOINT {SAVEPOINT}")
        inner = TransactionRunner(channel, self.backend, self._clock, self._record, read_only=read_only, records=False)
        try:
            yield inner
            inner.check_alive()
        except BaseException:
            with translated():
                self._back_out(channel, began=began)
            raise
        finally:
            inner.end()
        if not began:
            with translated():
                channel.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")


class CallerRunner(JoinedRunner):
    """Verbs join the transaction of a Connection or orm.Session that the caller owns, and never end it."""

    def __init__(self, connect: Callable[[], Any], backend: Backend, clock: Clock | None, record: Recorder) -> None:
        super().__init__(backend, clock, record)
        self._connect = connect
        self._closed = False

    def _join(self, *, write: bool) -> tuple[Channel, bool]:
        if self._closed:
            message = "the repository is closed: make another on your connection"
            raise StoreError(message)
        channel = ConnectionChannel(self._connect(), self.backend)
        return channel, channel.join(write=write)

    def _back_out(self, channel: Channel, *, began: bool) -> None:
        if _open(channel):  # SQLite has rolled back by itself when the disk is full
            super()._back_out(channel, began=began)

    def close(self) -> None:
        """Run no more verbs; the connection stays the caller's."""
        self._closed = True


class TransactionRunner(JoinedRunner):
    """Verbs of one ``transaction()`` block."""

    def __init__(self, channel: Channel, backend: Backend, clock: Clock | None, record: Recorder, *, read_only: bool, records: bool = True) -> None:
        super().__init__(backend, clock, record)
        self._channel = channel
        self._read_only = read_only
        self._records = records
        self._over = False
        self._lost = False
        self.reads: list[Work] = []
        """Reads of a read-only transaction whose access is due, to be recorded after it."""

    def _join(self, *, write: bool) -> tuple[Channel, bool]:
        if self._over:
            message = "the transaction() block has ended: use the repository that it came from"
            raise StoreError(message)
        if write and self._read_only:
            message = "this transaction() is read_only: open one without read_only to write"
            raise StoreReadOnlyError(message)
        self.check_alive()
        return self._channel, False

    def check_alive(self) -> None:
        """Refuse to go on, or to commit, after the database itself has rolled back.

        Raises:
            StoreError: it has.
        """
        if self._lost:
            message = "the database rolled this transaction back when a verb of it failed: nothing of it was kept, run it again"
            raise StoreError(message)

    def close(self) -> None:
        """As ``end``: what comes of a block is not closed by itself, but may be used in a with statement."""
        self._over = True

    def _back_out(self, channel: Channel, *, began: bool) -> None:
        if _open(channel):
            super()._back_out(channel, began=began)
        else:
            self._lost = True

    def _after_read(self, channel: Channel, work: Work) -> None:
        if not self._records:
            return
        if self._read_only:
            self.reads.append(work)
        elif work.accessed is not None:
            work.recorded = self._record(Work(channel, work.now), work.accessed)

    def end(self) -> None:
        """No more verbs."""
        self._over = True


def _open(channel: Channel) -> bool:
    return channel.backend.driver_in_transaction(channel.driver_connection)


def _undone(channel: Channel) -> bool:
    """Roll back; False where not even that works and the connection must go."""
    try:
        channel.rollback()
    except Exception as error:
        if is_foreign(error):
            return False
        raise
    return True
