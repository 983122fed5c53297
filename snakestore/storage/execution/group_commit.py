"""Group commit: writes that wait for the same turn are done in one transaction.

The thread that has the turn does its own write once it has the write lock, then takes those that
wait next, one after the other, and commits all of them together. Each is a write of its own to
every rule: it reads the clock itself, its error concerns no other, and its caller gets the result
after the commit.

Asyncio tasks wait in a ``Line`` of the event loop, threads in a ``WriteTurn``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from snakestore.clock import steady_seconds
from snakestore.errors import CommitUnknownError, SnakeStoreError, StoreBusyError
from snakestore.storage import fork
from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.grouped import GroupedRunner, HalfDoneError
from snakestore.storage.execution.nesting import run_elsewhere
from snakestore.storage.execution.offered_call import OfferedCall
from snakestore.storage.execution.ownership import run_for
from snakestore.storage.execution.retry import MAX_HOLD_SECONDS, RetryLater
from snakestore.storage.execution.runner import Runner

R = TypeVar("R")
T = TypeVar("T")

_INTERRUPTED = (
    "the commit was interrupted, so the outcome is unknown. Re-read the data to decide whether to"
    " write again."
)


class Companion(OfferedCall[Callable[[Runner], R], R]):
    """A write that waits for its turn, and may be done in that of another."""

    __slots__ = ("alone", "write")

    def __init__(
        self, write: Callable[[Runner], R], caller: object, *, alone: bool = False
    ) -> None:
        """Write for ``caller`` by the runner that ``write`` gets, in a copy of the context."""
        super().__init__(write, caller)
        self.write = write
        self.alone = alone
        """Whether it is to be done in a transaction of its own."""

    def run(self, runner: GroupedRunner) -> None:
        """Write, if the caller has not given up. The outcome is known when the group is committed.

        Raises:
            HalfDoneError: it failed, and nothing of the transaction must be kept. Or another code
                than this library's raised an error, which may have come to this thread from outside
                (``PyThreadState_SetAsyncExc``). The write fails again alone if it was its own.
        """
        try:
            write = self._calls.pop()
        except IndexError:
            return
        attempt = partial(runner.outcome_of, partial(write, runner))
        # no variable refers to the error: it refers to this frame
        self._outcome = self._context.run(run_for, self._caller, attempt)
        if not isinstance(self._outcome[1], SnakeStoreError | None):
            raise HalfDoneError from self._outcome[1]

    def run_first(self, runner: GroupedRunner) -> None:
        """Write as ``run`` does, for the caller that has the turn, in its own thread."""
        self._outcome = runner.outcome_of(partial(self.write, runner))

    def end(self, error: BaseException | None) -> None:
        """Have the outcome reach the caller: an ``error``, or else its own."""
        if error is not None and self._outcome is not None:
            self._outcome = None, error
        self.ended = True
        if self._then is not None:
            self._then()

    def renew(self, *, alone: bool) -> None:
        """Be done again later, after the transaction was rolled back."""
        self.alone = self.alone or alone
        self._outcome = None
        self._calls = [self.write]
        if self._then is not None:
            self.abandon(self._then)


class Waiting(Protocol[T]):
    """Those who wait for the turn at the write lock, each by what stands for it there."""

    def take_companion(self, taken: list[tuple[T, Companion[Any]]]) -> bool:
        """Move the one that waits first to ``taken``, if its write can be done with others.

        Returns whether it was. Until ``wake_all`` or ``put_back``, it waits for nothing else.
        """

    def put_back(self, waiting: Sequence[T]) -> None:
        """Let those that were taken wait again, first and in their order. May be repeated."""

    def wake_all(self, waiting: Sequence[T]) -> None:
        """Wake those whose write has ended. May be repeated."""


class GroupCommit(Generic[T]):
    """One turn at the write lock, in which more than one write may be done."""

    def __init__(self, waiting: Waiting[T], is_closed: Callable[[], bool]) -> None:
        """Take in those who wait, until ``is_closed()``. The caller has the turn."""
        self._waiting = waiting
        self._is_closed = is_closed
        self._joined: list[tuple[T, Companion[Any]]] = []
        self._complete = False
        """Whether all writes were done, so that they may have been committed."""
        self._committed = False
        self._fork_depth = fork.depth

    def lead(self, first: Companion[R], runner: AutocommitRunner) -> R:
        """Do the write ``first``, and with it those that wait next.

        Raises:
            Exception: what ``first`` raised.
            CommitUnknownError: it is not known whether the group is stored. All writes raise it.
            RetryLater: another try may help. Nothing was kept, and no other write has joined.
        """
        try:
            try:
                runner.write(self._write_all, first, runner)
                self._committed = True
                self._settle(None)
            except BaseException as problem:
                # busy_timeout has passed where it was busy, and alone it would be so again
                final = isinstance(problem, CommitUnknownError | StoreBusyError)
                together = bool(self._joined) and not final
                self._settle(problem)
                if isinstance(problem, HalfDoneError) or (
                    together and isinstance(problem, SnakeStoreError)
                ):
                    first.renew(alone=True)
                    return first.write(runner)
                raise
        except BaseException as problem:
            if self._joined:  # an exception came before they were settled
                run_elsewhere(self._settle, problem)
            raise
        return first.outcome()

    def _write_all(
        self, tx: TransactionContext, first: Companion[R], runner: AutocommitRunner
    ) -> None:
        if self._joined:  # the runner tries again
            self._put_back(alone=False)
        began = steady_seconds()
        grouped = GroupedRunner(runner, tx)
        first.run_first(grouped)
        while (
            steady_seconds() - began < MAX_HOLD_SECONDS
            and not self._is_closed()
            and self._waiting.take_companion(self._joined)
        ):
            self._joined[-1][1].run(grouped)
        grouped.record_updates()
        self._complete = True

    def _settle(self, problem: BaseException | None) -> None:
        """End the writes that have joined, or have them done again if none was kept. Repeatable.

        ``problem`` is what came out of the transaction.
        """
        if not self._joined or self._fork_depth != fork.depth:
            return
        if self._committed:
            self._end(None)
        elif isinstance(problem, CommitUnknownError) or (
            self._complete and not isinstance(problem, SnakeStoreError | HalfDoneError | RetryLater)
        ):
            self._end(problem)
        else:
            self._put_back(alone=not isinstance(problem, RetryLater))

    def _end(self, problem: BaseException | None) -> None:
        """Have each write raise that its commit is unknown because of ``problem``, or end well."""
        for _, companion in self._joined:
            companion.end(None if problem is None else _unknown(problem))
        self._waiting.wake_all([waiting for waiting, _ in self._joined])
        self._joined.clear()

    def _put_back(self, *, alone: bool) -> None:
        """Have the writes done again, because nothing of the group was kept."""
        self._complete = False
        for _, companion in self._joined:
            companion.renew(alone=alone)
        self._waiting.put_back([waiting for waiting, _ in self._joined])
        self._joined.clear()


def _unknown(problem: BaseException) -> CommitUnknownError:
    """An error of its own for each caller that gets it."""
    if isinstance(problem, CommitUnknownError):
        unknown, cause = CommitUnknownError(str(problem)), problem.__cause__
    else:
        unknown, cause = CommitUnknownError(_INTERRUPTED), problem
    unknown.__cause__ = cause
    return unknown
