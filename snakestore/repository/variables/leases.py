"""Methods that start and end the optimisation of a variable: a lease, taken by compare-and-set."""

from __future__ import annotations

from datetime import timedelta

from snakestore import types
from snakestore.clock import shifted
from snakestore.errors import VariableLockedError
from snakestore.lease import OptimizationStatus, checked_lease, checked_pid
from snakestore.names import checked_name, identifier_text
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import record_write
from snakestore.repository.variables.update import get_stored, lock_variable
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.queries import variables as sql
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

        Args:
            optimizer_pid: the optimiser's process; None keeps the recorded one on renewal.
            lease: length in seconds or as a timedelta; None: until the optimisation ends.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            VariableLockedError: if another optimiser holds the variable (``.holder``,
                ``.expires_at``).
            InvalidNameError, ValidationError: if an argument is invalid.
        """
        return self._runner.write(_start, sid, identifier, optimizer_id, optimizer_pid, lease)

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
        return self._runner.write(_end, sid, identifier, optimizer_id)


def _start(
    tx: TransactionContext,
    sid: object,
    identifier: object,
    optimizer_id: object,
    optimizer_pid: object,
    lease: object,
) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier)
    optimizer = checked_name(optimizer_id, "optimizer_id")
    status = stored.lease(tx.now)
    if status.optimizing and status.optimizer_id != optimizer:
        raise _held(stored, status)
    pid, length = checked_pid(optimizer_pid), checked_lease(lease)
    recorded_pid = status.optimizer_pid if pid is None else pid
    tx.execute(
        sql.UPDATE_LEASE,
        sid=locked.sid,
        vid=stored.id,
        optimizer=optimizer,
        pid=None if recorded_pid is None else types.dumps(recorded_pid),
        started=status.started_at or tx.now,
        expires=None if length is None else shifted(tx.now, length),
    )
    record_write(tx, locked)
    return get_stored(tx, locked.sid, stored.id).variable(tx.now)


def _end(tx: TransactionContext, sid: object, identifier: object, optimizer_id: object) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier)
    status = stored.lease(tx.now)
    optimizer = None if optimizer_id is None else identifier_text(optimizer_id, "optimizer_id")
    if status.optimizing and optimizer not in (None, status.optimizer_id):
        raise _held(stored, status)
    tx.execute(
        sql.UPDATE_LEASE,
        sid=locked.sid,
        vid=stored.id,
        optimizer=None,
        pid=None,
        started=None,
        expires=None,
    )
    record_write(tx, locked)
    return get_stored(tx, locked.sid, stored.id).variable(tx.now)


def _held(stored: StoredVariable, status: OptimizationStatus) -> VariableLockedError:
    return VariableLockedError(
        stored.sid, stored.identifier, status.optimizer_id, status.expires_at
    )
