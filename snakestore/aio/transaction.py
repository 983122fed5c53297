"""The ``transaction()`` block of an async repository.

An exception may come when ``__aenter__`` has returned, or when ``__aexit__`` was called and before
its first instruction. Their frames, and what they refer to, then live as long as that exception. So
they refer to the block weakly: the ``async with`` statement alone refers to it, and then the
coroutine that leaves it. A block that is collected is rolled back.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar

from snakestore.aio.dispatcher import Block, BlockDispatcher, Dispatcher
from snakestore.repository.handle import SingleBlock

A = TypeVar("A")
Leave = Callable[
    [type[BaseException] | None, BaseException | None, TracebackType | None],
    Coroutine[Any, Any, None],
]


class Enter:
    """The descriptor of ``__aenter__``, which gives a function that refers to the block weakly."""

    def __get__(
        self, transaction: AsyncTransaction[A] | None, kind: type[AsyncTransaction[A]]
    ) -> Callable[[], Coroutine[Any, Any, A]]:
        if transaction is None:
            return _enter_strongly  # type: ignore[return-value] # for AsyncExitStack, with the block
        return partial(_enter, weakref.ref(transaction))


class Exit:
    """The descriptor of ``__aexit__``, which gives a function that refers to the block weakly."""

    def __get__(
        self, transaction: AsyncTransaction[A] | None, kind: type[AsyncTransaction[A]]
    ) -> Leave:
        if transaction is None:
            return _leave_strongly  # type: ignore[return-value] # for AsyncExitStack, with the block
        leave = partial(_leave, weakref.ref(transaction))
        leave.transaction = transaction  # type: ignore[attr-defined] # this keeps it alive
        return leave


class AsyncTransaction(SingleBlock, Generic[A]):
    """An ``async with`` block that is one transaction.

    When the block is left, the transaction has ended and its locks are free, however the task was
    cancelled. A block that can no longer be left, because its event loop has ended, is rolled back
    when it is collected.
    """

    __aenter__ = Enter()
    __aexit__ = Exit()

    block = Block(read_only=True)
    """Its block; before it has one, one that was not entered."""

    def __init__(
        self, dispatcher: Dispatcher, repository_on: Callable[[Dispatcher], A], *, read_only: bool
    ) -> None:
        """Use ``AsyncSessionRepository.transaction`` instead."""
        self.dispatcher = dispatcher
        self.repository_on = repository_on
        self.block = Block(read_only=read_only)
        self.entered = False
        self.inside: BlockDispatcher | None = None
        """What runs the methods in the block, between entering and leaving it."""

    def __del__(self) -> None:
        self.block.discard()


_leaving: dict[weakref.ref[Coroutine[Any, Any, None]], AsyncTransaction[Any] | None] = {}
"""The block that each coroutine leaves, as long as there is that coroutine."""


async def _enter(reference: weakref.ref[AsyncTransaction[A]]) -> A:
    transaction = reference()
    assert transaction is not None  # noqa: S101 - the caller refers to it
    if transaction.entered:
        message = "a transaction() block can be entered only once. Call transaction() again."
        raise RuntimeError(message)
    transaction.entered = True
    dispatcher, block = transaction.dispatcher, transaction.block
    repository_on = transaction.repository_on
    del transaction
    try:
        inside = await dispatcher.begin(block)
        _set_inside(reference, inside)
        return repository_on(inside)
    except BaseException:
        block.discard()
        raise


def _set_inside(reference: weakref.ref[AsyncTransaction[A]], inside: BlockDispatcher) -> None:
    transaction = reference()
    if transaction is not None:
        transaction.inside = inside


def _leave(
    reference: weakref.ref[AsyncTransaction[A]],
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
) -> Coroutine[Any, Any, None]:
    del kind, traceback
    coroutine: Coroutine[Any, Any, None] | None = None
    try:
        try:
            coroutine = _end(*_taken(reference), error)
            _leaving[weakref.ref(coroutine, _leaving.pop)] = reference()
            return coroutine
        finally:
            del coroutine  # or a traceback might keep it
    except BaseException:
        _discard(reference)
        raise


def _discard(reference: weakref.ref[AsyncTransaction[A]]) -> None:
    transaction = reference()
    if transaction is not None:
        transaction.block.discard()


def _taken(reference: weakref.ref[AsyncTransaction[A]]) -> tuple[BlockDispatcher, Block]:
    transaction = reference()
    assert transaction is not None  # noqa: S101 - the caller refers to it
    inside, transaction.inside = transaction.inside, None
    assert inside is not None  # noqa: S101 - it was entered
    return inside, transaction.block


async def _end(inside: BlockDispatcher, block: Block, error: BaseException | None) -> None:
    try:
        await inside.end(block, error)
    except BaseException:
        block.discard()
        raise


async def _enter_strongly(transaction: AsyncTransaction[A]) -> A:
    return await _enter(weakref.ref(transaction))


def _leave_strongly(
    transaction: AsyncTransaction[A],
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
) -> Coroutine[Any, Any, None]:
    return _leave(weakref.ref(transaction), kind, error, traceback)
