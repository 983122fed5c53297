"""Methods that start, renew and end the optimisation of a variable."""

from __future__ import annotations

from datetime import timedelta

from snakestore.repository.base import RepositoryBase
from snakestore.repository.variables.lease_operations import claim, end, renew, start
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
