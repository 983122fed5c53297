"""``Lease``: holds a variable for a ``with`` block, and renews meanwhile in a thread."""

from __future__ import annotations

import _thread
import atexit
import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, ClassVar, Self, cast

from snakestore.clock import steady_seconds
from snakestore.errors import (
    NotFoundError,
    SnakeStoreError,
    StoreError,
    VariableLockedError,
)
from snakestore.repository.variables.grant import Grant, HeldVariable
from snakestore.repository.variables.lease_operations import extend, release, renew, start
from snakestore.repository.variables.writes import VariableWriteMethods
from snakestore.storage.execution.leaving import Leavable, Leave
from snakestore.storage.execution.runner import Runner
from snakestore.variable import Variable

logger = logging.getLogger("snakestore.leases")

_END_TIMEOUT = 1.0
"""How long the end of a block waits for its thread, in seconds."""
_EXIT_TIMEOUT = 0.2
"""How long the end of the process does."""

ENTERED_TWICE = "a lease() block can be entered only once. Call lease() again."
NO_RENEWAL_HERE = (
    "lease() cannot renew inside a transaction: others see its renewals only after the commit. Use"
    " the repository on an engine, outside of transaction(), or pass renew=False."
)


class Renewal:
    """The thread that renews the lease of one grant."""

    new_event: ClassVar[type[threading.Event]] = threading.Event
    """Of what the thread waits by; tests have one that needs no time."""

    def __init__(self, runner: Runner, grant: Grant) -> None:
        """Renew by ``runner``, once started."""
        self._runner = runner
        self._grant = grant
        self._stop = self.new_event()
        # a daemon: it must not keep the interpreter from ending
        self._thread = threading.Thread(target=self._run, name="snakestore lease", daemon=True)

    def start(self) -> None:
        """Start the thread. At the end of the process it is stopped."""
        atexit.register(self.stop, _EXIT_TIMEOUT)
        self._thread.start()

    def stop(self, timeout: float = _END_TIMEOUT) -> None:
        """Let the thread end, and wait for it, but not long. In a forked child there is none."""
        atexit.unregister(self.stop)
        if self._grant.inherited:
            return  # its lock may be held by the parent's thread
        self._stop.set()
        if self._thread.ident not in (None, threading.get_ident()):
            self._thread.join(timeout)

    def _run(self) -> None:
        pause: float | None = self._grant.interval
        while pause is not None and not self._stop.wait(pause):
            pause = self._renew()

    def _renew(self) -> float | None:
        """Renew. Returns the seconds until the next time, or None if the lease is gone."""
        grant, sent = self._grant, steady_seconds()
        try:
            expires_at = self._runner.write(extend, *grant.key, grant.optimizer_id, grant.length)
        except (VariableLockedError, NotFoundError) as refusal:
            renewal_refused(grant, refusal)
            return None
        except Exception as error:  # noqa: BLE001 - nothing else may end it while the lease lasts
            return renewal_failed(grant, error)
        grant.renewed(expires_at, sent)
        return grant.interval


def renewal_refused(grant: Grant, refusal: SnakeStoreError) -> None:
    """Note that the lease cannot be renewed any more."""
    if not grant.ended:
        grant.note(refusal)
        level = logging.WARNING if grant.lost else logging.DEBUG
        logger.log(level, "a lease is no longer renewed: %s", type(refusal).__name__)


def renewal_failed(grant: Grant, error: Exception) -> float | None:
    """The seconds until another try, as long as the lease has not run out."""
    if grant.has_run_out:
        grant.lose()
        logger.warning("a lease is lost, renewing it failed: %s", type(error).__name__)
        return None
    logger.info("renewing a lease failed, trying again: %s", type(error).__name__)
    return grant.retry_interval


class Holding(Leavable):
    """Begins and ends a lease. It outlives a ``Lease`` that is dropped without being left."""

    def __init__(self, runner: Runner, grant: Grant) -> None:
        """Hold by ``runner``."""
        self._runner = runner
        self._renewal: Renewal | None = None
        self.grant = grant

    @property
    def commits(self) -> bool:
        """Whether others see a renewal at once, and not only after the caller's commit."""
        return self._runner.commits

    def renew(self) -> Variable:
        """Renew the lease, and return the variable."""
        grant = self.grant
        return self._runner.write(renew, *grant.key, grant.optimizer_id, grant.length)

    def begin(self, *, renewing: bool) -> None:
        """Start the optimisation, and the thread that renews."""
        grant, sent = self.grant, steady_seconds()
        try:
            grant.begin(self._runner.write(start, *grant.terms, endless=False), sent)
            if renewing:
                self._renewal = Renewal(self._runner, grant)
                self._renewal.start()
        except BaseException as error:
            if grant.may_be_granted(error):
                self._release()
            grant.close()
            raise

    def end_if_dropped(self, guard: object) -> None:
        """End the lease if ``guard`` is collected before."""
        self.grant.guards.append(weakref.ref(guard, self._abandon))

    def _abandon(self, _reference: object) -> None:
        if self.grant.ended or self.grant.inherited:
            return
        try:
            # not here: this may be in the middle of a method of the same thread
            _thread.start_new_thread(self.end, (None,))
        except RuntimeError:  # the interpreter ends
            logger.debug("an abandoned lease is left to expire")

    def commit(self) -> None:
        """End the optimisation.

        Raises:
            LeaseLostError: if the lease was lost.
            StoreError: if it cannot be ended. It expires then.
        """
        refusal = self._release()
        problem = self.grant.settle(refusal)
        if problem is not None:
            raise problem from (None if problem is refusal else refusal)

    def end(self, error: BaseException | None) -> None:
        """End the optimisation, if ``commit`` has not. What fails is noted on ``error``."""
        if self.grant.ended:
            return
        problem = self.grant.settle(self._release())
        if problem is not None and error is not None:
            self.grant.add_note(error, problem)
        elif problem is not None:
            logger.info("an abandoned lease was not ended: %s", type(problem).__name__)

    def _release(self) -> SnakeStoreError | None:
        """Stop renewing, and end the optimisation. Returns why that was refused."""
        if self._renewal is not None:
            self._renewal.stop()
        grant = self.grant
        if grant.to_release:
            try:
                self._runner.write(release, *grant.key, grant.optimizer_id)
            except SnakeStoreError as refusal:
                return refusal
        return None


