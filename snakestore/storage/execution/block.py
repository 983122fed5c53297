"""The ``transaction()`` block of a repository on an engine: one connection, one transaction."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Protocol

from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.fair_queue import BlockOwner
from snakestore.storage.execution.joined import ENTERED_TWICE, TransactionBlockRunner
from snakestore.storage.execution.open_blocks import OpenBlocks
from snakestore.storage.execution.ownership import current_caller
from snakestore.storage.execution.pipelined import PipelinedConnection
from snakestore.storage.execution.runner import Block, Runner, commit_write
from snakestore.storage.execution.sqlalchemy_connection import SqlAlchemyConnection
from snakestore.storage.queries.server_time import SERVER_NOW


class BlockRunner(Protocol):
    """What a block needs of the runner that begins it: ``AutocommitRunner``."""

    backend: Backend
    sole: bool
    """Whether there is one connection for all, so that reads too wait for a block."""
    blocks: OpenBlocks
    entered: dict[BlockOwner, object]
    """What ends each open block if it is collected."""

    def begin(self, operation: Callable[[TransactionContext], None], *, read_only: bool) -> None:
        """Begin a transaction and run ``operation``, which takes over the connection."""

    def note_block(self, block: object, opener: object) -> None:
        """Note that a block is open that writes wait for."""

    def joining(self, connection: ConnectionAdapter, *, read_only: bool) -> TransactionBlockRunner:
        """A runner for the operations of the block on ``connection``."""

    def hand_over(self, connection: ConnectionAdapter, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""

    def record_access(self, connection: ConnectionAdapter, tx: TransactionContext) -> None:
        """Record a read as an access, if it is due."""

    def end(
        self, connection: ConnectionAdapter, owner: object, error: BaseException | None = None
    ) -> None:
        """Roll back and release the connection, unless ``owner`` no longer uses it."""

    def ensure_ended(self, connection: ConnectionAdapter | None, owner: object) -> None:
        """Call ``end`` after an exception from outside."""


class TransactionBlock(Block):
    """A ``transaction()`` block. Not a generator, which an exception might leave in the middle."""

    def __init__(self, runner: BlockRunner, *, read_only: bool) -> None:
        """Run the operations of the block on a connection of ``runner``."""
        self._runner = runner
        self._read_only = read_only
        self._token = BlockOwner()
        """Stands for the block, which is not referenced, so that it is collected at once."""
        self._connection: ConnectionAdapter | None = None
        self._inner: TransactionBlockRunner | None = None

    def begin(self) -> Runner:
        """Begin the transaction."""
        if self._inner is not None:
            raise RuntimeError(ENTERED_TWICE)
        self._runner.begin(self._take_over, read_only=self._read_only)
        assert self._inner is not None  # noqa: S101 - it was begun
        return self._inner

    def _take_over(self, tx: TransactionContext) -> None:
        """Use the connection of ``tx`` until the block ends."""
        runner, connection = self._runner, tx.connection
        if runner.backend.remote and isinstance(connection, SqlAlchemyConnection):
            # SQLAlchemy begins without a round trip, so the server may be gone
            tx.fetch_one(SERVER_NOW)
        if isinstance(connection, PipelinedConnection):
            connection.begin_now()
        inner = runner.joining(connection, read_only=self._read_only)
        self._connection, self._inner = connection, inner
        connection.holder = threading.get_ident()
        self._token.opener = current_caller()
        if not self._read_only or runner.sole:
            runner.note_block(self._token, self._token.opener)
        runner.entered[self._token] = weakref.ref(
            self, partial(_end_collected, runner, connection, inner, self._token)
        )
        runner.hand_over(connection, self._token)

    def commit(self) -> None:
        """Commit, and record the accesses of reads."""
        connection, inner = self._connection, self._inner
        assert connection is not None  # noqa: S101 - it was begun
        assert inner is not None  # noqa: S101 - it was begun
        inner.check_alive()
        with translate_errors():
            if self._read_only:
                connection.commit()
            else:
                commit_write(connection)
        inner.end()
        self._runner.blocks.pop(self._token, None)
        for tx in inner.reads.values():
            self._runner.record_access(connection, tx)

    def end(self, error: BaseException | None) -> None:
        """Roll back what was not committed, and release the connection."""
        runner = self._runner
        try:
            if self._inner is not None:
                self._inner.end()
            if self._connection is not None:
                runner.end(self._connection, self._token, error)
        except BaseException:
            if self._connection is not None:
                runner.ensure_ended(self._connection, self._token)
            raise
        finally:
            runner.blocks.pop(self._token, None)
            runner.entered.pop(self._token, None)


def _end_collected(
    runner: BlockRunner,
    connection: ConnectionAdapter,
    inner: TransactionBlockRunner,
    token: BlockOwner,
    _reference: object,
) -> None:
    """End a block that was collected: it was entered, and can no longer be left."""
    inner.end()
    try:
        runner.ensure_ended(connection, token)
    finally:
        runner.blocks.pop(token, None)
        runner.entered.pop(token, None)
