"""What runs the methods of an async repository, as one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from snakestore.aio.executors import Executor
from snakestore.errors import InvalidNameError
from snakestore.names import identifier_text
from snakestore.repository import SessionRepository

R = TypeVar("R")

Method = Callable[..., R]
Arguments = tuple[Any, ...]
Keywords = dict[str, Any]


class Dispatcher(ABC):
    """Runs the methods of one async repository.

    A method first waits where it occupies nothing, then it runs in an executor. What it took is
    given back when its work has ended, even if the task that called it is gone by then.
    """

    def __init__(self, repository: SessionRepository, executor: Executor) -> None:
        """Run the methods of ``repository`` in ``executor``."""
        self.repository = repository
        self.executor = executor

    @abstractmethod
    async def read(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method that reads."""

    @abstractmethod
    async def write(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method that writes, in one transaction."""

    @abstractmethod
    async def in_steps(self, method: Method[R], args: Arguments, kwargs: Keywords) -> R:
        """Run a method of several transactions, between which others may write."""

    @abstractmethod
    async def begin(self, block: Block) -> BlockDispatcher:
        """Begin a ``transaction()`` block. Returns what runs the methods inside it."""

    @abstractmethod
    async def close(self) -> None:
        """Run no more methods, and close what the repository opened."""


class BlockDispatcher(Dispatcher):
    """Runs the methods inside a ``transaction()`` block."""

    @abstractmethod
    async def end(self, block: Block, error: BaseException | None) -> None:
        """End the block, whatever is cancelled meanwhile."""

    @abstractmethod
    def discard(self, block: Block) -> None:
        """Roll back a block that no task can leave any more. From any thread."""


class Block:
    """A ``transaction()`` block of the synchronous repository. An executor enters and leaves it."""

    def __init__(self, *, read_only: bool) -> None:
        self.read_only = read_only
        self.open = False
        self._manager: AbstractContextManager[SessionRepository] | None = None

    def enter(self, repository: SessionRepository) -> SessionRepository:
        """Begin the transaction. Returns the repository of the block."""
        self._manager = repository.transaction(read_only=self.read_only)
        inside = self._manager.__enter__()
        self.open = True
        return inside

    def leave(self, error: BaseException | None) -> None:
        """Commit, or roll back because of ``error``, which is the caller's to raise."""
        manager, self._manager, self.open = self._manager, None, False
        assert manager is not None  # noqa: S101 - it was entered
        if error is None:
            manager.__exit__(None, None, None)
        else:
            manager.__exit__(type(error), error, error.__traceback__)


def discard(executor: Executor, block: Block | None, then: Callable[[], None]) -> None:
    """Roll back a block that no task can leave any more, then call ``then``. From any thread."""
    if block is None or not block.open:
        then()
    else:
        executor.start_unattended(lambda: block.leave(GeneratorExit()), then)


def session_of(args: Arguments, kwargs: Keywords) -> object:
    """The session that a method is about: its first argument."""
    return args[0] if args else kwargs.get("sid", kwargs.get("session_id"))


def text_of(session: object) -> str | None:
    """The id of a session as text; None if it cannot be one."""
    try:
        return identifier_text(session)
    except InvalidNameError:
        return None


def repeatable(args: Arguments, kwargs: Keywords) -> tuple[Arguments, Keywords]:
    """The arguments of a method that may be called again: iterators as lists."""
    return (
        tuple([list(each) if hasattr(each, "__next__") else each for each in args]),
        {name: list(each) if hasattr(each, "__next__") else each for name, each in kwargs.items()},
    )
