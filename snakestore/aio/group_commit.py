"""Group commit: writes that wait for the same turn are done in one transaction.

The task whose turn it is starts a thread. Once that has the write lock, it does the write of this
task, then takes those that wait next out of the line, one after the other, and commits all of them
together. Each is a write of its own to every rule: it reads the clock itself, its error concerns no
other, and its task gets the result after the commit.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, TypeVar

from snakestore.aio.executors import OfferedCall
from snakestore.aio.line import Line, Ticket, wake_all
from snakestore.clock import steady_seconds
from snakestore.errors import CommitUnknownError, SnakeStoreError
from snakestore.repository.space import MAX_HOLD_SECONDS
from snakestore.storage.execution.autocommit import AutocommitRunner
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.grouped import GroupedRunner, HalfDoneError
from snakestore.storage.execution.ownership import run_for
from snakestore.storage.execution.retry import RetryLater
from snakestore.storage.execution.runner import Runner
from snakestore.variable import Variable

R = TypeVar("R")

MAX_ITEMS = 100
"""The most items of an argument with which a write is grouped."""
_INTERRUPTED = (
    "the commit was interrupted, so the outcome is unknown. Re-read the data to decide whether to"
    " write again."
)
_SINGLE = frozenset(
    (type(None), bool, int, float, str, bytes, date, datetime, time, timedelta, Variable)
)
_COLLECTIONS = frozenset((dict, list, tuple, set, frozenset))


def is_small(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether a write is quick, and reading its arguments calls no code of the user's."""
    values = (*arguments, *keywords.values()) if keywords else arguments
    return _SINGLE.issuperset(map(type, values)) or all(map(_is_small, values))


def _is_small(argument: object) -> bool:
    kind = type(argument)
    return kind in _SINGLE or (kind in _COLLECTIONS and len(argument) <= MAX_ITEMS)  # type: ignore[arg-type] # it has a length


class Companion(OfferedCall[Callable[[Runner], R], R]):
    """A write that waits for its turn, and may be done in that of another."""

    __slots__ = ("alone", "write")

    def __init__(self, write: Callable[[Runner], R], caller: object) -> None:
        """Write for ``caller`` by the runner that ``write`` gets, in a copy of the context."""
        super().__init__(write, caller)
        self.write = write
        self.alone = False
        """Whether it is to be done in a transaction of its own."""

    def run(self, runner: GroupedRunner) -> None:
        """Write, if the task has not given up. The outcome is known when the group is committed.

        Raises:
            HalfDoneError: it failed, and nothing of the transaction must be kept.
        """
        try:
            write = self._calls.pop()
        except IndexError:
            return
        attempt = partial(runner.outcome_of, partial(write, runner))
        self._outcome = self._context.run(run_for, self._caller, attempt)

    def run_first(self, runner: GroupedRunner) -> None:
        """Write as ``run`` does, for the task that has the turn, in the context of its job."""
        self._outcome = runner.outcome_of(partial(self.write, runner))

    def end(self, error: BaseException | None) -> None:
        """Have the outcome reach the task: an ``error``, or else its own."""
        if error is not None and self._outcome is not None:
            self._outcome = None, error
        self.ended = True
        if self._then is not None:
            self._then()

    def renew(self, *, alone: bool) -> None:
        """Be done again later, after the transaction was rolled back."""
        self.alone = alone
        self._outcome = None
        self._calls = [self.write]
        if self._then is not None:
            self.abandon(self._then)


class GroupCommit:
    """One turn at the write lock, in which more than one write may be done."""

    def __init__(self, line: Line, is_closed: Callable[[], bool]) -> None:
        """Take companions out of ``line``, until ``is_closed()``. The caller has its place."""
        self._line = line
        self._is_closed = is_closed
        self._joined: list[tuple[Ticket, Companion[Any]]] = []
        self._complete = False

    def lead(self, first: Companion[R], runner: AutocommitRunner) -> R:
        """Do the write ``first``, and with it those that wait next.

        Raises:
            Exception: what ``first`` raised.
            CommitUnknownError: it is not known whether the group is stored. All writes raise it.
            RetryLater: another try may help. Nothing was kept, and no other write has joined.
        """
        try:
            runner.write(self._write_all, first, runner)
        except CommitUnknownError as unknown:
            self._end(unknown)
            raise
        except RetryLater:
            self._put_back(alone=False)
            raise
        except BaseException as problem:
            if isinstance(problem, HalfDoneError) or (
                self._joined and isinstance(problem, SnakeStoreError)
            ):
                self._put_back(alone=True)
                first.renew(alone=True)
                return first.write(runner)
            if self._complete:
                self._end(problem)
            else:
                self._put_back(alone=True)
            raise
        self._end(None)
        return first.outcome()

    def _write_all(
        self, tx: TransactionContext, first: Companion[R], runner: AutocommitRunner
    ) -> None:
        began = steady_seconds()
        grouped = GroupedRunner(runner, tx)
        first.run_first(grouped)
        while steady_seconds() - began < MAX_HOLD_SECONDS and not self._is_closed():
            ticket = self._line.take_companion()
            if ticket is None:
                break
            companion = ticket.holder.job
            assert isinstance(companion, Companion)  # noqa: S101 - by it the ticket was taken
            self._joined.append((ticket, companion))
            companion.run(grouped)
        grouped.record_updates()
        self._complete = True

    def _end(self, problem: BaseException | None) -> None:
        """Have each write raise that its commit is unknown because of ``problem``, or end well."""
        for _, companion in self._joined:
            companion.end(None if problem is None else _unknown(problem))
        wake_all(ticket for ticket, _ in self._joined)

    def _put_back(self, *, alone: bool) -> None:
        """Have the writes done again, because nothing of the group was kept."""
        for _, companion in self._joined:
            companion.renew(alone=alone)
        self._line.put_back([ticket for ticket, _ in self._joined])
        self._joined.clear()
        self._complete = False


def _unknown(problem: BaseException) -> CommitUnknownError:
    """An error of its own for each task that gets it."""
    if isinstance(problem, CommitUnknownError):
        unknown, cause = CommitUnknownError(str(problem)), problem.__cause__
    else:
        unknown, cause = CommitUnknownError(_INTERRUPTED), problem
    unknown.__cause__ = cause
    return unknown
