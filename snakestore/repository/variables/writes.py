"""Methods that change one existing variable."""

from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any

from snakestore import types
from snakestore.errors import ValidationError
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import lock_session_beside, lookup_key, record_write
from snakestore.repository.space import delete_from
from snakestore.repository.variables.update import (
    Replacement,
    check_holder,
    encode_value,
    get_stored,
    lock_variable,
    replace_value,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.leases import lease_beside
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable


class VariableWriteMethods(RepositoryBase):
    """Methods that change one variable."""

    def update_variable(
        self,
        sid: str,
        identifier: str,
        value: Any,
        *,
        expected_version: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        optimizer_id: str | None = None,
    ) -> Variable:
        """Replace a variable's value. The old value moves into the history.

        The version rises by one, also for an equal value. Counts as an access (updates
        ``last_accessed``).

        Args:
            value: checked against the variable's type and constraints.
            expected_version: refuse to write if the variable is at another version.
            metadata: merged one level deep into the present metadata, before ``source`` and
                ``updated_at``.
            source: recorded in the metadata.
            optimizer_id: the optimiser that writes and must hold the variable.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            VariableLockedError: if another optimiser holds the variable, or if ``optimizer_id`` is
                given and does not hold it.
            VersionConflictError: if the variable is not at ``expected_version``. Nothing is
                changed, and no access is recorded.
            UnknownTypeError, ConstraintError, ValidationError: if ``value`` or ``metadata`` is
                refused.
        """
        return self._runner.write(
            replace_value,
            sid,
            identifier,
            Replacement(value, metadata, source),
            expected_version=expected_version,
            optimizer_id=optimizer_id,
            with_value=False,
        )

    def modify_variable(
        self,
        sid: str,
        identifier: str,
        fn: Callable[[Any], Any],
        *,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        optimizer_id: str | None = None,
    ) -> Variable:
        """Replace a variable's value by ``fn(value)``, atomically.

        ``fn`` runs inside the write transaction, and again if that transaction is retried. Keep it
        quick and free of side effects. If it returns ``snakestore.UNCHANGED``, nothing is changed:
        the call counts as an access, and there is no new version. Everything else is as in
        ``update_variable``.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError, VariableLockedError: as ``update_variable``.
            UnknownTypeError, ConstraintError, ValidationError: as ``update_variable``, and if
                ``fn`` is not callable or is a coroutine function, or returns None in place of a
                value that was not None, as an in-place method such as ``list.append`` does.
            Exception: whatever ``fn`` raises. Nothing is changed then.
        """

        def compute(
            _tx: TransactionContext, stored: StoredVariable
        ) -> Replacement | types.Unchanged:
            """Call ``fn`` with the stored value, under the lock of the transaction."""
            value = _call(fn, stored)
            # on a connection of the caller's, fn may have deleted the row: then the next new one
            # may have its address
            stored.address = None
            return (
                value
                if isinstance(value, types.Unchanged)
                else Replacement(value, metadata, source)
            )

        try:
            return self._runner.write_calling(
                replace_value, sid, identifier, compute, optimizer_id=optimizer_id
            )
        except _RaisedByFn as raised:
            raise raised.error from raised.error.__cause__

    def update_constraints(
        self, sid: str, identifier: str, constraints: dict[str, Any] | None
    ) -> Variable:
        """Replace a variable's constraints if its present value satisfies them.

        Value, version and stats do not change. Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            ConstraintError, ValidationError: if the constraints are invalid, or the present value
                violates them.
        """
        return self._runner.write(_update_constraints, sid, identifier, constraints)

    def delete_variable(
        self, sid: str, identifier: str, *, optimizer_id: str | None = None
    ) -> bool:
        """Delete a variable with its history. Counts as an access if there was one.

        Returns:
            Whether a variable was deleted; False if there is none, also with an ``optimizer_id``.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableLockedError: if another optimiser holds the variable, or if ``optimizer_id`` is
                given and does not hold it.
        """
        return delete_from(self._runner, _delete, sid, identifier, optimizer_id)


class _RaisedByFn(Exception):  # noqa: N818 - carries an error
    """Carries an error of ``fn`` past the translation of driver errors."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _call(fn: Callable[[Any], Any], stored: StoredVariable) -> Any:
    """``fn`` of the stored value.

    Raises:
        ValidationError: if ``fn`` is no plain function, or returns None in place of another value.
        _RaisedByFn: if ``fn`` raises.
    """
    if not callable(fn):
        message = (
            f"fn must be callable, not {type(fn).__name__}. Use update_variable() for a plain"
            " value."
        )
        raise ValidationError(message, value=fn)
    value = stored.value()
    try:
        returned = fn(value)
    except Exception as error:
        raise _RaisedByFn(error) from error
    if hasattr(returned, "__await__"):
        if isinstance(returned, CoroutineType):
            returned.close()  # or Python warns that it was never awaited
        message = (
            "fn must be a plain function, not a coroutine function: nothing is awaited inside the"
            " write transaction. Await before the call, and pass fn what it needs."
        )
        raise ValidationError(message, type=stored.type, value=fn)
    if returned is None and value is not None:
        message = (
            f"fn returned None in place of a value of type {type(value).__name__}. A method that"
            " changes a value in place, such as list.append, returns None. Return the changed value"
            " from fn, or snakestore.UNCHANGED to change nothing; update_variable() writes None."
        )
        raise ValidationError(message, type=stored.type, value=None)
    return returned


def _update_constraints(
    tx: TransactionContext, sid: object, identifier: object, constraints: dict[str, Any] | None
) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier)
    checked = types.check_constraints(stored.type, constraints)
    encode_value(stored, stored.value(), checked, stored.blob)
    tx.send(
        sql.UPDATE_CONSTRAINTS, sid=locked.sid, vid=stored.id, new_constraints=types.dumps(checked)
    )
    record_write(tx, locked)
    return get_stored(tx, locked.sid, stored.id).variable(tx.now)


def _delete(tx: TransactionContext, sid: str, identifier: object, optimizer_id: object) -> bool:
    session, text = lookup_key(tx, sid, identifier)
    # only the lease is read, so that a damaged variable, or one of an unknown type, can be deleted
    locked, row = lock_session_beside(tx, session, sql.SELECT_LEASE_FOR_UPDATE, identifier=text)
    lease = lease_beside(locked.sid, row, tx.now)
    if lease is None:
        return False
    check_holder(locked.sid, text, lease.status, optimizer_id)
    tx.send(history_sql.OF_VARIABLES.delete, sid=locked.sid, vid=lease.variable_id)
    tx.send(sql.DELETE, sid=locked.sid, vid=lease.variable_id)
    record_write(tx, locked, variables=-1)
    return True
