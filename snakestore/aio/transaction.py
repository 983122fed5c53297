"""The ``transaction()`` block of an async repository."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

from snakestore.aio.dispatcher import Block, BlockDispatcher, Dispatcher

A = TypeVar("A")


class AsyncTransaction(Generic[A]):
    """An ``async with`` block that is one transaction.

    When the block is left, the transaction has ended and its locks are free, however the task was
    cancelled. A block that can no longer be left, because its event loop has ended, is rolled back
    when it is collected.
    """

    def __init__(
        self, dispatcher: Dispatcher, repository_on: Callable[[Dispatcher], A], *, read_only: bool
    ) -> None:
        """Use ``AsyncSessionRepository.transaction`` instead."""
        self._dispatcher = dispatcher
        self._repository_on = repository_on
        self._block = Block(read_only=read_only)
        self._entered = False
        self._inside: BlockDispatcher | None = None

    async def __aenter__(self) -> A:
        if self._entered:
            message = "a transaction() block can be entered only once. Call transaction() again."
            raise RuntimeError(message)
        self._entered = True
        self._inside = await self._dispatcher.begin(self._block)
        return self._repository_on(self._inside)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        inside, self._inside = self._inside, None
        assert inside is not None  # noqa: S101 - it was entered
        await inside.end(self._block, error)

    def __del__(self) -> None:
        if self._inside is not None:
            self._inside.discard(self._block)
