"""Small write transactions that let other writers in, and returning free space to the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from snakestore.errors import StoreError
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.retry import MAX_HOLD_SECONDS, pause
from snakestore.storage.execution.runner import Runner

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger("snakestore.space")

LARGE_PAGES = 256
"""A deletion that frees at least this returns free space to the disk: 1 MiB of SQLite's pages."""
LARGE_LOG_BYTES = 8 * 2**20
"""A write-ahead log of more is emptied with the free space: twice what SQLite lets it grow to."""
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


def incremental_vacuum(
    runner: Runner, yielding: WriterYield, progress: Callable[[], None] | None = None
) -> None:
    """Return free pages to the disk in small transactions, then checkpoint the log.

    Does nothing unless each method is a transaction of its own. Calls ``progress`` after each
    transaction.
    """
    if not yielding.shared:
        return
    more = True
    while more:
        with yielding.slice():
            more = runner.lookup(_incremental_vacuum)  # a transaction of its own
        if progress is not None:
            progress()
    runner.lookup(_checkpoint)


def _incremental_vacuum(tx: TransactionContext) -> bool:
    return tx.backend.incremental_vacuum(tx.driver_connection)


def _checkpoint(tx: TransactionContext) -> None:
    backend = tx.backend
    backend.checkpoint(tx.driver_connection)
    # SQLite truncates a large log only when a later write starts it anew
    if log_bytes(tx) > LARGE_LOG_BYTES:
        backend.truncate_log(tx.driver_connection)


def log_bytes(tx: TransactionContext) -> int:
    """Bytes of the write-ahead log of the transaction's database."""
    backend, watch = tx.backend, tx.connection.watch
    if watch is not None:
        return watch.log_bytes  # the connection knows its file: no query, no symlinks to resolve
    path = None if backend.file is None else tx.fetch_scalar(backend.file)
    return backend.log_bytes(path) if path else 0


def delete_from(
    runner: Runner,
    operation: Callable[Concatenate[TransactionContext, str, P], R],
    sid: str,
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Run an operation that deletes in a session. If that frees much, return it to the disk.

    An error while it is returned is logged, not raised: the deletion is committed.
    """
    result, freed = runner.write(_measured, sid, operation, args, kwargs)
    if freed >= LARGE_PAGES:
        try:
            incremental_vacuum(runner, WriterYield(runner))
        except StoreError as error:
            logger.warning("free space was not returned to the disk: %s", error)
    return result


def _measured(
    tx: TransactionContext,
    sid: str,
    operation: Callable[..., R],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[R, int]:
    """What the operation returns, and how many pages it freed."""
    before = tx.backend.free_pages(tx.driver_connection)
    result = operation(tx, sid, *args, **kwargs)
    return result, tx.backend.free_pages(tx.driver_connection) - before
