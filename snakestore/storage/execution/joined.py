"""Verbs that join a transaction which somebody else ends: the caller's own, or a ``transaction()`` block."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate

from snakestore.clock import Clock
from snakestore.errors import StoreError, StoreReadOnlyError
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import (
    SAVEPOINT,
    ConnectionAdapter,
    SqlAlchemyConnection,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import is_duplicate, translate_errors
from snakestore.storage.execution.runner import P, R, Recorder, Runner


class JoinedRunner(Runner):
    """Each verb joins a transaction that somebody else ends."""

    @abstractmethod
    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        """The channel, and whether the transaction was begun just now."""

    def _after_read(self, channel: ConnectionAdapter, tx: TransactionContext) -> None:
        """Record an access that is due, where that is ours to do."""

    def lookup(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that reads."""
        return self.read(verb, *args, **kwargs)

    def read(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that reads, in the state that the transaction sees."""
        with translate_errors():
            channel, began = self._join(write=False)
            tx = TransactionContext(channel, self._moment())
            try:
                result = verb(tx, *args, **kwargs)
            except BaseException:
                if began:
                    channel.execute("ROLLBACK")
                raise
            if tx.accessed is not None:
                self._after_read(channel, tx)
            return result

    def write(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that changes something; refused, it leaves the transaction as it was and usable."""
        with translate_errors():
            channel, began = self._join(write=True)
            try:
                return self._savepoint(
                    channel,
                    lambda: verb(TransactionContext(channel, self._moment()), *args, **kwargs),
                    began=began,
                )
            except Exception as error:
                if not is_duplicate(error):
                    raise
            # a row of that key came in between (only a server lets it): now it is seen
            return self._savepoint(
                channel,
                lambda: verb(TransactionContext(channel, self._moment()), *args, **kwargs),
                began=False,
            )

    def _savepoint(self, channel: ConnectionAdapter, action: Callable[[], R], *, began: bool) -> R:
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

    def _back_out(self, channel: ConnectionAdapter, *, began: bool) -> None:
        """Undo one verb: to its savepoint, or all where the verb began the transaction."""
        if began:
            channel.execute("ROLLBACK")
        else:
            channel.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            channel.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")

    @contextmanager
    def transaction(self, *, read_only: bool) -> Iterator[Runner]:
        """A savepoint of the transaction: the block is kept whole or not at all, and the transaction goes on."""
        with translate_errors():
            channel, began = self._join(write=not read_only)
            if not began:
                channel.execute(f"SAVEPOINT {SAVEPOINT}")
        inner = TransactionBlockRunner(
            channel, self.backend, self._clock, self._record, read_only=read_only, records=False
        )
        try:
            yield inner
            inner.check_alive()
        except BaseException:
            with translate_errors():
                self._back_out(channel, began=began)
            raise
        finally:
            inner.end()
        if not began:
            with translate_errors():
                channel.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")


class CallerTransactionRunner(JoinedRunner):
    """Verbs join the transaction of a Connection or orm.Session that the caller owns, and never end it."""

    def __init__(
        self, connect: Callable[[], Any], backend: Backend, clock: Clock | None, record: Recorder
    ) -> None:
        super().__init__(backend, clock, record)
        self._connect = connect
        self._closed = False

    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        if self._closed:
            message = "the repository is closed: make another on your connection"
            raise StoreError(message)
        channel = SqlAlchemyConnection(self._connect(), self.backend)
        return channel, channel.join(write=write)

    def _back_out(self, channel: ConnectionAdapter, *, began: bool) -> None:
        if channel.in_transaction:  # SQLite has rolled back by itself when the disk is full
            super()._back_out(channel, began=began)

    def close(self) -> None:
        """Run no more verbs; the connection stays the caller's."""
        self._closed = True


class TransactionBlockRunner(JoinedRunner):
    """Verbs of one ``transaction()`` block."""

    def __init__(
        self,
        channel: ConnectionAdapter,
        backend: Backend,
        clock: Clock | None,
        record: Recorder,
        *,
        read_only: bool,
        records: bool = True,
    ) -> None:
        super().__init__(backend, clock, record)
        self._channel = channel
        self._read_only = read_only
        self._records = records
        self._over = False
        self._lost = False
        self.reads: list[TransactionContext] = []
        """Reads of a read-only transaction whose access is due, to be recorded after it."""

    def _join(self, *, write: bool) -> tuple[ConnectionAdapter, bool]:
        if self._over:
            message = "the transaction() block has ended: use the repository that it came from"
            raise StoreError(message)
        if write and self._read_only:
            message = "this transaction() is read_only: open one without read_only to write"
            raise StoreReadOnlyError(message)
        self.check_alive()
        return self._channel, False

    def check_alive(self) -> None:
        """Refuse to go on, or to commit, after the database itself has rolled back, or in a forked child.

        Raises:
            StoreError: it has, or the transaction is the parent's.
        """
        if self._channel.inherited:
            message = (
                "this transaction() was opened by the parent of this forked process: only the"
                " parent goes on with it"
            )
            raise StoreError(message)
        if self._lost or self._channel.lost:
            message = (
                "the database ended this transaction, or its connection was lost: nothing of it was"
                " kept, run it again"
            )
            raise StoreError(message)

    def close(self) -> None:
        """As ``end``: what comes of a block is not closed by itself, but may be used in a with statement."""
        self._over = True

    def _back_out(self, channel: ConnectionAdapter, *, began: bool) -> None:
        if channel.in_transaction:
            super()._back_out(channel, began=began)
        else:
            self._lost = True

    def _after_read(self, channel: ConnectionAdapter, tx: TransactionContext) -> None:
        if not self._records:
            return
        if self._read_only:
            self.reads.append(tx)
        elif tx.accessed is not None:
            tx.recorded = self._record(TransactionContext(channel, tx.now), tx.accessed)

    def end(self) -> None:
        """No more verbs."""
        self._over = True
