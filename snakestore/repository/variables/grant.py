"""What is known of one grant of a lease without asking the database. No input or output."""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from snakestore.clock import steady_seconds
from snakestore.errors import (
    CommitUnknownError,
    LeaseLostError,
    NotFoundError,
    SnakeStoreError,
    StoreError,
    VariableLockedError,
    VariableNotFoundError,
)
from snakestore.lease import checked_lease
from snakestore.names import identifier_text
from snakestore.repository.handle import SingleBlock
from snakestore.storage import fork
from snakestore.variable import Variable

RENEWALS = 3
"""A lease is renewed after this fraction of its length."""
_MAX_RETRY_SECONDS = 1.0
_IN_CHILD = "the parent of this forked process holds it"


class _Loss(NamedTuple):
    """Why a lease is lost, as far as it is known."""

    holder: str | None = None
    expires_at: datetime | None = None
    reason: str | None = None


class Grant:
    """One grant of a lease, in the process and under the id that it was given to.

    Threads need no lock: each attribute is replaced as a whole.
    """

    def __init__(
        self,
        sid: str,
        identifier: str,
        seconds: float | timedelta,
        optimizer_id: str | None,
        clock: Callable[[], datetime | None],
    ) -> None:
        """Take the arguments of ``lease()``, unchecked.

        Args:
            clock: the repository's time; None if it is the server's.
        """
        self.sid = sid
        self.identifier = identifier
        self.seconds = seconds
        self.optimizer_id = f"lease_{uuid.uuid4().hex}" if optimizer_id is None else optimizer_id
        self.ended = False
        """Whether the block has ended."""
        self.guards: list[weakref.ref[Any]] = []
        """What ends the lease if the ``with`` statement is gone. Here, where a thread refers to."""
        self.refused = False
        """Whether the database has said that the lease is lost."""
        self.deleted = False
        """Whether the variable was deleted while the lease was held, by its holder."""
        self._clock = clock
        self._depth = fork.depth
        self._variable: Variable | None = None
        self._length = timedelta(0)
        self._expires_at: datetime | None = None
        self._deadline = 0.0
        self._loss: _Loss | None = None

    # --- what happened

    def begin(self, variable: Variable, sent: float) -> None:
        """Note that the lease was granted; ``sent``: ``steady_seconds()`` before it was."""
        length = checked_lease(self.seconds)
        assert length is not None  # noqa: S101 - the start refuses a lease without end
        self._length = length
        self.sid, self.identifier = identifier_text(self.sid), identifier_text(self.identifier)
        self.optimizer_id = variable.optimization_status.optimizer_id or self.optimizer_id
        self._variable = variable
        self.renewed(variable.optimization_status.expires_at, sent)

    def saw(self, variable: Variable) -> Variable:
        """Note what a method returned."""
        self._variable = variable
        return variable

    def renewed(self, expires_at: datetime | None, sent: float) -> None:
        """Note that the lease was renewed; ``sent`` as in ``begin``."""
        self._expires_at = expires_at
        self._deadline = sent + self._length.total_seconds()

    def lose(
        self,
        holder: str | None = None,
        expires_at: datetime | None = None,
        reason: str | None = None,
    ) -> None:
        """Note that the lease is lost; what was noted first stays, unless it says nothing more."""
        if self._loss in (None, _Loss()):
            self._loss = _Loss(holder, expires_at, reason)

    # --- what is known

    @property
    def variable(self) -> Variable:
        """The variable as last seen.

        Raises:
            StoreError: if the lease has not begun.
        """
        if self._variable is None:
            message = "the lease has not begun. Use it in a with block."
            raise StoreError(message)
        return self._variable

    @property
    def key(self) -> tuple[str, str]:
        """The session and the id of the variable, which keeps its id when it is renamed."""
        return self.sid, self.identifier if self._variable is None else self._variable.id

    @property
    def terms(self) -> tuple[str, str, str, int, float | timedelta]:
        """What the start of the optimisation is given."""
        return self.sid, self.identifier, self.optimizer_id, os.getpid(), self.seconds

    def may_be_granted(self, error: BaseException) -> bool:
        """Whether the lease may have been granted although ``error`` came while it began."""
        refused = isinstance(error, SnakeStoreError) and self._variable is None
        return not refused or isinstance(error, CommitUnknownError)

    @property
    def length(self) -> timedelta:
        """How long a renewal lasts."""
        return self._length

    @property
    def interval(self) -> float:
        """Seconds from one renewal to the next."""
        return self._length.total_seconds() / RENEWALS

    @property
    def retry_interval(self) -> float:
        """Seconds from a renewal that failed to the next try."""
        return min(self.interval / 10, _MAX_RETRY_SECONDS)

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child, and the lease its parent's."""
        return fork.depth != self._depth

    @property
    def has_run_out(self) -> bool:
        """Whether the lease has expired, if nobody renewed it."""
        now = self._clock()
        if now is None or self._expires_at is None:
            return steady_seconds() >= self._deadline
        return now >= self._expires_at

    @property
    def lost(self) -> bool:
        """Whether the lease is lost. It stays so."""
        if self._loss is None and not self.ended and self._variable is not None:
            if self.inherited:
                self.lose(reason=_IN_CHILD)
            elif self.has_run_out:
                self.lose()
        return self._loss is not None

    # --- refusals

    def error(self) -> LeaseLostError:
        """The error for a lease that is lost."""
        loss = self._loss or _Loss()
        return LeaseLostError(self.sid, self.identifier, loss.holder, loss.expires_at, loss.reason)

    def check(self) -> None:
        """Check that the lease is not known to be lost.

        Raises:
            LeaseLostError: if it is.
        """
        if self.inherited:
            self.lose(reason=_IN_CHILD)
        if self._loss is not None:
            raise self.error()

    def note(self, refusal: SnakeStoreError) -> None:
        """Note what a refusal says about the lease."""
        if isinstance(refusal, VariableLockedError):
            self.lose(refusal.holder, refusal.expires_at)
            self.refused = True
        elif isinstance(refusal, VariableNotFoundError):
            # nobody but the holder can delete a variable while the lease lasts
            self.deleted = self.deleted or not self.has_run_out
        elif isinstance(refusal, NotFoundError):
            self.lose(reason="its session does not exist or has expired")
            self.refused = True

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """A block that writes the variable: a refusal because of the lease is a LeaseLostError.

        Raises:
            LeaseLostError: if the optimiser no longer holds the variable.
        """
        self.check()
        try:
            yield
        except (VariableLockedError, NotFoundError) as refusal:
            # the function of a modify may have raised one that is about another variable
            sid, vid = self.key
            about = getattr(refusal, "session_id", sid), getattr(refusal, "identifier", vid)
            if about == (sid, vid):
                self.note(refusal)
                if isinstance(refusal, VariableLockedError):
                    raise self.error() from refusal
            raise

    # --- the end

    @property
    def to_release(self) -> bool:
        """Whether the optimisation may still have to be ended in the database."""
        return not self.ended and not self.refused and not self.inherited

    def settle(self, refusal: SnakeStoreError | None) -> SnakeStoreError | None:
        """Note that the block has ended.

        Args:
            refusal: what ending the optimisation raised.

        Returns:
            What the end of the block raises.
        """
        if self.inherited:
            self.lose(reason=_IN_CHILD)
        if refusal is not None:
            self.note(refusal)
            if isinstance(refusal, VariableNotFoundError) and not self.deleted:
                self.lose()
        self.close()
        if self._loss is not None:
            return self.error()
        if refusal is None or isinstance(refusal, VariableNotFoundError):
            return None
        refusal.add_note("The lease was not ended. It expires by itself.")
        return refusal

    def close(self) -> None:
        """Note that the block has ended, or was never entered."""
        self.ended = True
        self.guards.clear()

    def add_note(self, error: BaseException, problem: SnakeStoreError) -> None:
        """Say on an exception that left the block what the end of the block would have raised."""
        if str(problem) != str(error):
            error.add_note("\n".join([str(problem), *getattr(problem, "__notes__", [])]))


class HeldVariable(SingleBlock):
    """What a lease shows of its grant."""

    _grant: Grant

    def __repr__(self) -> str:
        grant = self._grant
        return f"{type(self).__name__}({grant.sid!r}, {grant.identifier!r})"

    @property
    def variable(self) -> Variable:
        """The variable as last seen: at the start, or by the last call of this object."""
        return self._grant.variable

    @property
    def optimizer_id(self) -> str:
        """The id that holds the variable, for other methods that write it."""
        return self._grant.optimizer_id

    @property
    def lost(self) -> bool:
        """Whether the lease is lost, as far as is known here. Once lost, it stays lost."""
        return self._grant.lost
