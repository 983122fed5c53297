"""What methods about leases do in a transaction: a lease is taken by compare-and-set."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from snakestore import types
from snakestore.clock import shifted
from snakestore.errors import LeaseLostError, ValidationError, VariableLockedError
from snakestore.lease import NOT_OPTIMIZING, OptimizationStatus, checked_lease, checked_pid
from snakestore.names import LAST_CODE_POINT, MAX_NAME_LENGTH, checked_name, identifier_text
from snakestore.patterns import Pattern
from snakestore.repository.session_access import (
    lock_session_for_claim,
    record_access,
    record_write,
)
from snakestore.repository.variables.update import get_stored, lock_variable
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.identities import identities_from
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.queries import leases as sql
from snakestore.variable import Variable

_BEYOND_ALL_NAMES = chr(LAST_CODE_POINT) * (MAX_NAME_LENGTH + 1)


class Terms(NamedTuple):
    """Who takes a lease, in which process, and for how long."""

    optimizer: str
    pid: str | int | None
    length: timedelta | None

    @classmethod
    def checked(cls, optimizer_id: object, optimizer_pid: object, lease: object) -> Terms:
        """The checked arguments of a method.

        Raises:
            InvalidNameError, ValidationError: if one of them is invalid.
        """
        return cls(
            checked_name(optimizer_id, "optimizer_id"),
            checked_pid(optimizer_pid),
            checked_lease(lease),
        )


def start(
    tx: TransactionContext,
    sid: object,
    identifier: object,
    optimizer_id: object,
    optimizer_pid: object,
    lease: object,
    *,
    endless: bool = True,
) -> Variable:
    """Take a lease, or renew it; ``endless`` allows one that lasts until it is ended.

    Raises:
        SessionNotFoundError, SessionExpiredError, VariableNotFoundError: as ``lock_variable``.
        VariableLockedError: if another optimiser holds the variable.
        InvalidNameError, ValidationError: if an argument is invalid.
    """
    locked, stored = lock_variable(tx, sid, identifier)
    status = stored.lease(tx.now)
    if status.optimizing and status.optimizer_id != checked_name(optimizer_id, "optimizer_id"):
        raise _held(stored, status)
    terms = Terms.checked(optimizer_id, optimizer_pid, lease)
    if terms.length is None and not endless:
        message = (
            "seconds must be a number or a timedelta, because a lease() expires."
            " start_optimization() without a lease lasts until it is ended."
        )
        raise ValidationError(message, value=lease)
    granted = _grant(tx, locked.sid, stored.id, terms, status)
    record_write(tx, locked)
    return stored.with_status(granted)


def renew(
    tx: TransactionContext, sid: object, identifier: object, optimizer_id: object, lease: object
) -> Variable:
    """Renew a lease that is held, and return the variable.

    Raises:
        SessionNotFoundError, SessionExpiredError, VariableNotFoundError: as ``lock_variable``.
        LeaseLostError: if the optimiser does not hold the variable.
        InvalidNameError, ValidationError: if an argument is invalid.
    """
    stored, _ = _extend(tx, sid, identifier, optimizer_id, lease)
    return get_stored(tx, stored.sid, stored.id).variable(tx.now)


def extend(
    tx: TransactionContext, sid: object, identifier: object, optimizer_id: object, lease: object
) -> datetime | None:
    """``renew`` without reading the value. Returns when the lease expires."""
    return _extend(tx, sid, identifier, optimizer_id, lease)[1]


def _extend(
    tx: TransactionContext, sid: object, identifier: object, optimizer_id: object, lease: object
) -> tuple[StoredVariable, datetime | None]:
    locked, stored = lock_variable(tx, sid, identifier, with_value=False)
    status = _check_held(stored, optimizer_id, tx.now)
    granted = _grant(tx, locked.sid, stored.id, Terms.checked(optimizer_id, None, lease), status)
    record_write(tx, locked)
    return stored, granted.expires_at


def claim(
    tx: TransactionContext,
    sid: object,
    pattern: object,
    optimizer_id: object,
    optimizer_pid: object,
    lease: object,
) -> Variable | None:
    """Take a lease on the oldest free variable that matches; None: there is none.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        InvalidNameError, ValidationError: if an argument is invalid.
    """
    session = lock_session_for_claim(tx, sid)
    parsed = Pattern.parse(pattern)
    terms = Terms.checked(optimizer_id, optimizer_pid, lease)
    vid = _claim_first(tx, session, parsed)
    if vid is not None:
        _grant(tx, session, vid, terms, NOT_OPTIMIZING)
    record_access(tx, session)
    return None if vid is None else get_stored(tx, session, vid).variable(tx.now)


def _claim_first(tx: TransactionContext, session: str, pattern: Pattern) -> str | None:
    """Lock the oldest free variable that matches, and return its id.

    On a server, one that another claim has locked is skipped.
    """
    if not pattern.possible:
        return None
    key = {"sid": session, "now": tx.now}
    bounds = {"lower": pattern.lower, "upper": pattern.upper or _BEYOND_ALL_NAMES}
    if pattern.only_a_prefix:
        rows = (
            tx.fetch_all(sql.CLAIM_FIRST, **key, **bounds)
            if pattern.lower
            else tx.fetch_all(sql.CLAIM_OLDEST, **key)
        )
        first = identities_from(rows)
        return first[0].id if first else None
    for each in identities_from(tx.fetch_all(sql.SELECT_CLAIMABLE, **key, **bounds)):
        if pattern.matches(each.name) and tx.fetch_first(
            sql.CLAIM, sid=session, vid=each.id, now=tx.now
        ):
            return each.id
    return None


def end(tx: TransactionContext, sid: object, identifier: object, optimizer_id: object) -> Variable:
    """End a lease of ``optimizer_id``, or of anyone if it is None.

    Raises:
        SessionNotFoundError, SessionExpiredError, VariableNotFoundError: as ``lock_variable``.
        VariableLockedError: if another optimiser holds the variable.
    """
    locked, stored = lock_variable(tx, sid, identifier)
    status = stored.lease(tx.now)
    optimizer = None if optimizer_id is None else identifier_text(optimizer_id, "optimizer_id")
    if status.optimizing and optimizer not in (None, status.optimizer_id):
        raise _held(stored, status)
    _clear(tx, locked.sid, stored.id)
    record_write(tx, locked)
    return stored.with_status(NOT_OPTIMIZING)


def release(tx: TransactionContext, sid: object, identifier: object, optimizer_id: object) -> None:
    """End a lease that is held.

    Raises:
        SessionNotFoundError, SessionExpiredError, VariableNotFoundError: as ``lock_variable``.
        LeaseLostError: if the optimiser does not hold the variable.
    """
    locked, stored = lock_variable(tx, sid, identifier, with_value=False)
    _check_held(stored, optimizer_id, tx.now)
    _clear(tx, locked.sid, stored.id)
    record_write(tx, locked)


def _check_held(stored: StoredVariable, optimizer_id: object, now: datetime) -> OptimizationStatus:
    status = stored.lease(now)
    if status.optimizer_id != identifier_text(optimizer_id, "optimizer_id"):
        raise LeaseLostError(stored.sid, stored.identifier, status.optimizer_id, status.expires_at)
    return status


def _held(stored: StoredVariable, status: OptimizationStatus) -> VariableLockedError:
    return VariableLockedError(
        stored.sid, stored.identifier, status.optimizer_id, status.expires_at
    )


def _grant(
    tx: TransactionContext, sid: str, vid: str, terms: Terms, previous: OptimizationStatus
) -> OptimizationStatus:
    """Write a lease. One that is renewed keeps when it started, and its process if none is given.

    Returns:
        The status of the variable from now on.
    """
    pid = previous.optimizer_pid if terms.pid is None else terms.pid
    started_at = previous.started_at or tx.now
    expires_at = None if terms.length is None else shifted(tx.now, terms.length)
    tx.send(
        sql.UPDATE_LEASE,
        sid=sid,
        vid=vid,
        optimizer=terms.optimizer,
        pid=None if pid is None else types.dumps(pid),
        started=started_at,
        expires=expires_at,
    )
    return OptimizationStatus(
        optimizing=True,
        optimizer_id=terms.optimizer,
        optimizer_pid=pid,
        started_at=started_at,
        expires_at=expires_at,
    )


def _clear(tx: TransactionContext, sid: str, vid: str) -> None:
    tx.send(
        sql.UPDATE_LEASE, sid=sid, vid=vid, optimizer=None, pid=None, started=None, expires=None
    )
