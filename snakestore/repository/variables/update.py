"""Loads one variable for a write, checks its lease and version, and replaces its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from snakestore import types
from snakestore.errors import (
    UnknownTypeError,
    VariableLockedError,
    VariableNotFoundError,
)
from snakestore.lease import OptimizationStatus
from snakestore.names import identifier_text, is_simple_name
from snakestore.repository.arguments import (
    check_size,
    checked_expected_version,
    checked_metadata,
    look_up_text,
)
from snakestore.repository.session_access import (
    lock_session,
    lock_session_beside,
    record_write,
    session_text,
)
from snakestore.repository.versions import Stored, archive_versions, check_version
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.small_arguments import holds_arguments
from snakestore.storage.execution.updates_of_group import shares_record
from snakestore.storage.mapping.replaced import ReplacedVariable
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.mapping.stored_variable import StoredVariable, stored_beside
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import EACH, row_bytes
from snakestore.variable import Variable
from snakestore.versioning import next_version, write_stamp

# --- loading


def get_stored(tx: TransactionContext, sid: str, identifier: object) -> StoredVariable:
    """Read the variable with this id or name.

    Raises:
        VariableNotFoundError: if there is no such variable.
        InvalidNameError: if the identifier is neither str nor Enum.
    """
    text = look_up_text(identifier, "identifier")
    row = (
        None if text is None else tx.fetch_first(sql.SELECT_BY_IDENTIFIER, sid=sid, identifier=text)
    )
    if row is None or text is None:
        raise VariableNotFoundError(sid, identifier_text(identifier))
    return StoredVariable(sid, text, row)


def lock_variable(
    tx: TransactionContext, sid: object, identifier: object, *, with_value: bool = True
) -> tuple[LockedSession, StoredVariable]:
    """Lock a session and read a variable in it, with one statement if possible.

    Args:
        with_value: False leaves out the present value, which is about to be replaced.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        VariableNotFoundError: if there is no such variable.
        InvalidNameError: if the identifier is neither str nor Enum.
    """
    if not is_simple_name(identifier):
        locked = lock_session(tx, sid)
        return locked, get_stored(tx, locked.sid, identifier)
    locked, stored = lock_session_and_variable(tx, sid, identifier, with_value=with_value)
    if stored is None:
        raise VariableNotFoundError(locked.sid, identifier)
    return locked, stored


def lock_session_and_variable(
    tx: TransactionContext, sid: object, identifier: str, *, with_value: bool
) -> tuple[LockedSession, StoredVariable | None]:
    """``lock_variable`` that returns None if there is no such variable.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
    """
    session = session_text(sid)
    statement = sql.SELECT_FOR_UPDATE if with_value else sql.SELECT_FOR_OVERWRITE
    locked, row = lock_session_beside(tx, session, statement, identifier=identifier)
    return locked, stored_beside(session, identifier, row)


# --- checks


def check_lease(
    stored: StoredVariable | ReplacedVariable, optimizer_id: object, now: datetime
) -> None:
    """Check that ``optimizer_id``, or anyone if it is None, may write.

    Raises:
        VariableLockedError: if another optimiser holds the variable, or if ``optimizer_id`` is
            given and does not hold it.
        InvalidNameError: if ``optimizer_id`` is neither str nor Enum.
    """
    if optimizer_id is None and not stored.is_held:
        return
    check_holder(stored.sid, stored.identifier, stored.lease(now), optimizer_id)


def check_optimizer_id(optimizer_id: object) -> None:
    """Check that an optimiser's id is text, or None.

    Raises:
        InvalidNameError: if it is neither.
    """
    if optimizer_id is not None:
        identifier_text(optimizer_id, "optimizer_id")


def check_holder(
    sid: str, identifier: str, status: OptimizationStatus, optimizer_id: object
) -> None:
    """``check_lease`` of a status.

    Raises:
        VariableLockedError, InvalidNameError: as ``check_lease``.
    """
    writer = None if optimizer_id is None else identifier_text(optimizer_id, "optimizer_id")
    if writer != status.optimizer_id:
        raise VariableLockedError(sid, identifier, status.optimizer_id, status.expires_at)


# --- replacing the value


@holds_arguments("value", "metadata", "source", "previous_blob")
class Replacement:
    """A new value as the caller gave it."""

    __slots__ = ("metadata", "previous_blob", "source", "value")

    def __init__(
        self,
        value: object,
        metadata: Mapping[str, Any] | None,
        source: object,
        previous_blob: bytes | None = None,
    ) -> None:
        """Take the arguments of a method.

        Args:
            value: the new value.
            metadata: merged into the present metadata.
            source: recorded in the metadata.
            previous_blob: the bytes that ``value`` was read from, so that an array keeps its dtype.
        """
        self.value = value
        self.metadata = metadata
        self.source = source
        self.previous_blob = previous_blob


Compute = Callable[[TransactionContext, StoredVariable], Replacement | types.Unchanged]


@shares_record
def replace_value(
    tx: TransactionContext,
    sid: object,
    identifier: object,
    replacement: Replacement | Compute,
    *,
    expected_version: object = None,
    optimizer_id: object = None,
    with_value: bool = True,
) -> Variable:
    """Replace a variable's value. Every update of one variable is this sequence.

    Lock the session, read the variable, check its lease and its version, compute and check the new
    value, move the old one into the history, update, record the access.

    Args:
        replacement: the new value, or a function that returns it, given the stored variable; or
            that returns UNCHANGED, to record the access and change nothing else.
        expected_version: refuse to write if the variable is at another version.
        optimizer_id: who writes; None: anyone but an optimiser.
        with_value: False if ``replacement`` does not read the present value.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        VariableNotFoundError: if there is no such variable.
        VariableLockedError, VersionConflictError: as ``check_lease`` and ``check_version``.
        UnknownTypeError, ValidationError: if the new value or metadata is refused.
    """
    locked, stored = lock_variable(tx, sid, identifier, with_value=with_value)
    check_lease(stored, optimizer_id, tx.now)
    if expected_version is not None:
        check_version(stored, checked_expected_version(expected_version))
    given = replacement if isinstance(replacement, Replacement) else replacement(tx, stored)
    if isinstance(given, types.Unchanged):
        record_write(tx, locked)
        return stored.variable(tx.now)
    new = prepare(tx, stored, given)
    write_values(tx, locked, [(stored, new)])
    record_write(tx, locked, updates=1)
    return new.variable(stored)


class NewValue:
    """A new value, checked and encoded."""

    # slots, as above: a write makes one, and a NamedTuple takes twice as long
    __slots__ = ("blob", "constraints", "metadata", "text", "value", "version", "when")

    def __init__(
        self,
        value: Any,
        text: str | None,
        blob: bytes | None,
        metadata: dict[str, Any],
        constraints: dict[str, Any],
        version: int,
        when: datetime,
    ) -> None:
        self.value = value
        self.text = text
        self.blob = blob
        self.metadata = metadata
        self.constraints = constraints
        self.version = version
        self.when = when

    def variable(self, stored: StoredVariable) -> Variable:
        """The variable after the update."""
        # by position: keywords would double what the call costs
        return stored.with_value(
            self.value, self.blob, self.constraints, self.metadata, self.version, self.when
        )


def prepare(
    tx: TransactionContext,
    stored: StoredVariable,
    given: Replacement,
    stamp: Mapping[str, Any] | None = None,
) -> NewValue:
    """Check and encode a new value and its metadata, before anything is written.

    Args:
        tx: where it is to be written.
        stored: what it replaces.
        given: the new value.
        stamp: the ``write_stamp`` of its source, if it was made for several values.

    Raises:
        UnknownTypeError, ValidationError: if the value or the metadata is refused.
    """
    now, constraints = tx.now, stored.constraints()
    value, text, blob = encode_value(stored, given.value, constraints, given.previous_blob)
    check_size(stored.type, text, blob, tx.max_value_bytes)
    metadata = stored.metadata()
    if given.metadata is not None:
        metadata |= checked_metadata(given.metadata)
    metadata |= write_stamp(given.source, now) if stamp is None else stamp
    return NewValue(value, text, blob, metadata, constraints, next_version(stored.version), now)


def encode_value(
    stored: StoredVariable,
    value: object,
    constraints: dict[str, Any],
    previous_blob: bytes | None = None,
) -> tuple[Any, str | None, bytes | None]:
    """Check a value against the variable's type and ``constraints``, and encode it.

    Raises:
        UnknownTypeError: if the type is not registered; names the variable.
        ValidationError: if the value is refused.
    """
    try:
        return types.encode_value(stored.type, value, constraints, previous_blob)
    except UnknownTypeError as error:
        raise unknown_type(stored) from error


def unknown_type(stored: StoredVariable | ReplacedVariable) -> UnknownTypeError:
    """The error for a variable of a type that is not registered, which names the variable."""
    where = f"variable {stored.identifier!r} of session {stored.sid!r}"
    return UnknownTypeError(stored.type, known=types.supported_types(), where=where)


def write_values(
    tx: TransactionContext, locked: LockedSession, changes: list[tuple[StoredVariable, NewValue]]
) -> None:
    """Move the present values of variables into the history and store new ones."""
    if locked.history_limit != 0:
        archive(tx, locked, [stored for stored, _ in changes])
    if changes:
        rows = [
            (stored.id, stored.address, new.text, new.blob, types.dumps(new.metadata))
            for stored, new in changes
        ]
        update_rows(tx, locked.sid, rows)


_UPDATED = ("vid", "address", "new_value", "new_value_blob", "new_metadata")
_UPDATED_IN_ARRAYS = (EACH, "new_value", "new_value_blob", "new_metadata")
_MAX_IN_ARRAY = 16_384
"""Bytes of a row that is sent in arrays with others; a larger one is sent alone."""
UpdatedRow = tuple[str, int | None, str | None, bytes | None, str]
"""A variable's id and address, and its new value as text, as bytes, and its new metadata."""


