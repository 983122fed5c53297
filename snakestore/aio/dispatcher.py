"""What runs the methods of an async repository, as one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from snakestore.aio.executors import Executor
from snakestore.errors import InvalidNameError
from snakestore.names import identifier_text
from snakestore.repository import SessionRepository
from snakestore.storage.execution.open_blocks import OpenBlocks

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
    async def write(
        self, method: Method[R], args: Arguments, kwargs: Keywords, *, alone: bool = False
    ) -> R:
        """Run a method that writes, in one transaction.

        ``alone`` says that no other write may be done in the same one: it takes long, or it calls a
        function of the user's.
        """

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
        """End the block, also if its task is cancelled meanwhile."""


class Block:
    """A ``transaction()`` block of the synchronous repository. An executor enters and leaves it."""

    def __init__(self, *, read_only: bool) -> None:
        self.read_only = read_only
        self.start_unattended: Callable[[Callable[[], object], Callable[[], None]], None] = _call
        """Starts what leaves the block, where no task does."""
        self.let_go: Callable[[], None] = _nothing
        """Gives up what the block holds. May be called repeatedly, from any thread."""
        self.noted_in: OpenBlocks | None = None
        """Where it is noted that the block is open, if it is."""
        # what leaves it takes it: nothing else can leave it then
        self._entered: list[AbstractContextManager[SessionRepository]] = []

    def enter(self, repository: SessionRepository) -> SessionRepository:
        """Begin the transaction. Returns the repository of the block."""
        manager = repository.transaction(read_only=self.read_only)
        self._entered = [manager]
        try:
            return manager.__enter__()
        except Exception as error:
            # an exception from outside may have come when it was entered
            manager.__exit__(type(error), error, error.__traceback__)
            self._entered.clear()
            raise

    def leave(self, error: BaseException | None) -> None:
        """Commit, or roll back because of ``error``, which is the caller's to raise. Once."""
        if not self._entered:
            return
        manager: AbstractContextManager[SessionRepository] | None = None
        try:
            manager = self._entered.pop()
            try:
                if error is None:
                    manager.__exit__(None, None, None)
                else:
                    manager.__exit__(type(error), error, error.__traceback__)
            except BaseException as problem:
                # an exception from outside may have come before it began to end
                manager.__exit__(type(problem), problem, problem.__traceback__)
                raise
        finally:
            del manager  # it is ended when it is collected, if an exception came before it was

    def when_ending(self) -> None:
        """Note that the block is not open any more."""
        if self.noted_in is not None:
            self.noted_in.pop(self, None)

    def discard(self) -> None:
        """Roll back, where no task can leave the block any more. Repeatedly, from any thread."""
        self.when_ending()
        if self._entered:
            self.start_unattended(partial(self.leave, GeneratorExit()), self.let_go)
        else:
            self.let_go()


def _call(call: Callable[[], object], then: Callable[[], None]) -> None:
    """Leave a block before it is known where."""
    call()
    then()


def _nothing() -> None:
    """Nothing is held."""


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
