"""A connection to a server that sends statements together, to save round trips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Dialect

from snakestore.storage.dialects import Backend
from snakestore.storage.execution.driver_connection import DriverConnection

MAX_WAITING_BYTES = 1_000_000
"""About how many bytes of parameters may wait to be sent."""


class Pipeline:
    """Keeps statements that need no answer, and sends them with the next one that needs one.

    It does not refer to its connection, which is closed as soon as nothing refers to it.
    """

    def __init__(self, driver_connection: Any, cursor: Any, backend: Backend) -> None:
        """Send statements over ``driver_connection``; ``cursor`` runs those that need an answer."""
        self.driver_connection = driver_connection
        self._cursor = cursor
        # for statements whose rows and counts nobody reads
        self._silent = driver_connection.cursor()
        self._backend = backend
        self._bytes = 0
        self.waiting: list[tuple[str, Callable[[], object]]] = []
        """Each statement, and what sends it."""

    def mark(self, sql: str) -> None:
        """Keep a statement that begins or divides a transaction."""
        call = partial(self._silent.execute, sql, **self._backend.control_options)
        self.waiting.append((sql, call))

    def send(self, sql: str, parameters: Any = ()) -> None:
        """Keep a statement."""
        self.waiting.append((sql, partial(self._silent.execute, sql, parameters)))
        self._limit_waiting([parameters])

    def send_many(self, sql: str, parameters: Sequence[Any]) -> None:
        """Keep a statement, to be run for each set of parameters."""
        self.waiting.append((sql, partial(self._silent.executemany, sql, parameters)))
        self._limit_waiting(parameters)

    def _limit_waiting(self, sets: Sequence[Any]) -> None:
        for each in sets:
            cells = each.values() if isinstance(each, dict) else each
            self._bytes += sum(map(_length, cells))
        if self._bytes > MAX_WAITING_BYTES:
            self.flush()

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Send a statement with those that wait. Returns the cursor with its rows."""
        if not self.waiting:
            return self._cursor.execute(sql, parameters)
        self.flush(partial(self._cursor.execute, sql, parameters))
        return self._cursor

    def control(self, sql: str) -> Any:
        """Send a statement that ends or divides a transaction with those that wait."""
        call = partial(self._cursor.execute, sql, **self._backend.control_options)
        if not self.waiting:
            return call()
        self.flush(call)
        return self._cursor

    def flush(self, *last: Callable[[], object]) -> None:
        """Send the statements that wait, then ``last``."""
        together = [*(call for _, call in self.waiting), *last]
        self.forget()
        self._backend.run_together(self.driver_connection, together)

    def forget(self) -> None:
        """Send nothing of what waits."""
        self.waiting = []
        self._bytes = 0

    def may_be_lost(self) -> bool:
        """Whether the server may have closed the connection."""
        return self._backend.may_be_lost(self.driver_connection)


def _length(cell: object) -> int:
    if isinstance(cell, list):
        return sum(map(_length, cell))
    return len(cell) if isinstance(cell, str | bytes) else 0


class PipelinedConnection(DriverConnection):
    """A driver connection that sends statements together.

    BEGIN and the first query take one round trip, and so do the changes of a method and COMMIT. The
    server runs the statements in order, each with a snapshot of its own, and none after one that
    failed.
    """

    def __init__(
        self,
        driver_connection: Any,
        dialect: Dialect,
        backend: Backend,
        *,
        settings: Sequence[str] = (),
    ) -> None:
        """Configure a driver connection; ``settings`` are statements that follow each BEGIN."""
        super().__init__(driver_connection, dialect, backend, watch=None, settings=settings)
        self._settings = settings
        self._commit_sent = False
        pipeline = self._pipeline = Pipeline(driver_connection, self._cursor, backend)
        self.execute, self.control = pipeline.execute, pipeline.control
        self.mark, self.send = pipeline.mark, pipeline.send
        self.execute_many = self.send_many = pipeline.send_many

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, or about to be."""
        return bool(self._pipeline.waiting) or super().in_transaction

    @property
    def refused_before_commit(self) -> bool:
        """Whether what failed came before COMMIT, which therefore did not run."""
        return not self._commit_sent or super().in_transaction

    def begin(self, *, write: bool) -> None:
        """Send BEGIN with the next statement."""
        self._pipeline.forget()
        self.mark(self.backend.begin_write if write else self.backend.begin_snapshot)
        for setting in self._settings:
            self.mark(setting)

    def begin_now(self) -> None:
        """Send BEGIN at once, if the connection may have been lost since it was last used."""
        if self._pipeline.may_be_lost():
            self._pipeline.flush()

    def commit(self) -> None:
        """Send COMMIT along with what waits.

        Where the connection may have been lost, COMMIT follows alone, so that its outcome is known.
        """
        self._commit_sent = False
        if self._pipeline.waiting and self._pipeline.may_be_lost():
            self._pipeline.flush()
        self._commit_sent = True
        super().commit()

    def undo(self, savepoint: str) -> None:
        """Go back to a savepoint, and release it. Sends nothing if SAVEPOINT was not sent yet."""
        waiting = self._pipeline.waiting
        statements = [sql for sql, _ in waiting]
        if f"SAVEPOINT {savepoint}" in statements:
            del waiting[statements.index(f"SAVEPOINT {savepoint}") :]
            return
        self._pipeline.forget()
        self.mark(f"ROLLBACK TO SAVEPOINT {savepoint}")
        self.control(f"RELEASE SAVEPOINT {savepoint}")

    def rollback(self) -> None:
        """Send ROLLBACK if a transaction was begun, and nothing of what waits."""
        self._pipeline.forget()
        if self.backend.is_stuck(self._driver_connection):
            self.broken = True
        elif super().in_transaction:
            self.control("ROLLBACK")
