"""Verbs about who is optimising a variable: a lease, taken by compare-and-set."""

from __future__ import annotations

from datetime import timedelta

from snakestore import types
from snakestore.clock import shifted
from snakestore.errors import VariableLockedError
from snakestore.lease import checked_lease, checked_pid
from snakestore.names import checked_name, identifier_text
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import record
from snakestore.repository.variables.update import find, lock_variable
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable


class LeaseMethods(RepositoryBase):
    """The part of a repository that is about optimisation."""

    def start_optimization(
        self,
        sid: str,
        identifier: str,
        optimizer_id: str,
        optimizer_pid: str | int | None = None,
        *,
        lease: float | timedelta | None = None,
    ) -> Variable:
        """Take the variable for one optimiser: until it ends the optimisation, or the lease runs out, only it may write.

        The holder renews its lease this way. A lease that ran out is no lease, and the next one
        takes over. Value, version and stats stay. An access.

        Args:
            lease: seconds or timedelta; None: until ended.

        Raises:
            SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
            VariableLockedError: another holds it; ``.holder`` and ``.expires_at`` say who and until
                when.
            InvalidNameError, ValidationError: an argument may not be.
        """
        return self._runner.write(_start, sid, identifier, optimizer_id, optimizer_pid, lease)

    def end_optimization(
        self, sid: str, identifier: str, optimizer_id: str | None = None
    ) -> Variable:
        """Let everybody write again. A variable that nobody holds is returned unchanged. An access.

        Args:
            optimizer_id: only if it is the holder; None: whoever holds it.

        Raises:
            SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
            VariableLockedError: another than ``optimizer_id`` holds it.
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
    status = mapping.status_from(stored.row[10:14], tx.now)
    if status.optimizing and status.optimizer_id != optimizer:
        raise VariableLockedError(
            locked.sid, stored.identifier, status.optimizer_id, status.expires_at
        )
    pid, length = checked_pid(optimizer_pid), checked_lease(lease)
    kept_pid = status.optimizer_pid if pid is None else pid
    tx.execute(
        sql.UPDATE_LEASE,
        sid=locked.sid,
        vid=stored.id,
        optimizer=optimizer,
        pid=None if kept_pid is None else types.dumps(kept_pid),
        started=status.started_at or tx.now,
        expires=None if length is None else shifted(tx.now, length),
    )
    record(tx, locked)
    return find(tx, locked.sid, stored.id).variable(tx.now)


def _end(tx: TransactionContext, sid: object, identifier: object, optimizer_id: object) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier)
    status = mapping.status_from(stored.row[10:14], tx.now)
    named = None if optimizer_id is None else identifier_text(optimizer_id, "optimizer_id")
    if status.optimizing and named not in (None, status.optimizer_id):
        raise VariableLockedError(
            locked.sid, stored.identifier, status.optimizer_id, status.expires_at
        )
    tx.execute(
        sql.UPDATE_LEASE,
        sid=locked.sid,
        vid=stored.id,
        optimizer=None,
        pid=None,
        started=None,
        expires=None,
    )
    record(tx, locked)
    return find(tx, locked.sid, stored.id).variable(tx.now)
