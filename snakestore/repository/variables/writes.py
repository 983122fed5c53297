"""Verbs that change a variable that is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakestore import types
from snakestore.errors import ValidationError
from snakestore.repository.arguments import (
    checked_expected_version,
    look_up_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import lock_session, record
from snakestore.repository.variables.update import (
    apply,
    check_holder,
    check_may_write,
    check_version,
    find,
    lock_variable,
    packed,
    prepare,
)
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable


class VariableWriteMethods(RepositoryBase):
    """The part of a repository that changes variables, one at a time."""

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
        """Replace a variable's value; its version rises by one, also for an equal value. The old value goes into the history.

        Args:
            expected_version: only if the variable is at this version.
            metadata: merged one level deep into the present metadata, under ``source`` and
                ``updated_at``.

        Raises:
            SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
            VariableLockedError: it is being optimised by another, or not by ``optimizer_id``.
            VersionConflictError: it is at another version. Nothing was changed, the session not
                touched.
            UnknownTypeError, ConstraintError, ValidationError: value or metadata may not be.
        """
        return self._runner.write(
            _update,
            sid,
            identifier,
            value,
            expected=expected_version,
            metadata=metadata,
            source=source,
            optimizer_id=optimizer_id,
            max_value_bytes=self._options.max_value_bytes,
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
        """Replace a variable's value by ``fn`` of it, atomically: read, compute, write, nobody in between.

        ``fn`` runs inside the write transaction, and again if that is retried: keep it quick and
        free of effects.

        Raises:
            As ``update_variable``, and whatever ``fn`` raises; nothing is changed then.
        """
        try:
            return self._runner.write_calling(
                _modify,
                sid,
                identifier,
                fn,
                metadata,
                source,
                optimizer_id,
                max_value_bytes=self._options.max_value_bytes,
            )
        except _RaisedByFn as raised:
            raise raised.error from raised.error.__cause__

    def update_constraints(
        self, sid: str, identifier: str, constraints: dict[str, Any] | None
    ) -> Variable:
        """Replace a variable's constraints, if its present value satisfies them. Value, version and stats stay. An access.

        Raises:
            SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
            ConstraintError, ValidationError: the constraints are unsound, or the present value
                breaks them.
        """
        return self._runner.write(_constrain, sid, identifier, constraints)

    def delete_variable(
        self, sid: str, identifier: str, *, optimizer_id: str | None = None
    ) -> bool:
        """Delete a variable with its history; whether there was one (if not, it is no access).

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            VariableLockedError: it is being optimised by another, or not by ``optimizer_id``.
        """
        return self._runner.write(_delete, sid, identifier, optimizer_id)


def _update(  # noqa: PLR0913 - the verb's arguments
    tx: TransactionContext,
    sid: object,
    identifier: object,
    value: object,
    *,
    expected: object,
    metadata: Mapping[str, Any] | None,
    source: object,
    optimizer_id: object,
    max_value_bytes: int | None,
) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier, with_value=False)
    check_may_write(stored, optimizer_id, tx.now)
    check_version(stored, checked_expected_version(expected))
    changed = apply(
        tx,
        locked,
        stored,
        prepare(stored, value, metadata, source, tx.now, max_value_bytes=max_value_bytes),
    )
    record(tx, locked, updates=1)
    return changed


class _RaisedByFn(Exception):  # noqa: N818 - no error of its own: it carries one past the seam, which would take it for the driver's
    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _modify(  # noqa: PLR0913 - the verb's arguments
    tx: TransactionContext,
    sid: object,
    identifier: object,
    fn: Callable[[Any], Any],
    metadata: Mapping[str, Any] | None,
    source: object,
    optimizer_id: object,
    *,
    max_value_bytes: int | None,
) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier)
    check_may_write(stored, optimizer_id, tx.now)
    if not callable(fn):
        message = (
            f"fn must be callable, not {type(fn).__name__}: use update_variable for a plain value"
        )
        raise ValidationError(message, value=fn)
    present = stored.value()
    try:
        value = fn(present)
    except Exception as error:
        raise _RaisedByFn(error) from error
    changed = apply(
        tx,
        locked,
        stored,
        prepare(stored, value, metadata, source, tx.now, max_value_bytes=max_value_bytes),
    )
    record(tx, locked, updates=1)
    return changed


def _constrain(
    tx: TransactionContext, sid: object, identifier: object, constraints: dict[str, Any] | None
) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier)
    sound = types.check_constraints(stored.type, constraints)
    packed(stored, stored.value(), sound, stored.row[4])
    tx.execute(
        sql.UPDATE_CONSTRAINTS, sid=locked.sid, vid=stored.id, new_constraints=types.dumps(sound)
    )
    record(tx, locked)
    return find(tx, locked.sid, stored.id).variable(tx.now)


def _delete(tx: TransactionContext, sid: object, identifier: object, optimizer_id: object) -> bool:
    locked = lock_session(tx, sid)
    text = look_up_text(identifier, "identifier")
    row = (
        None if text is None else tx.fetch_first(sql.SELECT_LEASE, sid=locked.sid, identifier=text)
    )
    if row is None or text is None:
        return False
    vid, *holding = (
        row  # no more of it is read, so that what is damaged, or of a type unknown, can be deleted
    )
    check_holder(locked.sid, text, mapping.status_from(tuple(holding), tx.now), optimizer_id)
    tx.execute(history_sql.DELETE_HISTORY, sid=locked.sid, vid=vid)
    tx.execute(sql.DELETE, sid=locked.sid, vid=vid)
    record(tx, locked, variables=-1)
    return True
