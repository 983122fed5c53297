"""Methods that read or update several variables in one transaction."""

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
    VariableNotFoundError,
)
from snakestore.names import identifier_text, invalid_name_reason
from snakestore.reports import VariableBatch
from snakestore.repository.arguments import (
    checked_expected_version,
    checked_identifiers,
    checked_metadata,
    key_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import load_session, lock_session, record_write
from snakestore.repository.variables.point_in_time import as_of
from snakestore.repository.variables.update import (
    NewValue,
    Replacement,
    archive,
    check_lease,
    prepare,
)
from snakestore.repository.versions import check_version
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.mapping.stored_variable import StoredVariable, stored_from
from snakestore.storage.mapping.variables import by_id, by_name, variable_from
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable
from snakestore.versioning import merged_metadata


class BatchMethods(RepositoryBase):
    """Methods that read or update several variables."""

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
        # an iterator can be read only once, and the operation may be run again
        listed = (
            identifiers
            if isinstance(identifiers, str | bytes | Mapping)
            or not isinstance(identifiers, Iterable)
            else list(identifiers)
        )
        return self._runner.read(_get, sid, listed, at)

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


def _expected(
    updates: Mapping[Any, Any], versions: Mapping[Any, Any] | None
) -> dict[str, int | None]:
    """The expected versions by identifier as text."""
    if versions is None:
        return {}
    if not isinstance(versions, Mapping):
        message = (
            "expected_versions must be a dict of versions by identifier, not"
            f" {type(versions).__name__}"
        )
        raise ValidationError(message, value=versions)
    expected = {
        key_text(key): checked_expected_version(version) for key, version in versions.items()
    }
    unknown = sorted(expected.keys() - {key_text(key) for key in updates})
    if unknown:
        message = f"expected_versions has keys that are not in updates: {unknown!r}"
        raise ValidationError(message, value=unknown)
    return expected


def _find(tx: TransactionContext, sid: str, identifiers: Iterable[str]) -> dict[str, Row]:
    """Rows of VARIABLE_COLUMNS by identifier: by id first, and by name where no id matches."""
    possible = [each for each in identifiers if invalid_name_reason(each) is None]
    found = by_id(tx.fetch_in(sql.SELECT_BY_ID, possible, sid=sid))
    others = [each for each in possible if each not in found]
    return found | by_name(tx.fetch_in(sql.SELECT_BY_NAME, others, sid=sid))


def _get(
    tx: TransactionContext, sid: object, given: object, when: datetime | None
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
    expected = _expected(updates, expected_versions)
    # an error in these concerns the whole call
    merged_metadata({}, checked_metadata(metadata), source, tx.now)
    found, errors = _stored(tx, locked, updates)
    accepted: dict[str, tuple[StoredVariable, NewValue]] = {}
    for key, value in updates.items():
        text = key_text(key)
        if text in errors:
            continue
        stored = found[text]
        try:
            check_lease(stored, optimizer_id, tx.now)
            check_version(stored, expected.get(text))
            accepted[text] = stored, prepare(tx, stored, Replacement(value, metadata, source))
        except StoreError:
            raise  # concerns the whole call
        except SnakeStoreError as error:
            errors[text] = error
    if errors and atomic:
        raise BatchError({text: errors[text] for text in map(key_text, updates) if text in errors})
    if accepted or not updates:  # if every update is refused, it is no access
        _write(tx, locked, list(accepted.values()))
    done = {text: new.variable(stored) for text, (stored, new) in accepted.items()}
    return {text: errors[text] if text in errors else done[text] for text in map(key_text, updates)}


def _stored(
    tx: TransactionContext, locked: LockedSession, updates: Mapping[Any, Any]
) -> tuple[dict[str, StoredVariable], dict[str, SnakeStoreError]]:
    """The variables to update, and the errors of keys that name none, or one named twice."""
    errors: dict[str, SnakeStoreError] = {}
    texts: list[str] = []
    for key in updates:
        try:
            texts.append(identifier_text(key))
        except ValidationError as error:
            errors[key_text(key)] = error
    rows = _find(tx, locked.sid, texts)
    found = {text: StoredVariable(locked.sid, text, rows[text]) for text in texts if text in rows}
    keys_of: dict[str, list[str]] = {}
    for text in texts:
        if text in found:
            keys_of.setdefault(found[text].id, []).append(text)
        else:
            errors[text] = VariableNotFoundError(locked.sid, text)
    for keys in keys_of.values():
        if len(keys) > 1:
            message = f"{len(keys)} keys name the same variable: {sorted(keys)!r}. Give it once."
            errors |= {text: ValidationError(message, value=keys) for text in keys}
    return found, errors


def _write(
    tx: TransactionContext, locked: LockedSession, accepted: list[tuple[StoredVariable, NewValue]]
) -> None:
    archive(tx, locked, [stored for stored, _ in accepted])
    tx.execute_many(
        sql.UPDATE,
        [{"sid": locked.sid, "vid": stored.id, **new.parameters()} for stored, new in accepted],
    )
    record_write(tx, locked, updates=len(accepted))
