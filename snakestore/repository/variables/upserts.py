"""set_value and set_values: methods that update the variable of a name, or register it."""

from collections.abc import Callable, Mapping
from typing import Any

from snakestore import types
from snakestore.errors import (
    BatchError,
    SnakeStoreError,
    StoreError,
    ValidationError,
    VariableExistsError,
    VariableNotFoundError,
    VersionConflictError,
)
from snakestore.lease import NOT_OPTIMIZING
from snakestore.names import checked_name, identifier_text, invalid_name_reason, is_simple_name
from snakestore.repository.arguments import (
    checked_expected_version,
    checked_expected_versions,
    checked_metadata,
    key_text,
    look_up_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import lock_session, record_write
from snakestore.repository.variables.insertion import (
    NewVariable,
    insert,
    name_conflict,
    new_variable,
)
from snakestore.repository.variables.update import (
    NewValue,
    Replacement,
    check_holder,
    check_lease,
    check_optimizer_id,
    lock_session_and_variable,
    prepare,
    write_values,
)
from snakestore.repository.versions import check_version
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.small_arguments import holds_arguments
from snakestore.storage.mapping.identities import Identity
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.mapping.variables import by_id, by_name
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable
from snakestore.versioning import merged_metadata


class UpsertMethods(RepositoryBase):
    """Methods that store values by name."""

    def set_value(  # noqa: PLR0913 - the contract's arguments
        self,
        sid: str,
        name: str,
        value: Any,
        *,
        type: str | None = None,  # noqa: A002 - the field's own name
        expected_version: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        optimizer_id: str | None = None,
    ) -> Variable:
        """Replace the value of the variable of this name, or register it.

        Only names are looked up: a name that is the id of another variable is refused. A variable
        that exists is updated as ``update_variable`` does, a new one is at version 0. Counts as an
        access (updates ``last_accessed``).

        Args:
            value: checked against the variable's type and constraints.
            type: the type of a new variable; the stored type must be the same. None: the stored
                type, or that of the value (bool: boolean, int: integer, float: float, str: string,
                numpy array: tensor, bytes: bytes, all else: json).
            expected_version: refuse to write if the variable is at another version, or missing.
            metadata: merged one level deep into the present metadata, before ``source`` and
                ``updated_at``.
            source: recorded in the metadata, also of a new variable.
            optimizer_id: the optimiser that writes and must hold the variable.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableLockedError: if another optimiser holds the variable, or if ``optimizer_id`` is
                given and does not hold it.
            VersionConflictError: if the variable is not at ``expected_version`` (``.actual`` None:
                there is no such variable). Nothing is changed, and no access is recorded.
            VariableExistsError: if the variable has another type than ``type``, or the name is the
                id of another variable.
            InvalidNameError: if there is no such variable and the name is not a valid one.
            UnknownTypeError, ConstraintError, ValidationError: if ``value`` or ``metadata`` is
                refused.
        """
        how = Assignment(type, metadata, source, optimizer_id)
        return self._runner.write(set_named, sid, name, value, expected_version, how)

    def set_values(
        self,
        sid: str,
        values: Mapping[str, Any],
        *,
        expected_versions: Mapping[str, int] | None = None,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        optimizer_id: str | None = None,
    ) -> dict[str, Variable]:
        """Replace the values of the variables of these names, or register them, all or nothing.

        Each is stored as by ``set_value``. Counts as an access (updates ``last_accessed``).

        Args:
            values: name -> value.
            expected_versions: name -> expected version, with keys of ``values``.
            metadata: merged into the metadata of each variable.
            source: recorded in the metadata of each variable.
            optimizer_id: as in ``set_value``.

        Returns:
            Name -> the variable as stored.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            BatchError: if a value is refused (locked, conflict, invalid); ``.errors`` has every
                refused name.
            ValidationError: if an argument that concerns the whole call is invalid.
        """
        how = Assignment(None, metadata, source, optimizer_id)
        return self._runner.write(_set_all, sid, values, expected_versions, how)


@holds_arguments("type_name", "metadata", "source", "optimizer_id", "strict", "describe_new")
class Assignment:
    """How values are stored: the arguments that do not differ between variables."""

    __slots__ = ("describe_new", "metadata", "optimizer_id", "source", "strict", "type_name")

    def __init__(
        self,
        type_name: object = None,
        metadata: Mapping[str, Any] | None = None,
        source: object = "python",
        optimizer_id: object = None,
        *,
        strict: bool = False,
        describe_new: bool = True,
    ) -> None:
        """Take the arguments of a method.

        Args:
            type_name: the type of a new variable; None: inferred from its value.
            metadata: merged into the metadata.
            source: recorded in the metadata.
            optimizer_id: who writes; None: anyone but an optimiser.
            strict: whether a missing variable is refused.
            describe_new: whether ``metadata`` and ``source`` become the metadata of a new variable.
        """
        self.type_name = type_name
        self.metadata = metadata
        self.source = source
        self.optimizer_id = optimizer_id
        self.strict = strict
        self.describe_new = describe_new


Change = tuple[StoredVariable, NewValue] | NewVariable


def set_named(
    tx: TransactionContext,
    sid: object,
    name: object,
    value: object,
    expected_version: object,
    how: Assignment,
) -> Variable:
    """Update the variable of this name, or register it.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        SnakeStoreError: as ``set_value``.
        VariableNotFoundError: if there is no such variable and ``how`` is strict.
    """
    if is_simple_name(name):
        locked, stored = lock_session_and_variable(tx, sid, name, with_value=False)
        text = name
    else:
        locked, text = lock_session(tx, sid), identifier_text(name, "variable name")
        stored = _stored(tx, locked.sid, text)
    change = _checked_change(
        tx, locked.sid, text, stored, value, checked_expected_version(expected_version), how
    )
    [variable] = _write(tx, locked, [change])
    return variable


def _stored(tx: TransactionContext, sid: str, text: str) -> StoredVariable | None:
    """The variable with this id or name."""
    if look_up_text(text, "variable name") is None:
        return None
    row = tx.fetch_first(sql.SELECT_BY_IDENTIFIER, sid=sid, identifier=text)
    return None if row is None else StoredVariable(sid, text, row)


def _checked_change(
    tx: TransactionContext,
    sid: str,
    name: str,
    found: StoredVariable | None,
    value: object,
    expected: int | None,
    how: Assignment,
) -> Change:
    """Check one assignment and encode its value, before anything is written.

    ``found`` has the name, or else it as its id.
    """
    if found is not None and found.name == name:
        check_lease(found, how.optimizer_id, tx.now)
        check_version(found, expected)
        _check_type(found, how.type_name)
        return found, prepare(tx, found, Replacement(value, how.metadata, how.source))
    if how.strict:
        raise VariableNotFoundError(sid, name)
    check_holder(sid, name, NOT_OPTIMIZING, how.optimizer_id)
    if expected is not None:
        raise VersionConflictError(sid, name, expected, None)
    checked_name(name, "variable name")
    if found is not None:
        raise name_conflict(sid, name, name, Identity(found.id, found.name))
    metadata: dict[str, Any] = {}
    if how.describe_new:
        metadata = merged_metadata({}, checked_metadata(how.metadata), how.source, tx.now)
    type_name = types.inferred_type(value) if how.type_name is None else how.type_name
    return new_variable(tx, name, type_name, value, metadata)


def _check_type(stored: StoredVariable, type_name: object) -> None:
    """Refuse another type than the stored one; None: any."""
    if type_name is None:
        return
    text = checked_name(types.type_text(type_name), "variable type")
    if text != stored.type:
        reason = (
            f"it has type {stored.type!r}, not {text!r}; omit type= to keep it, or replace the"
            " variable with put_variable()"
        )
        raise VariableExistsError(stored.sid, stored.name, reason)


def _set_all(
    tx: TransactionContext,
    sid: object,
    values: Mapping[Any, Any],
    expected_versions: Mapping[Any, Any] | None,
    how: Assignment,
) -> dict[str, Variable]:
    locked = lock_session(tx, sid)
    if not isinstance(values, Mapping):
        message = f"values must be a dict of values by name, not {type(values).__name__}"
        raise ValidationError(message, value=values)
    expected = checked_expected_versions(expected_versions, values, "values")
    # an error in these concerns the whole call
    merged_metadata({}, checked_metadata(how.metadata), how.source, tx.now)
    check_optimizer_id(how.optimizer_id)
    names, errors = _names(values)
    found = _found(tx, locked.sid, names)
    changes: dict[str, Change] = {}
    for text, key in names.items():
        if text not in errors:
            try:
                changes[text] = _checked_change(
                    tx, locked.sid, text, found(text), values[key], expected.get(text), how
                )
            except StoreError:
                raise  # concerns the whole call
            except SnakeStoreError as error:
                errors[text] = error
    if errors:
        in_order = dict.fromkeys(map(key_text, values))
        raise BatchError({text: errors[text] for text in in_order if text in errors})
    return dict(zip(changes, _write(tx, locked, list(changes.values())), strict=True))


def _names(values: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[str, SnakeStoreError]]:
    """The keys by their text, and the errors of keys that are no text, or one given twice."""
    names: dict[str, Any] = {}
    errors: dict[str, SnakeStoreError] = {}
    for key in values:
        try:
            text = identifier_text(key, "variable name")
        except ValidationError as error:
            errors[key_text(key)] = error
            continue
        if text in names:
            message = f"the name {text!r} is given twice, as a str and as an Enum member"
            errors[text] = ValidationError(message, value=text)
        names[text] = key
    return names, errors


def _found(
    tx: TransactionContext, sid: str, names: Mapping[str, Any]
) -> Callable[[str], StoredVariable | None]:
    """Reads the variables that have one of ``names`` as their name, or else as their id."""
    possible = [name for name in names if invalid_name_reason(name) is None]
    rows = by_name(tx.fetch_in(sql.SEVERAL_FOR_UPDATE.by_name, possible, sid=sid))
    others = [name for name in possible if name not in rows]
    rows = by_id(tx.fetch_in(sql.SEVERAL_FOR_UPDATE.by_id, others, sid=sid)) | rows
    return lambda name: StoredVariable(sid, name, rows[name]) if name in rows else None


def _write(tx: TransactionContext, locked: LockedSession, changes: list[Change]) -> list[Variable]:
    """Write checked changes, and return the variables as stored."""
    new = [change for change in changes if isinstance(change, NewVariable)]
    updates = [change for change in changes if not isinstance(change, NewVariable)]
    write_values(tx, locked, updates)
    insert(tx, locked, new)
    record_write(tx, locked, variables=len(new), updates=len(changes))
    return [_variable(change) for change in changes]


def _variable(change: Change) -> Variable:
    if isinstance(change, NewVariable):
        return change.variable
    stored, value = change
    return value.variable(stored)
