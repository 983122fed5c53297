"""How a repository runs its verbs, as one interface: a verb is a function of a ``TransactionContext`` and its arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar

from snakestore.clock import Clock, as_utc, utc_now
from snakestore.errors import CommitUnknownError
from snakestore.storage.dialects import Backend
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import is_driver_error

P = ParamSpec("P")
R = TypeVar("R")
Recorder = Callable[[TransactionContext, str], tuple[datetime, datetime | None] | None]


class Runner(ABC):
    """How a repository runs its verbs."""

    def __init__(self, backend: Backend, clock: Clock | None, record: Recorder) -> None:
        self.backend = backend
        self._clock = clock
        self._record = record
        if clock is utc_now:
            self._moment = utc_now  # type: ignore[method-assign] # our own clock needs no check

    def _moment(self) -> datetime | None:
        """The clock's time; None where the server's is asked for by the statements themselves."""
        return None if self._clock is None else as_utc(self._clock(), "the clock's time")

    @abstractmethod
    def lookup(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that reads with one statement, which needs no transaction around it."""

    @abstractmethod
    def read(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb whose statements must all see one state."""

    @abstractmethod
    def write(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that changes something, whole or not at all."""

    def write_calling(
        self,
        verb: Callable[Concatenate[TransactionContext, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a verb that changes something and calls the user's code meanwhile, which must not wait for it."""
        return self.write(verb, *args, **kwargs)

    @abstractmethod
    def transaction(self, *, read_only: bool) -> AbstractContextManager[Runner]:
        """A runner whose verbs make one transaction, kept at the end of the block, undone by an exception."""

    @abstractmethod
    def close(self) -> None:
        """Run no more verbs."""


def commit_write(channel: ConnectionAdapter) -> None:
    """Commit what was written.

    Raises:
        CommitUnknownError: the connection went before the server answered.
    """
    try:
        channel.commit()
    except Exception as error:
        if channel.lost:
            raise CommitUnknownError from error
        raise


def undone(channel: ConnectionAdapter) -> bool:
    """Roll back; False, and the channel is marked as broken, where not even that works or the connection is gone."""
    if channel.inherited:
        return True  # to roll back the parent's transaction is not ours
    channel.broken = channel.broken or channel.lost
    if not channel.broken:
        try:
            channel.rollback()
        except Exception as error:
            if not is_driver_error(error):
                raise
            channel.broken = True
    return not channel.broken
