"""A call that a thread offers for another to run, unless it gives up before."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

R = TypeVar("R")
C = TypeVar("C", bound=Callable[..., object])


class OfferedCall(Generic[C, R]):
    """A call for a task that a thread takes and runs, unless the task gives up before."""

    __slots__ = ("_caller", "_calls", "_context", "_outcome", "_then", "ended")

    def __init__(self, call: C, caller: object) -> None:
        """Offer ``call``, a part of what ``caller`` does, with a copy of the present context."""
        # the thread takes it when it begins, and so does a task that gives up: the first decides
        self._calls = [call]
        self._caller = caller
        self._context = contextvars.copy_context()
        self._outcome: tuple[R | None, BaseException | None] | None = None
        self._then: Callable[[], None] | None = None
        self.ended = False
        """Whether there is an outcome, or none will come."""

    def outcome(self) -> R:
        """Return what the call returned, or raise what it raised. Once, when it has ended."""
        assert self._outcome is not None  # noqa: S101 - it has ended
        (result, error), self._outcome = self._outcome, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # no cycle of the error and the frames it came through
        return result  # type: ignore[return-value] # there was no error

    def abandon(self, then: Callable[[], None]) -> None:
        """Clean up with ``then`` when it has ended, see ``Work``."""
        self._then = then
        with suppress(IndexError):  # it has begun
            self._calls.pop()
            self.ended = True
        if self.ended:
            then()
