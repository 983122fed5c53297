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
from snakestore.repository.base import Bound
from snakestore.repository.session_access import open_to_write, record
from snakestore.repository.variables.update import (
    apply,
    check_holder,
    check_may_write,
    check_version,
    find,
    open_target,
    packed,
    prepare,
)
from snakestore.storage import mapping
from snakestore.storage.execution.connection import Work
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable


class VariableWrites(Bound):
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
            most_bytes=self._options.max_value_bytes,
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
                most_bytes=self._options.max_value_bytes,
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
    work: Work,
    sid: object,
    identifier: object,
    value: object,
    *,
    expected: object,
    metadata: Mapping[str, Any] | None,
    source: object,
    optimizer_id: object,
    most_bytes: int | None,
) -> Variable:
    gate, target = open_target(work, sid, identifier, with_value=False)
    check_may_write(target, optimizer_id, work.now)
    check_version(target, checked_expected_version(expected))
    changed = apply(
        work,
        gate,
        target,
        prepare(target, value, metadata, source, work.now, most_bytes=most_bytes),
    )
    record(work, gate, updates=1)
    return changed


class _RaisedByFn(Exception):  # noqa: N818 - no error of its own: it carries one past the seam, which would take it for the driver's
    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _modify(  # noqa: PLR0913 - the verb's arguments
    work: Work,
    sid: object,
    identifier: object,
    fn: Callable[[Any], Any],
    metadata: Mapping[str, Any] | None,
    source: object,
    optimizer_id: object,
    *,
    most_bytes: int | None,
) -> Variable:
    gate, target = open_target(work, sid, identifier)
    check_may_write(target, optimizer_id, work.now)
    if not callable(fn):
        message = (
            f"fn must be callable, not {type(fn).__name__}: use update_variable for a plain value"
        )
        raise ValidationError(message, value=fn)
    present = target.value()
    try:
        value = fn(present)
    except Exception as error:
        raise _RaisedByFn(error) from error
    changed = apply(
        work,
        gate,
        target,
        prepare(target, value, metadata, source, work.now, most_bytes=most_bytes),
    )
    record(work, gate, updates=1)
    return changed


def _constrain(
    work: Work, sid: object, identifier: object, constraints: dict[str, Any] | None
) -> Variable:
    gate, target = open_target(work, sid, identifier)
    sound = types.check_constraints(target.type, constraints)
    packed(target, target.value(), sound, target.row[4])
    work.change(sql.CONSTRAIN, sid=gate.sid, vid=target.id, new_constraints=types.dumps(sound))
    record(work, gate)
    return find(work, gate.sid, target.id).variable(work.now)


def _delete(work: Work, sid: object, identifier: object, optimizer_id: object) -> bool:
    gate = open_to_write(work, sid)
    text = look_up_text(identifier, "an identifier")
    row = None if text is None else work.first(sql.HELD, sid=gate.sid, identifier=text)
    if row is None or text is None:
        return False
    vid, *holding = (
        row  # no more of it is read, so that what is damaged, or of a type unknown, can be deleted
    )
    check_holder(gate.sid, text, mapping.status_from(tuple(holding), work.now), optimizer_id)
    work.change(sql.FORGET, sid=gate.sid, vid=vid)
    work.change(sql.DELETE, sid=gate.sid, vid=vid)
    record(work, gate, variables=-1)
    return True
