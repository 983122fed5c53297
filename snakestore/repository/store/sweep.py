"""Sequences of small write transactions that let other writers in, and the vacuum that follows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.retry import pause
from snakestore.storage.execution.runner import Runner

MAX_HOLD_SECONDS = 0.02
"""How long transactions follow each other without a pause."""
YIELD_SECONDS = 0.0025
"""How long a pause is: longer than a waiting writer sleeps between two attempts."""


class WriterYield:
    """Pauses between write transactions, so that other writers can take SQLite's write lock."""

    def __init__(self, runner: Runner) -> None:
        self.shared = runner.commits and runner.backend.file is not None
        """Whether other writers can run between two transactions. False inside a caller's
        transaction, and for databases that lock rows.
        """
        self._held = 0.0

    @contextmanager
    def slice(self) -> Iterator[None]:
        """Run one transaction in the block, after a pause if the ones before took long."""
        if self.shared and self._held >= MAX_HOLD_SECONDS:
            pause(YIELD_SECONDS)
            self._held = 0.0
        began = time.monotonic()
        yield
        self._held += time.monotonic() - began


def incremental_vacuum(runner: Runner, yielding: WriterYield) -> None:
    """Return free pages to the disk in small transactions, then checkpoint the log.

    Does nothing unless each method is a transaction of its own.
    """
    if not yielding.shared:
        return
    more = True
    while more:
        with yielding.slice():
            more = runner.lookup(_incremental_vacuum)  # a transaction of its own
    runner.lookup(_checkpoint)


def _incremental_vacuum(tx: TransactionContext) -> bool:
    return tx.backend.incremental_vacuum(tx.driver_connection)


def _checkpoint(tx: TransactionContext) -> None:
    tx.backend.checkpoint(tx.driver_connection)
