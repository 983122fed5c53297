"""Runs writes to a SQLite file when it is the turn of their thread, small ones together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from functools import partial
from threading import get_ident
from typing import Any, Concatenate, Self

from snakestore.errors import StoreBusyError
from snakestore.storage.execution.after_commit import giving_up
from snakestore.storage.execution.autocommit import WRITE, AutocommitRunner
from snakestore.storage.execution.connection_source import ConnectionSource
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.group_commit import Companion, GroupCommit
from snakestore.storage.execution.nesting import holds_connection
from snakestore.storage.execution.ownership import current_caller
from snakestore.storage.execution.pool import OwnedConnections
from snakestore.storage.execution.retry import RetryPolicy
from snakestore.storage.execution.runner import P, R, Runner, RunnerSettings
from snakestore.storage.execution.small_arguments import are_small
from snakestore.storage.execution.write_turn import TURN, OutOfTimeError, WaitingWrite, WriteTurn


class TurnTakingRunner(AutocommitRunner):
    """An AutocommitRunner whose threads ask for SQLite's write lock one at a time.

    With a database in memory, or one connection, they wait for the connection instead.
    """

    def __init__(
        self, connections: ConnectionSource, settings: RunnerSettings, *, busy_timeout: float
    ) -> None:
        """Take the arguments of an AutocommitRunner."""
        super().__init__(connections, settings, busy_timeout=busy_timeout)
        self._turn: WriteTurn | None = None
        if isinstance(connections, OwnedConnections) and connections.limit > 1:
            self._pool = connections
            self._turn = WriteTurn()

    def deferring(self, retry: RetryPolicy | None = None) -> Self:
        """A runner that does not pause, see ``AutocommitRunner``. Its tasks have turns already."""
        runner = super().deferring(retry)
        runner._turn = None  # noqa: SLF001 - of the same class
        return runner

    def write(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes, together with those of other threads if they wait."""
        turn = self._turn
        if turn is None:
            return self._run(WRITE, operation, args, kwargs)
        holder, own = turn.holder, [get_ident()]
        try:
            try:
                if holder.setdefault(TURN, own) is not own:
                    return self._write_after_others(turn, operation, args, kwargs)
                if self._pool.syncs:
                    call = partial(self._run, WRITE, operation, args, kwargs)
                    return giving_up(partial(turn.end, own), call)
                return self._run(WRITE, operation, args, kwargs)
            finally:
                # no `try` here: Python 3.11 catches nothing that is raised at its own line
                if holder.get(TURN) is own:
                    holder.pop(TURN, None)  # another thread may have ended the turn meanwhile
                if turn.waiting:
                    turn.serve()
        except BaseException:
            # an exception may have come before. No call, for which there may be no stack left
            try:
                if TURN in holder and holder[TURN] is own:
                    del holder[TURN]
            except KeyError:
                pass  # another thread has ended a turn between these steps
            raise

    def write_alone(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes and may take long."""
        result: R = self._in_turn(AutocommitRunner.write, operation, *args, **kwargs)
        return result

    def write_calling(
        self,
        operation: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run an operation that writes, with the caller marked as the holder meanwhile."""
        result: R = self._in_turn(AutocommitRunner.write_calling, operation, *args, **kwargs)
        return result

    def begin(self, operation: Callable[[TransactionContext], None], *, read_only: bool) -> None:
        """Begin a transaction and run ``operation``, which takes over the connection."""
        if read_only:
            super().begin(operation, read_only=True)
        else:
            self._in_turn(AutocommitRunner.begin, operation, read_only=False)

    def _in_turn(self, method: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:
        """Run a method of AutocommitRunner in a turn of its own, by the runner of the turn."""
        turn = self._turn
        if turn is None:
            return method(self, *args, **kwargs)

        def call(runner: Runner) -> R:
            """Run it by ``runner``."""
            return method(runner, *args, **kwargs)

        holder, own = turn.holder, [get_ident()]
        try:
            try:
                if holder.setdefault(TURN, own) is not own:
                    return self._after_others(turn, call, alone=True)
                if self._pool.syncs:
                    return giving_up(partial(turn.end, own), partial(call, self))
                return call(self)
            finally:
                turn.end(own)
        except BaseException:
            try:  # as in ``write``
                if TURN in holder and holder[TURN] is own:
                    del holder[TURN]
            except KeyError:
                pass  # another thread has ended a turn between these steps
            raise

    def _write_after_others(
        self,
        turn: WriteTurn,
        operation: Callable[..., R],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> R:
        """Run an operation that writes, in a turn of its own or together with others."""
        call = partial(_write, operation, args, kwargs)
        together = are_small(args, kwargs)
        return self._after_others(turn, call, alone=not together)

    def _after_others(self, turn: WriteTurn, call: Callable[[Runner], R], *, alone: bool) -> R:
        """Run a call when it is this thread's turn, or have another thread run it in its own."""
        if self.busy_timeout <= 0 or self._uses_block():
            return call(self._in_time())  # such a caller is refused rather than made to wait
        self._refuse_nested()
        if turn.has_come(current_caller()):
            return call(self._in_time())
        waiting = WaitingWrite(call, alone=alone)
        companion: Companion[R] = waiting.companion
        holder = turn.holder
        try:
            try:
                left = turn.wait(waiting, self.busy_timeout)
                if companion.ended:
                    return companion.outcome()
                lead = partial(self._lead, turn, companion, self._in_time(left))
                return giving_up(partial(turn.end, waiting), lead)
            finally:
                turn.leave(waiting)
        except OutOfTimeError:
            message = (
                f"other threads of this repository wrote, or waited to write, for more than"
                f" {self.busy_timeout} s. Nothing was written; retry or increase busy_timeout."
            )
            raise StoreBusyError(message) from None
        except BaseException:
            waiting.gone = True
            try:  # as in ``write``
                if TURN in holder and holder[TURN] is waiting:
                    del holder[TURN]
            except KeyError:
                pass  # another thread has ended a turn between these steps
            raise

    def _lead(self, turn: WriteTurn, first: Companion[R], runner: AutocommitRunner) -> R:
        # an exception of a signal handler, which may be of any kind, would be taken for one of the
        # write of another thread
        interruptible = threading.current_thread() is threading.main_thread()
        if first.alone or interruptible:
            return first.write(runner)
        return GroupCommit(turn, self._is_closed).lead(first, runner)

    def _in_time(self, left: float | None = None) -> Self:
        """A runner that takes no turns, and waits no longer than ``left`` seconds."""
        runner = copy(self)
        runner._turn = None  # noqa: SLF001 - of the same class
        if left is not None:
            runner.busy_timeout = max(0.0, left)
        return runner

    def _refuse_nested(self) -> None:
        """Refuse a call from a signal handler or finalizer within a method of this thread.

        Raises:
            StoreBusyError: it is one.
        """
        self._pool.refuse_nested()

    def _is_closed(self) -> bool:
        return self._pool.closed

    def _uses_block(self) -> bool:
        """Whether the caller has an open block of this repository, or of this file."""
        if self.blocks and self.blocks.used_by_caller():
            return True
        if not self.entered:
            return False
        caller = current_caller()
        return any(block.opener == caller for block in list(self.entered))


def _write(
    operation: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any], runner: Runner
) -> R:
    return runner.write(operation, *args, **kwargs)


# it looks for methods outside of the one that calls it
holds_connection(TurnTakingRunner._refuse_nested.__code__)  # noqa: SLF001 - of this module
