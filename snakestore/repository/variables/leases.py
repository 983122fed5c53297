"""Methods that start, renew and end the optimisation of a variable."""

from datetime import timedelta
from typing import cast

import snakestore
from snakestore.repository.base import RepositoryBase
from snakestore.repository.variables.lease_operations import claim, end, renew, start
from snakestore.repository.variables.writes import VariableWriteMethods
from snakestore.variable import Variable


class LeaseMethods(RepositoryBase):
    """Methods about the optimisation of a variable."""

    def start_optimization(
        self,
        sid: str,
        identifier: str,
        optimizer_id: str,
        optimizer_pid: str | int | None = None,
        *,
        lease: float | timedelta | None = None,
    ) -> Variable:
        """Start the optimisation of a variable, or renew it.

        Until the optimisation ends or its lease expires, only this optimiser may write the
        variable. Value, version and stats do not change. Counts as an access (updates
        ``last_accessed``).

        A start after the lease expired is a new start: others may have written since. Decide by the
        variable that is returned, not by what was read before. To go on only if the lease was never
        lost, use ``renew_optimization``. Two processes with one ``optimizer_id`` both count as the
        holder; ``lease()`` gives each its own.

        Args:
            optimizer_pid: the optimiser's process; None keeps the recorded one on renewal.
            lease: length in seconds or as a timedelta; None: until the optimisation ends.

        Returns:
            The variable as it is now.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            VariableLockedError: if another optimiser holds the variable (``.holder``,
                ``.expires_at``).
            InvalidNameError, ValidationError: if an argument is invalid.
        """
        return self._runner.write(start, sid, identifier, optimizer_id, optimizer_pid, lease)

    def renew_optimization(
        self,
        sid: str,
        identifier: str,
        optimizer_id: str,
        *,
        lease: float | timedelta | None,
    ) -> Variable:
        """Renew the lease on a variable, only while it is held.

        Value, version and stats do not change. Counts as an access (updates ``last_accessed``).

        Args:
            lease: its new length, from now, in seconds or as a timedelta; None: until the
                optimisation ends.

        Returns:
            The variable as it is now.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            LeaseLostError: if the optimiser does not hold the variable, also if nobody does.
            InvalidNameError, ValidationError: if an argument is invalid.
        """
        return self._runner.write(renew, sid, identifier, optimizer_id, lease)

    def claim_variable(
        self,
        sid: str,
        pattern: str,
        optimizer_id: str,
        optimizer_pid: str | int | None = None,
        *,
        lease: float | timedelta | None,
    ) -> Variable | None:
        """Start the optimisation of the first matching variable that nobody holds, in one step.

        The first is the one with the earliest ``created_at``, ties by id. However many claim at
        once, each variable goes to one of them. Only names in the range of the pattern's literal
        prefix are read. Value, version and stats do not change. Counts as an access (updates
        ``last_accessed``).

        A variable can be claimed again once its optimisation has ended or its lease has expired. To
        take it out of the work to do, delete or rename it first.

        Args:
            pattern: which names (``*`` matches any run of characters, all else is literal).
            optimizer_pid: the optimiser's process.
            lease: length in seconds or as a timedelta; None: until the optimisation ends.

        Returns:
            The variable, or None if no variable that matches is free.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError, ValidationError: if an argument is invalid.
        """
        return self._runner.write(claim, sid, pattern, optimizer_id, optimizer_pid, lease)

    def lease(
        self,
        sid: str,
        identifier: str,
        *,
        seconds: float | timedelta = 60.0,
        optimizer_id: str | None = None,
        renew: bool = True,
    ) -> "snakestore.Lease":
        """Hold a variable for the length of a ``with`` block.

        Entering the block starts the optimisation, and leaving it ends it. Each block has an id of
        its own, so that a process that was restarted, or slept past its lease, cannot write in
        place of its successor. The block gets a Lease: its ``variable`` as last seen, ``update()``,
        ``modify()``, ``renew()`` and ``lost``. Each of them counts as an access.

        Args:
            seconds: the length of the lease, in seconds or as a timedelta.
            optimizer_id: an id to hold the variable by, such as that of ``claim_variable``; None: a
                new unique id. Two blocks with one id at the same time both hold the variable.
            renew: renew the lease in a daemon thread after every third of its length. Not possible
                in a transaction.

        Raises, on entering the block:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            VariableLockedError: if another optimiser holds the variable.
            InvalidNameError, ValidationError: if an argument is invalid.
            StoreError: if ``renew`` is True on a Connection, an ``orm.Session`` or in a
                ``transaction()``.

        Raises, in the block and at its end:
            LeaseLostError: if the lease was lost. Nothing was written.
        """
        from snakestore.repository.variables.held_lease import Lease  # noqa: PLC0415 - on use

        repository = cast("VariableWriteMethods", self)  # every repository has them
        return Lease(
            repository, sid, identifier, seconds=seconds, optimizer_id=optimizer_id, renew=renew
        )

    def end_optimization(
        self, sid: str, identifier: str, optimizer_id: str | None = None
    ) -> Variable:
        """End the optimisation of a variable, so that anyone may write it again.

        A free variable is returned unchanged. Counts as an access (updates ``last_accessed``).

        Args:
            optimizer_id: end it only if this optimiser holds the variable; None: no matter who.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            VariableLockedError: if another optimiser than ``optimizer_id`` holds the variable.
        """
        return self._runner.write(end, sid, identifier, optimizer_id)
