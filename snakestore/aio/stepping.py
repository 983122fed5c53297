"""A runner for methods of several transactions: it waits on the event loop before each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar, Concatenate, NoReturn, ParamSpec, Protocol, TypeVar

from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.runner import Runner
from snakestore.storage.sqlalchemy_internals import wait_for

P = ParamSpec("P")
R = TypeVar("R")


class Steps(Protocol):
    """Runs single transactions for asyncio."""

    def run_read(self, call: Callable[[], R]) -> Awaitable[R]:
        """Run a call that reads."""

    def run_write(self, call: Callable[[AutocommitRunner], R], session: object) -> Awaitable[R]:
        """Run a call that writes by the runner that it gets."""


class SteppingRunner(Runner):
    """Runs each operation as the dispatcher does. In a greenlet, which waits meanwhile."""

    commits: ClassVar[bool] = True

    def __init__(self, steps: Steps, runner: AutocommitRunner) -> None:
        """Run operations by ``runner``, when ``steps`` lets them pass."""
        super().__init__(runner.settings)
        self._steps = steps
        self._runner = runner

    def lookup(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that reads with one statement."""
        return wait_for(
            self._steps.run_read(partial(self._runner.lookup, operation, *args, **kwargs))
        )

    def read(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation on one snapshot."""
        return wait_for(
            self._steps.run_read(partial(self._runner.read, operation, *args, **kwargs))
        )

    def write(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes. The first argument is the session, if it has one."""

        def call(runner: AutocommitRunner) -> R:
            """Run the operation by the runner of one try."""
            return runner.write(operation, *args, **kwargs)

        return wait_for(self._steps.run_write(call, args[0] if args else None))

    def transaction(self, *, read_only: bool) -> NoReturn:
        """No method of several transactions uses blocks."""
        message = f"a method of several transactions opened a block (read_only={read_only})"
        raise RuntimeError(message)

    def close(self) -> None:
        """Nothing is held."""
