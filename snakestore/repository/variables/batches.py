"""Methods that read, update or delete several variables in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, overload

from snakestore.clock import as_utc
from snakestore.errors import (
    BatchError,
    SnakeStoreError,
    StoreError,
    ValidationError,
    VariableLockedError,
    VariableNotFoundError,
)
from snakestore.names import identifier_text, invalid_name_reason
from snakestore.repository.arguments import (
    check_collection,
    checked_expected_versions,
    checked_identifiers,
    checked_metadata,
    key_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import load_session, lock_session, record_write
from snakestore.repository.space import delete_from
from snakestore.repository.variables.point_in_time import as_of
from snakestore.repository.variables.update import (
    NewValue,
    Replacement,
    check_holder,
    check_lease,
    check_optimizer_id,
    prepare,
    write_values,
)
from snakestore.repository.versions import check_version
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.leases import Lease, lease_from
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.mapping.stored_variable import StoredVariable, stored_from
from snakestore.storage.mapping.variables import by_id, by_name, variable_from
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable, VariableBatch
from snakestore.versioning import write_stamp


class BatchMethods(RepositoryBase):
    """Methods that read, update or delete several variables."""

    def get_variables(
        self, sid: str, identifiers: Iterable[str], *, at: datetime | None = None
    ) -> VariableBatch:
        """Return several variables from one snapshot.

        Counts as an access (updates ``last_accessed``).

        Args:
            identifiers: ids or names; duplicates are read once.
            at: return them as they were at this time. Variables created later or deleted since are
                missing.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError: if an identifier is neither str nor Enum.
            ValidationError: if ``identifiers`` is not a collection, or ``at`` not an aware
                datetime.
            VersionNotFoundError: if the history no longer has a variable's value ``at`` that time.
            UnknownTypeError: if a variable's type is not registered.
            CorruptStoreError: if a stored variable is damaged.
        """
        return self._runner.read(_get, sid, _listed(identifiers), at)

    @overload
    def update_variables(
        self,
        sid: str,
        updates: Mapping[str, Any],
        *,
        expected_versions: Mapping[str, int] | None = None,
        atomic: Literal[True] = True,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        optimizer_id: str | None = None,
    ) -> dict[str, Variable]: ...

    @overload
    def update_variables(
        self,
        sid: str,
        updates: Mapping[str, Any],
        *,
        expected_versions: Mapping[str, int] | None = None,
        atomic: bool,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        optimizer_id: str | None = None,
    ) -> dict[str, Variable | SnakeStoreError]: ...

    def update_variables(
        self,
        sid: str,
        updates: Mapping[str, Any],
        *,
        expected_versions: Mapping[str, int] | None = None,
        atomic: bool = True,
        metadata: Mapping[str, Any] | None = None,
        source: str = "python",
        optimizer_id: str | None = None,
    ) -> Mapping[str, Variable | SnakeStoreError]:
        """Replace the values of several variables in one transaction.

        Counts as an access (updates ``last_accessed``).

        Args:
            updates: id or name -> value.
            expected_versions: id or name -> expected version, with the keys of ``updates``.
            atomic: all or nothing. False applies the valid updates and returns errors for others.
            metadata: merged into the metadata of each variable.
            source: recorded in the metadata of each variable.
            optimizer_id: as in ``update_variable``.

        Returns:
            Identifier as text -> the updated variable or, with ``atomic=False``, an error.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            BatchError: if ``atomic`` is True and an update is refused (not found, locked, conflict,
                invalid); ``.errors`` has every refused key.
            ValidationError: if an argument that concerns the whole call is invalid.
        """
        return self._runner.write(
            _update,
            sid,
            updates,
            expected_versions,
            metadata,
            source,
            optimizer_id,
            atomic=atomic,
        )

    def delete_variables(
        self, sid: str, identifiers: Iterable[str], *, optimizer_id: str | None = None
    ) -> int:
        """Delete several variables with their histories, all or nothing.

        Missing ones are skipped. Counts as an access if there was one.

        Args:
            identifiers: ids or names; duplicates count once.
            optimizer_id: as in ``delete_variable``.

        Returns:
            The number of variables deleted.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            BatchError: if a deletion is refused (locked, named twice, no identifier); ``.errors``
                has every refused one.
            ValidationError: if an argument that concerns the whole call is invalid.
        """
        return delete_from(self._runner, _delete, sid, _listed(identifiers), optimizer_id)


def _listed(identifiers: Iterable[Any]) -> Iterable[Any]:
    """A list of what can be read only once, such as a generator: the operation may be run again."""
    if isinstance(identifiers, str | bytes | Mapping) or not isinstance(identifiers, Iterable):
        return identifiers  # refused later
    return list(identifiers)


def _find(
    tx: TransactionContext,
    sid: str,
    identifiers: Iterable[str],
    statements: sql.BatchStatements = sql.SEVERAL,
) -> dict[str, Row]:
    """Rows of VARIABLE_COLUMNS by id or name, of those that have one of the identifiers."""
    possible = [each for each in identifiers if invalid_name_reason(each) is None]
    if tx.backend.remote:
        rows = tx.fetch_in(statements.by_either, possible, sid=sid)
        return by_name(rows) | by_id(rows)
    found = by_name(tx.fetch_in(statements.by_name, possible, sid=sid))
    if len(found) < len(possible):
        others = [each for each in possible if each not in found]
        found |= by_id(tx.fetch_in(statements.by_id, others, sid=sid))
    return found


def _get(
    tx: TransactionContext, sid: object, given: Iterable[Any], when: datetime | None
) -> VariableBatch:
    session = load_session(tx, sid)
    identifiers = checked_identifiers(given)
    at = None if when is None else as_utc(when, "at")
    rows = _find(tx, session, identifiers)
    found = [each for each in identifiers if each in rows]
    if at is None:
        variables = {each: variable_from(session, rows[each], tx.now) for each in found}
    else:
        stored = {each: stored_from(session, rows[each]) for each in found}
        then = as_of(tx, {each.id: each for each in stored.values()}.values(), at)
        variables = {
            each: then[variable.id] for each, variable in stored.items() if variable.id in then
        }
    return VariableBatch(
        found=variables, missing=[each for each in identifiers if each not in variables]
    )


def _update(  # noqa: PLR0913 - the method's arguments
    tx: TransactionContext,
    sid: object,
    updates: Mapping[Any, Any],
    expected_versions: Mapping[Any, Any] | None,
    metadata: Mapping[str, Any] | None,
    source: object,
    optimizer_id: object,
    *,
    atomic: bool,
) -> dict[str, Variable | SnakeStoreError]:
    locked = lock_session(tx, sid)
    if not isinstance(updates, Mapping):
        message = f"updates must be a dict of values by identifier, not {type(updates).__name__}"
        raise ValidationError(message, value=updates)
    expected = checked_expected_versions(expected_versions, updates, "updates")
    # an error in these concerns the whole call
    checked_metadata(metadata)
    stamp = write_stamp(source, tx.now)
    check_optimizer_id(optimizer_id)
    found, errors = _stored(tx, locked, updates)
    accepted: dict[str, tuple[StoredVariable, NewValue]] = {}
    for key, value in updates.items():
        text = key if type(key) is str else key_text(key)
        if text in errors:
            continue
        stored = found[text]
        try:
            check_lease(stored, optimizer_id, tx.now)
            if expected:
                check_version(stored, expected.get(text))
            given = Replacement(value, metadata, source)
            accepted[text] = stored, prepare(tx, stored, given, stamp)
        except StoreError:
            raise  # concerns the whole call
        except SnakeStoreError as error:
            errors[text] = error
    if errors and atomic:
        raise BatchError({text: errors[text] for text in map(key_text, updates) if text in errors})
    if accepted or not updates:  # if every update is refused, it is no access
        write_values(tx, locked, list(accepted.values()))
        record_write(tx, locked, updates=len(accepted))
    done = {text: new.variable(stored) for text, (stored, new) in accepted.items()}
    if not errors:
        return dict(done)
    return {text: errors[text] if text in errors else done[text] for text in map(key_text, updates)}


def _stored(
    tx: TransactionContext, locked: LockedSession, updates: Mapping[Any, Any]
) -> tuple[dict[str, StoredVariable], dict[str, SnakeStoreError]]:
    """The variables to update, and the errors of keys that name none, or one named twice."""
    texts, errors = _texts(updates)
    sid = locked.sid
    # present values are replaced: they are not read, but where a history asks for their size
    needs_sizes = tx.backend.updates_in_place and locked.history_limit != 0
    statements = sql.SEVERAL_FOR_UPDATE if needs_sizes else sql.SEVERAL_FOR_OVERWRITE
    rows = _find(tx, sid, texts, statements)
    found = {text: StoredVariable(sid, text, rows[text]) for text in texts if text in rows}
    if len({stored.id for stored in found.values()}) < len(texts):
        for text in texts:
            if text not in found:
                errors[text] = VariableNotFoundError(sid, text)
        errors |= _named_twice((text, found[text].id) for text in texts if text in found)
    return found, errors


def _named_twice(ids: Iterable[tuple[str, object]]) -> dict[str, SnakeStoreError]:
    """The errors of keys that name the same variable, from keys with the ids that they name."""
    keys_of: dict[object, list[str]] = {}
    for key, vid in ids:
        keys_of.setdefault(vid, []).append(key)
    errors: dict[str, SnakeStoreError] = {}
    for keys in keys_of.values():
        if len(keys) > 1:
            message = f"{len(keys)} keys name the same variable: {sorted(keys)!r}. Give it once."
            errors |= {key: ValidationError(message, value=keys) for key in keys}
    return errors


def _delete(
    tx: TransactionContext, sid: object, identifiers: Iterable[Any], optimizer_id: object
) -> int:
    locked = lock_session(tx, sid)
    check_collection(identifiers)
    check_optimizer_id(optimizer_id)
    texts, errors = _texts(identifiers)
    leases = _leases(tx, locked.sid, dict.fromkeys(texts))
    errors |= _named_twice((text, lease.variable_id) for text, lease in leases.items())
    for text, lease in leases.items():
        if text not in errors:
            try:
                check_holder(locked.sid, text, lease.status, optimizer_id)
            except VariableLockedError as error:
                errors[text] = error
    if errors:
        in_order = dict.fromkeys(map(key_text, identifiers))
        raise BatchError({text: errors[text] for text in in_order if text in errors})
    ids = [lease.variable_id for lease in leases.values()]
    tx.send_in(history_sql.OF_VARIABLES.delete_several, ids, sid=locked.sid)
    tx.send_in(sql.DELETE_SEVERAL, ids, sid=locked.sid)
    if ids:
        record_write(tx, locked, variables=-len(ids))
    return len(ids)


def _leases(tx: TransactionContext, sid: str, texts: Iterable[str]) -> dict[str, Lease]:
    """Leases by identifier. No values are read, so damaged variables can be deleted too."""
    possible = [text for text in texts if invalid_name_reason(text) is None]
    rows = tx.fetch_in(sql.SELECT_LEASES, possible, sid=sid)
    leases = [lease_from(sid, row, tx.now) for row in rows]
    found = {each.name: each for each in leases} | {each.variable_id: each for each in leases}
    return {text: found[text] for text in possible if text in found}


def _texts(identifiers: Iterable[Any]) -> tuple[list[str], dict[str, SnakeStoreError]]:
    """The texts of identifiers, and the errors of those that are none."""
    texts: list[str] = []
    errors: dict[str, SnakeStoreError] = {}
    for each in identifiers:
        try:
            texts.append(identifier_text(each))
        except ValidationError as error:
            errors[key_text(each)] = error
    return texts, errors
