"""``update_variables``: everything is checked and encoded before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakestore import types
from snakestore.errors import (
    BatchError,
    SnakeStoreError,
    StoreError,
    UnknownTypeError,
    ValidationError,
    VariableNotFoundError,
)
from snakestore.repository.arguments import (
    check_size,
    checked_expected_versions,
    checked_metadata,
    key_text,
)
from snakestore.repository.session_access import lock_counted_session, record_write
from snakestore.repository.variables.batch_keys import find, named_twice, texts_of
from snakestore.repository.variables.update import (
    UpdatedRow,
    archive,
    check_lease,
    check_optimizer_id,
    unknown_type,
    update_rows,
)
from snakestore.repository.versions import check_version
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.replaced import (
    ReplacedVariable,
    replaced_by_id,
    replaced_by_name,
)
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable
from snakestore.versioning import SharedMerge, next_version, write_stamp


def update_several(  # noqa: PLR0913 - the method's arguments
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
    """Replace the values of several variables.

    Raises:
        BatchError: if ``atomic`` is True and an update is refused.
        SnakeStoreError: as the method.
    """
    locked, count = lock_counted_session(tx, sid)
    if not isinstance(updates, Mapping):
        message = f"updates must be a dict of values by identifier, not {type(updates).__name__}"
        raise ValidationError(message, value=updates)
    expected = checked_expected_versions(expected_versions, updates, "updates")
    # an error in these concerns the whole call
    added = checked_metadata(metadata) | write_stamp(source, tx.now)
    check_optimizer_id(optimizer_id)
    found, errors = _found(tx, locked, updates, count, with_leases=optimizer_id is not None)
    changes = _Changes(tx, added, expected, optimizer_id)
    for key, value in updates.items():
        text = key if type(key) is str else key_text(key)
        if text in errors:
            continue
        try:
            changes.add(found[text], value)
        except StoreError:
            raise  # concerns the whole call
        except UnknownTypeError:
            errors[text] = unknown_type(found[text])
        except SnakeStoreError as error:
            errors[text] = error
    if errors and atomic:
        raise BatchError({text: errors[text] for text in map(key_text, updates) if text in errors})
    done = changes.variables
    if done or not updates:  # if every update is refused, it is no access
        changes.write(locked)
    if not errors:
        return {**done}
    return {text: errors[text] if text in errors else done[text] for text in map(key_text, updates)}


def _found(
    tx: TransactionContext,
    locked: LockedSession,
    updates: Mapping[Any, Any],
    count: object,
    *,
    with_leases: bool,
) -> tuple[dict[str, ReplacedVariable], dict[str, SnakeStoreError]]:
    """The variables to update, and the errors of keys that name none, or one named twice.

    ``count`` is the number of the session's variables, ``with_leases`` whether leases are needed.
    """
    texts, errors = texts_of(updates)
    # a range of an index instead of a search for each
    whole_session = len(texts) == count
    # where another statement is one more round trip, leases are read with everything else
    with_leases = with_leases or tx.backend.remote
    found = _read(tx, locked, texts, whole_session=whole_session, with_leases=with_leases)
    held = [text for text, stored in found.items() if stored.is_held]
    if held and not with_leases:
        found = _read(tx, locked, texts, whole_session=whole_session, with_leases=True)
    if len({stored.id for stored in found.values()}) < len(texts):
        for text in texts:
            if text not in found:
                errors[text] = VariableNotFoundError(locked.sid, text)
        errors |= named_twice((text, found[text].id) for text in texts if text in found)
    return found, errors


def _read(
    tx: TransactionContext,
    locked: LockedSession,
    texts: list[str],
    *,
    whole_session: bool,
    with_leases: bool,
) -> dict[str, ReplacedVariable]:
    sid = locked.sid
    # the history asks for the sizes where it may overwrite
    sizes = tx.backend.updates_in_place and locked.history_limit != 0
    rows = find(
        tx,
        sid,
        texts,
        sql.TO_REPLACE[sizes, with_leases],
        whole_session=whole_session,
        names=replaced_by_name,
        ids=replaced_by_id,
    )
    return {text: ReplacedVariable(sid, text, rows[text]) for text in texts if text in rows}


class _Changes:
    """Updates that were checked and encoded, and the variables as they are after them."""

    def __init__(
        self,
        tx: TransactionContext,
        added: dict[str, Any],
        expected: Mapping[str, int | None],
        optimizer_id: object,
    ) -> None:
        """Take what concerns all of them.

        Args:
            tx: where they are to be written.
            added: what is merged into the metadata of each.
            expected: the expected versions by identifier as text.
            optimizer_id: who writes; None: anyone but an optimiser.
        """
        self.variables: dict[str, Variable] = {}
        """By identifier as text."""
        self._tx = tx
        self._expected = expected
        self._optimizer_id = optimizer_id
        self._now = tx.now
        self._constraints = SharedMerge({})
        self._metadata = SharedMerge(added)
        self._replaced: list[ReplacedVariable] = []
        self._rows: list[UpdatedRow] = []

    def add(self, stored: ReplacedVariable, value: object) -> None:
        """Check the lease and the version of a variable, and check and encode its new value.

        Raises:
            VariableLockedError, VersionConflictError: as ``check_lease`` and ``check_version``.
            UnknownTypeError, ValidationError: if the new value is refused.
        """
        if stored.is_held or self._optimizer_id is not None:
            check_lease(stored, self._optimizer_id, self._now)
        if self._expected:
            check_version(stored, self._expected.get(stored.identifier))
        constraints: dict[str, Any] = {}
        if stored.constraints_text != "{}":
            constraints, _ = self._constraints.merged(stored.constraints_text, stored.constraints)
        value, text, blob = types.encode_value(stored.type, value, constraints)
        check_size(stored.type, text, blob, self._tx.max_value_bytes)
        metadata, metadata_text = self._metadata.merged(stored.metadata_text, stored.metadata)
        version = next_version(stored.version)
        self.variables[stored.identifier] = stored.with_value(
            value, blob, constraints, metadata, version, self._now
        )
        self._replaced.append(stored)
        self._rows.append((stored.id, stored.address, text, blob, metadata_text))

    def write(self, locked: LockedSession) -> None:
        """Move the present values into the history, store the new ones, and record the access."""
        if self._rows:
            archive(self._tx, locked, self._replaced)
            update_rows(self._tx, locked.sid, self._rows)
        record_write(self._tx, locked, updates=len(self._rows))
