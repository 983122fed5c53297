"""Verbs on several variables at once: one transaction, one snapshot."""

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
from snakestore.repository.session_access import LockedSession, load_session, lock_session, record
from snakestore.repository.variables.point_in_time import as_of
from snakestore.repository.variables.update import (
    NewValue,
    StoredVariable,
    check_may_write,
    check_version,
    keep_history,
    prepare,
    written,
)
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable
from snakestore.versioning import merged_metadata


class BatchMethods(RepositoryBase):
    """The part of a repository that reads and writes many variables."""

    def get_variables(
        self, sid: str, identifiers: Iterable[str], *, at: datetime | None = None
    ) -> VariableBatch:
        """Several variables from one snapshot. An access.

        Args:
            identifiers: ids or names; one given twice is read once.
            at: as they were at this time; variables that were made later, or are deleted since, are
                missing.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            InvalidNameError: an identifier is neither str nor Enum.
            ValidationError: ``identifiers`` is no collection, or ``at`` naive.
            VersionNotFoundError: the history no longer holds what a variable was ``at`` that time.
            UnknownTypeError, CorruptStoreError: what is stored cannot be read as its type.
        """
        # an iterator can be read once, and the verb may be run again
        wanted = (
            identifiers
            if isinstance(identifiers, str | bytes | Mapping)
            or not isinstance(identifiers, Iterable)
            else list(identifiers)
        )
        return self._runner.read(_get, sid, wanted, at)

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
        """Replace the values of several variables in one transaction; the variables as stored, by identifier as text.

        Args:
            updates: value by id or name.
            expected_versions: by the same keys: only if the variable is at this version.
            atomic: all or nothing; False applies what it can and returns the error instance under
                each refused key.
            metadata: merged into the metadata of each.

        Raises:
            SessionNotFoundError, SessionExpiredError: there is no such session.
            BatchError: a key was refused (not found, locked, conflict, invalid); ``.errors`` holds
                every one of them.
            ValidationError: an argument that concerns the whole call may not be.
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
            max_value_bytes=self._options.max_value_bytes,
        )


def _expected(
    updates: Mapping[Any, Any], versions: Mapping[Any, Any] | None
) -> dict[str, int | None]:
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
        message = (
            f"expected_versions names what is not updated: {unknown!r}; use the same keys as in the"
            " updates"
        )
        raise ValidationError(message, value=unknown)
    return expected


def _called(tx: TransactionContext, sid: str, identifiers: Iterable[str]) -> dict[str, Row]:
    """Rows (VARIABLE_COLUMNS) by identifier: first by id, and those that no id answers by name."""
    askable = [each for each in identifiers if invalid_name_reason(each) is None]
    by_id = {row[0]: row for row in tx.fetch_in(sql.SELECT_BY_ID, askable, sid=sid)}
    left = [each for each in askable if each not in by_id]
    return by_id | {row[1]: row for row in tx.fetch_in(sql.SELECT_BY_NAME, left, sid=sid)}


def _get(
    tx: TransactionContext, sid: object, given: object, moment: datetime | None
) -> VariableBatch:
    session = load_session(tx, sid)
    identifiers = checked_identifiers(given)
    at = None if moment is None else as_utc(moment, "at")
    found = _called(tx, session, identifiers)
    if at is None:
        variables = {
            each: mapping.variable_from(session, found[each], tx.now)
            for each in identifiers
            if each in found
        }
    else:
        then = as_of(tx, session, list({row[0]: row for row in found.values()}.values()), at)
        variables = {
            each: then[found[each][0]]
            for each in identifiers
            if each in found and found[each][0] in then
        }
    return VariableBatch(
        found=variables, missing=[each for each in identifiers if each not in variables]
    )


def _update(  # noqa: PLR0913 - the verb's arguments
    tx: TransactionContext,
    sid: object,
    updates: Mapping[Any, Any],
    expected_versions: Mapping[Any, Any] | None,
    metadata: Mapping[str, Any] | None,
    source: object,
    optimizer_id: object,
    *,
    atomic: bool,
    max_value_bytes: int | None,
) -> dict[str, Variable | SnakeStoreError]:
    locked = lock_session(tx, sid)
    if not isinstance(updates, Mapping):
        message = f"updates must be a dict of values by identifier, not {type(updates).__name__}"
        raise ValidationError(message, value=updates)
    expected = _expected(updates, expected_versions)
    merged_metadata(
        {}, checked_metadata(metadata), source, tx.now
    )  # what concerns every key concerns the call
    targets, errors = _targets(tx, locked, updates)
    accepted: dict[str, tuple[StoredVariable, NewValue]] = {}
    for key, value in updates.items():
        text = key_text(key)
        if text in errors:
            continue
        try:
            check_may_write(targets[text], optimizer_id, tx.now)
            check_version(targets[text], expected.get(text))
            accepted[text] = (
                targets[text],
                prepare(
                    targets[text], value, metadata, source, tx.now, max_value_bytes=max_value_bytes
                ),
            )
        except StoreError:
            raise  # the store's trouble is the whole call's
        except SnakeStoreError as refusal:
            errors[text] = refusal
    if errors and atomic:
        raise BatchError({text: errors[text] for text in map(key_text, updates) if text in errors})
    if accepted or not updates:  # where all was refused nothing happened, and it is no access
        _write(tx, locked, accepted)
    return {
        text: errors[text] if text in errors else written(*accepted[text])
        for text in map(key_text, updates)
    }


def _targets(
    tx: TransactionContext, locked: LockedSession, updates: Mapping[Any, Any]
) -> tuple[dict[str, StoredVariable], dict[str, SnakeStoreError]]:
    """What each key is about, and the keys that are about nothing, or about the same variable as another."""
    errors: dict[str, SnakeStoreError] = {}
    texts: list[str] = []
    for key in updates:
        try:
            texts.append(identifier_text(key))
        except ValidationError as refusal:
            errors[key_text(key)] = refusal
    found = _called(tx, locked.sid, texts)
    targets = {
        text: StoredVariable(locked.sid, text, found[text]) for text in texts if text in found
    }
    keys_of: dict[str, list[str]] = {}
    for text in texts:
        if text in targets:
            keys_of.setdefault(targets[text].id, []).append(text)
        else:
            errors[text] = VariableNotFoundError(locked.sid, text)
    for keys in keys_of.values():
        if len(keys) > 1:
            message = (
                f"one variable is updated under {len(keys)} keys, {sorted(keys)!r}: give it once"
            )
            errors |= {text: ValidationError(message, value=keys) for text in keys}
    return targets, errors


def _write(
    tx: TransactionContext,
    locked: LockedSession,
    accepted: dict[str, tuple[StoredVariable, NewValue]],
) -> None:
    targets = [stored for stored, _ in accepted.values()]
    keep_history(tx, locked, targets)
    tx.execute_many(
        sql.UPDATE,
        [
            {"sid": locked.sid, "vid": stored.id, **new.parameters}
            for stored, new in accepted.values()
        ],
    )
    record(tx, locked, updates=len(accepted))
