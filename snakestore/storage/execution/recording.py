"""Records reads as accesses, and pauses where that is refused."""

from __future__ import annotations

import logging
from time import monotonic

from snakestore.errors import (
    CorruptStoreError,
    SnakeStoreError,
    StoreBusyError,
    StoreFullError,
)
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.connection_source import NotAtOnceError
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import is_driver_error, masked_by, translate
from snakestore.storage.execution.runner import Recorder, roll_back
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection

FIRST_PAUSE, MAX_PAUSE = 0.01, 0.25
"""Seconds; each pause is twice as long as the one before."""

logger = logging.getLogger("snakestore.execution")


class RecordingPause:
    """Pauses between tries to record an access, where recording is refused.

    The pauses keep reads fast where recording is never possible: on a read-only file, or with a
    role that may only read. They are short, so that a session in use does not expire once writing
    is possible again.
    """

    def __init__(self) -> None:
        self._until = 0.0
        self._seconds = 0.0

    def paused(self) -> bool:
        """Whether not to try now."""
        return self._seconds > 0 and monotonic() < self._until

    def failed(self, problem: SnakeStoreError) -> None:
        """Pause, unless the next read may succeed: a lock or a full disk costs it little."""
        logger.debug("an access was not recorded: %s", type(problem).__name__)
        if not isinstance(problem, StoreBusyError | StoreFullError):
            self._seconds = min(max(FIRST_PAUSE, 2 * self._seconds), MAX_PAUSE)
            self._until = monotonic() + self._seconds

    def succeeded(self) -> None:
        """Pause no more."""
        self._seconds = 0.0


class AccessRecorder:
    """Records that sessions were read, where that neither waits nor fails the read."""

    def __init__(self, backend: Backend, record: Recorder | None) -> None:
        """Record by ``record``; None: reads are no accesses."""
        self._backend = backend
        self._record = record
        self._pause = RecordingPause()

    def is_possible(self) -> bool:
        """Whether an access that is due may be recorded now."""
        return self._record is not None and not self._pause.paused()

    def elsewhere(self) -> AccessRecorder:
        """A recorder that refuses, with ``NotAtOnceError``, what this one would record."""
        return _ElsewhereRecorder(self)

    def record(self, connection: ConnectionAdapter, tx: TransactionContext) -> None:
        """Record the read of ``tx`` as an access, unless that would wait for a lock or is refused.

        The read has succeeded, so it is no error if its access cannot be recorded.

        Raises:
            CorruptStoreError: the session is damaged.
        """
        record = self._record
        if tx.access_due is None or record is None or not self.is_possible():
            return
        try:
            if isinstance(connection, SqlAlchemyConnection):
                with self._backend.without_lock_wait(connection.connection):
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
            self._pause.failed(problem)
        else:
            self._pause.succeeded()


class _ElsewhereRecorder(AccessRecorder):
    """Refuses to record, as a commit may take long."""

    def __init__(self, recorder: AccessRecorder) -> None:
        """Refuse what ``recorder`` would record."""
        self._recorder = recorder

    def is_possible(self) -> bool:
        """Whether an access that is due may be recorded now, by the other one."""
        return self._recorder.is_possible()

    def record(self, connection: ConnectionAdapter, tx: TransactionContext) -> None:
        """Do nothing, if nothing is to be recorded now.

        Raises:
            NotAtOnceError: the access is to be recorded.
        """
        del connection
        if tx.access_due is not None and self._recorder.is_possible():
            raise NotAtOnceError
