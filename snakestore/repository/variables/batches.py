"""Methods that read, update or delete several variables in one transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, overload

from snakestore.clock import as_utc
from snakestore.errors import (
    BatchError,
    SnakeStoreError,
    VariableLockedError,
)
from snakestore.repository.arguments import (
    check_collection,
    checked_identifiers,
    key_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import load_session, lock_session, record_write
from snakestore.repository.space import delete_from
from snakestore.repository.variables.batch_keys import (
    find,
    named_twice,
    possible_names,
    texts_of,
)
from snakestore.repository.variables.batch_updates import update_several
from snakestore.repository.variables.point_in_time import as_of
from snakestore.repository.variables.update import (
    check_holder,
    check_optimizer_id,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.leases import Lease, lease_from
from snakestore.storage.mapping.stored_variable import stored_from
from snakestore.storage.mapping.variables import variable_from
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable, VariableBatch


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
            update_several,
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


def _get(
    tx: TransactionContext, sid: object, given: Iterable[Any], when: datetime | None
) -> VariableBatch:
    session = load_session(tx, sid)
    identifiers = checked_identifiers(given)
    at = None if when is None else as_utc(when, "at")
    rows = find(tx, session, identifiers)
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


def _delete(
    tx: TransactionContext, sid: object, identifiers: Iterable[Any], optimizer_id: object
) -> int:
    locked = lock_session(tx, sid)
    check_collection(identifiers)
    check_optimizer_id(optimizer_id)
    texts, errors = texts_of(identifiers)
    leases = _leases(tx, locked.sid, dict.fromkeys(texts))
    errors |= named_twice((text, lease.variable_id) for text, lease in leases.items())
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
    tx.replan(len(ids))
    tx.send_in(history_sql.OF_VARIABLES.delete_several, ids, sid=locked.sid)
    tx.send_in(sql.DELETE_SEVERAL, ids, sid=locked.sid)
    if ids:
        record_write(tx, locked, variables=-len(ids))
    return len(ids)


def _leases(tx: TransactionContext, sid: str, texts: Iterable[str]) -> dict[str, Lease]:
    """Leases by identifier. No values are read, so damaged variables can be deleted too."""
    possible = possible_names(list(texts))
    rows = tx.fetch_in(sql.SELECT_LEASES, possible, sid=sid)
    leases = [lease_from(sid, row, tx.now) for row in rows]
    found = {each.name: each for each in leases} | {each.variable_id: each for each in leases}
    return {text: found[text] for text in possible if text in found}
