"""put_variable and register_variable: methods that store a whole variable."""

from typing import Any

from snakestore import types
from snakestore.errors import ValidationError, VariableExistsError, VersionConflictError
from snakestore.lease import NOT_OPTIMIZING
from snakestore.names import checked_name, is_simple_name
from snakestore.repository.arguments import (
    check_size,
    checked_expected_version,
    checked_metadata,
    checked_variable,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import (
    lock_session,
    lock_session_beside,
    record_write,
    session_text,
)
from snakestore.repository.variables.insertion import (
    NewVariable,
    columns_of,
    insert,
    name_conflict,
    new_variable,
)
from snakestore.repository.variables.update import (
    archive,
    check_holder,
    check_lease,
    get_stored,
)
from snakestore.repository.versions import check_version
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.identities import (
    Identity,
    identities_from,
    identity_beside,
    identity_of,
)
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.mapping.variables import by_id
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable, unchecked_variable
from snakestore.versioning import checked_object, next_version


class RegistrationMethods(RepositoryBase):
    """Methods that store whole variables."""

    def put_variable(
        self,
        sid: str,
        variable: Variable,
        *,
        expected_version: int | None = None,
        optimizer_id: str | None = None,
    ) -> Variable:
        """Insert a variable, or replace the one with the same id except its optimisation status.

        The given version is kept if it is greater than the stored one, or the variable is new.
        Otherwise the stored version stays if type and value are the same, and rises by one if not.
        Counts as an access (updates ``last_accessed``).

        Returns:
            The variable as stored.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableLockedError: if another optimiser holds the variable, or if ``optimizer_id`` is
                given and does not hold it.
            VersionConflictError: if the variable is not at ``expected_version`` (``.actual`` None:
                there is no such variable).
            VariableExistsError: if its name is the name or id of another variable, or its id the
                name of another.
            UnknownTypeError, ConstraintError, ValidationError: if its value, constraints, metadata
                or access rules are refused.
        """
        return self._runner.write(_put, sid, variable, expected_version, optimizer_id)

    def register_variable(  # noqa: PLR0913 - the contract's arguments
        self,
        sid: str,
        name: str,
        type: str,  # noqa: A002 - the field's own name
        value: Any,
        *,
        id: str | None = None,  # noqa: A002 - the field's own name
        constraints: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        description: str | None = None,
        exist_ok: bool = False,
    ) -> Variable:
        """Create a variable at version 0. Counts as an access (updates ``last_accessed``).

        Args:
            type: the name of a registered type.
            value: checked against type and constraints.
            id: the id; None: a new unique id.
            constraints: what the type checks values against.
            metadata: a JSON object.
            description: stored as ``metadata["description"]``.
            exist_ok: return the existing variable of this name if type and constraints agree.

        Returns:
            The variable as stored.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableExistsError: if the name or id is taken; with ``exist_ok``: by a variable of
                another type or with other constraints.
            InvalidNameError: if the name or id is not a valid name.
            UnknownTypeError, ConstraintError, ValidationError: if the value, constraints or
                metadata are refused.
        """
        given = {
            "name": name,
            "type": type,
            "value": value,
            "id": id,
            "constraints": constraints,
            "metadata": metadata,
        }
        return self._runner.write(_register, sid, given, description, exist_ok=exist_ok)


def _put(
    tx: TransactionContext,
    sid: object,
    given: object,
    expected_version: object,
    optimizer_id: object,
) -> Variable:
    locked = lock_session(tx, sid)
    variable, expected = checked_variable(given), checked_expected_version(expected_version)
    stored, others = _beside(tx, locked.sid, variable)
    if stored is not None:
        check_lease(stored, optimizer_id, tx.now)
        check_version(stored, expected)
    else:
        check_holder(locked.sid, variable.id, NOT_OPTIMIZING, optimizer_id)
        if expected is not None:
            raise VersionConflictError(locked.sid, variable.id, expected, None)
    for other in others:
        raise name_conflict(locked.sid, variable.id, variable.name, other)
    new = _checked(tx, variable, stored)
    if stored is None:
        tx.send(sql.INSERT, sid=locked.sid, **new.columns)
    else:
        if new.variable.version != stored.version:
            archive(tx, locked, [stored])
        tx.send(sql.REPLACE, sid=locked.sid, **new.columns)
    record_write(tx, locked, variables=int(stored is None), updates=1)
    return new.variable


def _beside(
    tx: TransactionContext, sid: str, variable: Variable
) -> tuple[StoredVariable | None, list[Identity]]:
    """The stored variable of this id, and others that have its id or its name."""
    rows = tx.fetch_all(sql.SELECT_FOR_PUT, sid=sid, new_id=variable.id, new_name=variable.name)
    own = by_id(rows).get(variable.id)
    others = [other for row in rows if (other := identity_of(row)).id != variable.id]
    return None if own is None else StoredVariable(sid, variable.id, own), others


def _checked(
    tx: TransactionContext, variable: Variable, stored: StoredVariable | None
) -> NewVariable:
    """The variable as it will be stored in place of ``stored``. Nothing is written.

    An array of the same numbers keeps its dtype.
    """
    constraints = types.check_constraints(variable.type, variable.constraints)
    previous_blob = None if stored is None else stored.blob
    value, text, blob = types.encode_value(
        variable.type, variable.value, constraints, variable.stored_bytes() or previous_blob
    )
    check_size(variable.type, text, blob, tx.max_value_bytes)
    rules = [
        checked_object(rule, f"access_rules[{number}]")
        for number, rule in enumerate(variable.access_rules)
    ]
    version, status = variable.version, NOT_OPTIMIZING
    if stored is not None:
        status = stored.lease(tx.now)
        if version <= stored.version:
            same = stored.has_value(variable.type, text, blob)
            version = stored.version if same else next_version(stored.version)
    checked = unchecked_variable(
        blob=blob,
        id=variable.id,
        name=variable.name,
        type=variable.type,
        value=value if blob is None else types.decode_value(variable.type, text, blob),
        created_at=variable.created_at,
        constraints=constraints,
        metadata=checked_metadata(variable.metadata),
        version=version,
        last_updated_at=variable.last_updated_at,
        optimization_status=status,
        access_rules=tuple(rules),
    )
    columns = columns_of(checked, text, blob) | {
        "new_version": version,
        "new_last_updated_at": checked.last_updated_at,
        "new_access_rules": types.dumps(rules) if rules else "[]",
    }
    return NewVariable(checked, columns)


def _lock_names(
    tx: TransactionContext, sid: object, name: object, vid: object
) -> tuple[LockedSession, str, str | None, list[Identity]]:
    """The locked session, the checked name and id, and the variables that have one of them."""
    if vid is None and is_simple_name(name):  # nearly always: one statement for all
        session = session_text(sid)
        locked, row = lock_session_beside(tx, session, sql.SELECT_NAME_OWNER, identifier=name)
        owner = identity_beside(row)
        return locked, name, None, [] if owner is None else [owner]
    locked = lock_session(tx, sid)
    text = checked_name(name, "variable name")
    if vid is None:
        rows = tx.fetch_all(sql.SELECT_NAME_CONFLICT, sid=locked.sid, identifier=text)
        return locked, text, None, identities_from(rows)
    given_id = checked_name(vid, "variable id")
    rows = tx.fetch_all(sql.SELECT_NAME_CONFLICTS, sid=locked.sid, new_id=given_id, new_name=text)
    return locked, text, given_id, identities_from(rows)


def _register(
    tx: TransactionContext,
    sid: object,
    given: dict[str, Any],
    description: object,
    *,
    exist_ok: bool,
) -> Variable:
    locked, name, given_id, taken = _lock_names(tx, sid, given["name"], given["id"])
    for other in taken:
        if exist_ok and other.name == name and given_id in (None, other.id):
            return _existing(tx, locked, name, given)
        raise name_conflict(locked.sid, given_id or name, name, other)
    metadata = checked_metadata(given["metadata"])
    if description is not None:
        metadata["description"] = _checked_description(description)
    new = new_variable(
        tx,
        name,
        given["type"],
        given["value"],
        metadata,
        vid=given_id,
        constraints=given["constraints"],
    )
    insert(tx, locked, [new])
    record_write(tx, locked, variables=1, updates=1)
    return new.variable


def _checked_description(description: object) -> str:
    if not isinstance(description, str):
        message = f"description must be a str, not {type(description).__name__}"
        raise ValidationError(message, value=description)
    return str(description)


def _existing(
    tx: TransactionContext, locked: LockedSession, name: str, given: dict[str, Any]
) -> Variable:
    """The variable of this name, if its type and constraints are the given ones."""
    stored = get_stored(tx, locked.sid, name)
    kind = checked_name(types.type_text(given["type"]), "variable type")
    constraints = stored.constraints()
    if stored.type != kind or constraints != types.check_constraints(kind, given["constraints"]):
        reason = f"it has type {stored.type!r} and constraints {constraints!r}, not type {kind!r}"
        raise VariableExistsError(locked.sid, name, f"{reason} and the given constraints")
    record_write(tx, locked)
    return stored.variable(tx.now)