def update_rows(tx: TransactionContext, sid: str, rows: Sequence[UpdatedRow]) -> None:
    """Store new values of variables; their versions rise by one.

    A database has addresses, and all rows have theirs, or none has one.
    """
    [(vid, address, text, blob, metadata), *more] = rows
    statement = sql.UPDATE if address is None else sql.UPDATE_AT_ADDRESS
    if more:
        shared = {"sid": sid, "new_last_updated_at": tx.now}
        if tx.uses_arrays(len(rows)):
            small = [row for row in rows if row_bytes(row) <= _MAX_IN_ARRAY]
            rows = [row for row in rows if row_bytes(row) > _MAX_IN_ARRAY]
            cells = [(vid, *new) for vid, _, *new in small]
            tx.send_arrays(sql.UPDATE_SEVERAL, _UPDATED_IN_ARRAYS, cells, **shared)
        if rows:
            tx.send_rows(statement, _UPDATED, rows, **shared)
        return
    tx.send(
        statement,
        sid=sid,
        vid=vid,
        address=address,
        new_value=text,
        new_value_blob=blob,
        new_metadata=metadata,
        new_last_updated_at=tx.now,
    )


def archive(tx: TransactionContext, locked: LockedSession, replaced: Sequence[Stored]) -> None:
    """Copy values that are about to be replaced into the history, as far as its limit allows."""
    archive_versions(tx, locked, history_sql.OF_VARIABLES, replaced)