class _Exit:
    """The descriptor of ``Lease.__exit__``.

    The ``with`` statement alone refers to the function that it gets here. If that is collected and
    the lease has not ended, an exception has left the statement where nothing else notices.
    """

    def __get__(self, lease: Lease | None, kind: type[Lease]) -> Leave:
        if lease is None:
            return _leave  # type: ignore[return-value] # for ExitStack, with the lease
        return lease._leave()  # noqa: SLF001 - of this module


class Lease(HeldVariable):
    """A variable that is held for the length of a ``with`` block.

    ``repo.lease()`` returns it. Entering the block starts the optimisation, and leaving it ends it.
    Meanwhile a thread renews the lease after every third of its length. Only the writes of this
    object, or with its ``optimizer_id``, are accepted.

    Once the lease is lost, a write and the end of the block raise LeaseLostError, and nothing is
    written. An exception that leaves the block is raised unchanged, with a note. In a forked child
    the lease counts as lost, because the parent holds it.
    """

    def __init__(
        self,
        repository: VariableWriteMethods,
        sid: str,
        identifier: str,
        *,
        seconds: float | timedelta,
        optimizer_id: str | None,
        renew: bool,
    ) -> None:
        """Use ``SessionRepository.lease`` instead."""
        runner = repository._runner  # noqa: SLF001 - a lease shares its repository's runner
        self._repository = repository
        self._grant = Grant(sid, identifier, seconds, optimizer_id, runner.clock_time)
        self._holding = Holding(runner, self._grant)
        self._renewing = renew
        self._entered = False
        self._exit: weakref.ref[Any] | None = None

    def __enter__(self) -> Self:
        if self._entered:
            raise RuntimeError(ENTERED_TWICE)
        self._entered = True
        if self._renewing and not self._holding.commits:
            raise StoreError(NO_RENEWAL_HERE)
        leave = None if self._exit is None else self._exit()
        self._holding.end_if_dropped(self)
        if leave is not None:
            self._holding.end_if_dropped(leave)
        self._holding.begin(renewing=self._renewing)
        return self

    __exit__ = _Exit()

    def _leave(self) -> Leave:
        leave: Any = self._holding.__exit__
        leave.lease = self  # which the statement may be the only one to refer to
        self._exit = weakref.ref(leave)
        return cast("Leave", leave)

    def update(
        self,
        value: Any,
        *,
        expected_version: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
    ) -> Variable:
        """Replace the variable's value, as ``update_variable`` does.

        Raises:
            LeaseLostError: if the lease is lost. Nothing was written.
            SnakeStoreError: whatever else ``update_variable`` refuses.
        """
        grant = self._grant
        with grant.refusals():
            return grant.saw(
                self._repository.update_variable(
                    *grant.key,
                    value,
                    expected_version=expected_version,
                    metadata=metadata,
                    source=source,
                    optimizer_id=grant.optimizer_id,
                )
            )

    def modify(
        self,
        fn: Callable[[Any], Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
    ) -> Variable:
        """Replace the variable's value by ``fn(value)``, as ``modify_variable`` does.

        Raises:
            LeaseLostError: if the lease is lost. Nothing was written.
            SnakeStoreError, Exception: whatever else ``modify_variable`` or ``fn`` raises.
        """
        grant = self._grant
        with grant.refusals():
            return grant.saw(
                self._repository.modify_variable(
                    *grant.key,
                    fn,
                    metadata=metadata,
                    source=source,
                    optimizer_id=grant.optimizer_id,
                )
            )

    def renew(self) -> Variable:
        """Renew the lease now, for its whole length. Returns the variable as it is.

        Raises:
            LeaseLostError: if the lease is lost.
        """
        grant, sent = self._grant, steady_seconds()
        with grant.refusals():
            variable = self._holding.renew()
        grant.renewed(variable.optimization_status.expires_at, sent)
        return grant.saw(variable)


def _leave(
    lease: Lease,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
) -> None:
    lease._leave()(kind, error, traceback)  # noqa: SLF001 - of this module
