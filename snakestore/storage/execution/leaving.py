"""Enters and leaves a ``with`` block safely when an exception comes from outside.

An exception may come when ``__enter__`` has returned, or when ``__exit__`` was called and before
its first instruction. Their frames, and what they refer to, then live as long as that exception. So
a block passes itself weakly: the ``with`` statement alone refers to it, and it is collected when
that statement is left. The runner notices that.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
Leave = Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], None]


class Exit:
    """The descriptor of ``__exit__``, which gives a function that refers to the block weakly."""

    def __get__(self, block: Leavable | None, kind: type[Leavable]) -> Leave:
        if block is None:
            return _leave_strongly  # type: ignore[return-value] # for ExitStack, with the block
        leave = partial(_leave, weakref.ref(block))
        leave.block = block  # type: ignore[attr-defined] # this is what keeps it alive
        return leave


class Leavable(ABC):
    """A block that ends once, however it is left."""

    __exit__ = Exit()

    @abstractmethod
    def commit(self) -> None:
        """Keep what was done in the block, which no exception has left."""

    @abstractmethod
    def end(self, error: BaseException | None) -> None:
        """Undo what was not committed, and let go of everything. Ends it once.

        Args:
            error: what left the block, or came while it was committed.
        """


class Enter:
    """The descriptor of ``__enter__``, which gives a function that refers to the block weakly."""

    def __get__(self, block: Enterable[T] | None, kind: type[Enterable[T]]) -> Callable[..., T]:
        if block is None:
            return _enter_strongly  # for ExitStack, with the block
        enter = partial(_enter, weakref.ref(block))
        enter.block = block  # type: ignore[attr-defined] # until it has returned
        return enter


class Enterable(Leavable, Generic[T]):
    """A block that is entered once, and ended if an exception comes before it is."""

    __enter__ = Enter()

    @abstractmethod
    def begin(self) -> T:
        """Begin the block. Returns what the ``with`` statement assigns."""


def _enter(reference: weakref.ref[Enterable[T]]) -> T:
    try:
        return _begin(reference)
    except BaseException as error:
        _end(reference, error)
        raise


def _begin(reference: weakref.ref[Enterable[T]]) -> T:
    block = reference()
    assert block is not None  # noqa: S101 - the caller refers to it
    return block.begin()


def _enter_strongly(block: Enterable[T]) -> T:
    return _enter(weakref.ref(block))


def _leave(
    reference: weakref.ref[Leavable],
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
) -> None:
    del traceback
    try:
        try:
            block = reference()
            assert block is not None  # noqa: S101 - the caller refers to it
            if kind is None:
                block.commit()
        except BaseException as problem:
            error = problem
            raise
        finally:
            _end(reference, error)
    except BaseException:
        _end(reference, error)  # again, for an exception that came there
        raise
    finally:
        del error  # no cycle of the error and the frames it came through


def _end(reference: Callable[[], Leavable | None], error: BaseException | None) -> None:
    block = reference()
    if block is not None:
        block.end(error)


def _leave_strongly(
    block: Leavable,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
) -> None:
    _leave(weakref.ref(block), kind, error, traceback)
