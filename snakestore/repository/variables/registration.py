"""Verbs that bring a whole variable into a session: put one, or register a new one."""

from __future__ import annotations

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
from snakestore.repository.session_access import LockedSession, lock_session, record
from snakestore.repository.variables.update import (
    StoredVariable,
    check_holder,
    check_may_write,
    check_version,
    find,
    keep_history,
    lock_session_and_variable,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable, encode_variable
from snakestore.versioning import checked_object, next_version


class RegistrationMethods(RepositoryBase):
    """The part of a repository that takes whole variables."""

    def put_variable(
        self,
        sid: str,
        variable: Variable,
        *,
        expected_version: int | None = None,
        optimizer_id: str | None = None,
    ) -> Variable:
        """Insert a variable, or replace the one of the same id; as stored. Its optimisation status is not taken over.

        The given version is kept where it is greater than the stored one (and for a new variable);
        if not, the stored version stays when type and value are the same and rises by one when they
        are not.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            VariableLockedError: it is being optimised by another, or not by ``optimizer_id``.
            VersionConflictError: it is not at ``expected_version`` (``.actual`` None: there is
                none).
            VariableExistsError: its name is another's name or id, or its id another's name.
            UnknownTypeError, ConstraintError, ValidationError: value, constraints, metadata or
                rules may not be.
        """
        return self._runner.write(
            _put,
            sid,
            variable,
            expected_version,
            optimizer_id,
            max_value_bytes=self._options.max_value_bytes,
        )

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
        """Make a variable at version 0.

        Args:
            id: its id; a fresh unique one where None.
            description: kept as ``metadata["description"]``.
            exist_ok: return the variable of this name that is there, as an access, if type and
                constraints agree.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            VariableExistsError: the name or id is taken (with ``exist_ok``: by one of another type
                or constraints).
            InvalidNameError: name or id may not be.
            UnknownTypeError, ConstraintError, ValidationError: value, constraints or metadata may
                not be.
        """
        wanted = {
            "name": name,
            "type": type,
            "value": value,
            "id": id,
            "constraints": constraints,
            "metadata": metadata,
        }
        return self._runner.write(
            _register,
            sid,
            wanted,
            description,
            exist_ok=exist_ok,
            max_value_bytes=self._options.max_value_bytes,
        )


def _put(
    tx: TransactionContext,
    sid: object,
    given: object,
    expected_version: object,
    optimizer_id: object,
    *,
    max_value_bytes: int | None,
) -> Variable:
    locked = lock_session(tx, sid)
    variable, expected = checked_variable(given), checked_expected_version(expected_version)
    taken = tx.fetch_all(
        sql.SELECT_NAME_CONFLICTS, sid=locked.sid, new_id=variable.id, new_name=variable.name
    )
    stored = None
    if any(vid == variable.id for vid, _ in taken):
        stored = StoredVariable(
            locked.sid, variable.id, tx.fetch_in(sql.SELECT_BY_ID, [variable.id], sid=locked.sid)[0]
        )
        check_may_write(stored, optimizer_id, tx.now)
        check_version(stored, expected)
    else:
        check_holder(locked.sid, variable.id, NOT_OPTIMIZING, optimizer_id)
        if expected is not None:
            raise VersionConflictError(locked.sid, variable.id, expected, None)
    for vid, name in taken:
        if vid != variable.id:
            _refuse_taken(locked.sid, variable.id, variable.name, vid, name)
    columns = _columns(variable, None if stored is None else stored.row[4], max_value_bytes)
    if stored is None:
        _insert(tx, locked, variable, columns)
    else:
        _replace(tx, locked, stored, variable, columns)
    record(tx, locked, variables=int(stored is None), updates=1)
    return find(tx, locked.sid, variable.id).variable(tx.now)


def _refuse_taken(sid: str, new_id: str, new_name: str, vid: str, name: str) -> None:
    if name == new_name:
        raise VariableExistsError(sid, new_name, f"another variable (id {vid!r}) has this name")
    if vid == new_name:
        raise VariableExistsError(
            sid, new_name, f"the name is the id of another variable ({name!r})"
        )
    raise VariableExistsError(
        sid, new_name, f"its id {new_id!r} is the name of another variable (id {vid!r})"
    )


def _columns(
    variable: Variable, present: bytes | None, max_value_bytes: int | None
) -> dict[str, Any]:
    """What of a variable is stored as it is given, checked and in its stored form; an array of the same numbers keeps its dtype."""
    constraints = types.check_constraints(variable.type, variable.constraints)
    _, text, blob = types.encode_value(
        variable.type, variable.value, constraints, variable.stored_bytes() or present
    )
    check_size(variable.type, text, blob, max_value_bytes)
    rules = [
        checked_object(rule, f"access_rules[{number}]")
        for number, rule in enumerate(variable.access_rules)
    ]
    return _stored(variable, text, blob, constraints, checked_metadata(variable.metadata), rules)


def _stored(
    variable: Variable,
    text: str | None,
    blob: bytes | None,
    constraints: dict[str, Any],
    metadata: dict[str, Any],
    rules: list[dict[str, Any]],
) -> dict[str, Any]:
    """A variable's columns, of what was checked, but for those that only the store sets."""
    return {
        "name": variable.name,
        "type": variable.type,
        "value": text,
        "blob": blob,
        "constraints": types.dumps(constraints),
        "metadata": types.dumps(metadata),
        "created_at": variable.created_at,
        "access_rules": types.dumps(rules),
    }


def _insert(
    tx: TransactionContext, locked: LockedSession, variable: Variable, columns: dict[str, Any]
) -> None:
    blob = columns.pop("blob")
    nobody = dict.fromkeys(
        ("optimizer_id", "optimizer_pid", "optimization_started_at", "optimization_expires_at")
    )
    tx.execute(
        sql.INSERT,
        session_id=locked.sid,
        id=variable.id,
        value_blob=blob,
        version=variable.version,
        last_updated_at=variable.last_updated_at,
        **columns,
        **nobody,
    )


def _replace(
    tx: TransactionContext,
    locked: LockedSession,
    stored: StoredVariable,
    variable: Variable,
    columns: dict[str, Any],
) -> None:
    same = (stored.row[2], stored.row[3], stored.row[4]) == (
        columns["type"],
        columns["value"],
        columns["blob"],
    )
    version = variable.version
    if version <= stored.version:
        version = stored.version if same else next_version(stored.version)
    if version != stored.version:
        keep_history(tx, locked, [stored])
    new = {f"new_{column}": value for column, value in columns.items()}
    tx.execute(
        sql.REPLACE,
        sid=locked.sid,
        vid=stored.id,
        new_version=version,
        written=variable.last_updated_at,
        **new,
    )


def _vacancy(
    tx: TransactionContext, sid: object, name: object, vid: object
) -> tuple[LockedSession, str, str | None, list[Row]]:
    """The session, the name and id as they may be stored, and the id and name of each variable in their way."""
    if vid is None and is_simple_name(name):  # nearly always: one look at both
        locked, found = lock_session_and_variable(tx, sid, name, with_value=False)
        return locked, name, None, [] if found[0] is None else [found[:2]]
    locked = lock_session(tx, sid)
    text = checked_name(name, "variable name")
    if vid is None:
        return (
            locked,
            text,
            None,
            tx.fetch_all(sql.SELECT_NAME_CONFLICT, sid=locked.sid, identifier=text),
        )
    given_id = checked_name(vid, "variable id")
    return (
        locked,
        text,
        given_id,
        tx.fetch_all(sql.SELECT_NAME_CONFLICTS, sid=locked.sid, new_id=given_id, new_name=text),
    )


def _register(
    tx: TransactionContext,
    sid: object,
    wanted: dict[str, Any],
    description: object,
    *,
    exist_ok: bool,
    max_value_bytes: int | None,
) -> Variable:
    locked, name, given_id, taken = _vacancy(tx, sid, wanted["name"], wanted["id"])
    for vid, called in taken:
        if exist_ok and called == name and given_id in (None, vid):
            return _agreeing(tx, locked, name, wanted)
        _refuse_taken(locked.sid, given_id or name, name, vid, called)
    metadata = checked_metadata(wanted["metadata"])
    if description is not None:
        metadata["description"] = _checked_description(description)
    variable, text = encode_variable(
        name, wanted["type"], wanted["value"], given_id, wanted["constraints"], metadata, tx.now
    )
    blob = variable.stored_bytes()
    check_size(variable.type, text, blob, max_value_bytes)
    _insert(
        tx,
        locked,
        variable,
        _stored(variable, text, blob, variable.constraints, variable.metadata, []),
    )
    record(tx, locked, variables=1, updates=1)
    return variable


def _checked_description(description: object) -> str:
    if not isinstance(description, str):
        message = f"a description is a str, not {type(description).__name__}"
        raise ValidationError(message, value=description)
    return str(description)


def _agreeing(
    tx: TransactionContext, locked: LockedSession, name: str, wanted: dict[str, Any]
) -> Variable:
    """The variable of this name, an access, if its type and constraints are the wanted ones."""
    stored = find(tx, locked.sid, name)
    kind = checked_name(wanted["type"], "variable type")
    if stored.type != kind or stored.constraints() != types.check_constraints(
        kind, wanted["constraints"]
    ):
        reason = (
            f"a variable of type {stored.type!r} with constraints {stored.constraints()!r} has this"
            f" name, not one of type {kind!r} as asked"
        )
        raise VariableExistsError(locked.sid, name, reason)
    record(tx, locked)
    return stored.variable(tx.now)
