"""Methods about past values of variables."""

from typing import Any

from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import load_session
from snakestore.repository.variables.update import Replacement, get_stored, replace_value
from snakestore.repository.versions import (
    checked_version_number,
    past_rows,
    rollback_metadata,
    version_row,
)
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.queries.history import OF_VARIABLES
from snakestore.variable import Variable


class HistoryMethods(RepositoryBase):
    """Methods about past values."""

    def variable_history(
        self, sid: str, identifier: str, *, limit: int | None = None
    ) -> list[Variable]:
        """Return the past values of a variable that the history has, newest first.

        A past Variable has today's id, name, constraints, created_at and access rules. It has the
        type, value, metadata and version of that time. Its ``last_updated_at`` is when that version
        was written. Counts as an access (updates ``last_accessed``).

        Args:
            limit: the maximum number of values; None: no limit.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            ValidationError: if ``limit`` is neither None nor an int >= 0.
            UnknownTypeError: if a past type is not registered.
            CorruptStoreError: if a stored value is damaged.
        """
        return self._runner.read(_history, sid, identifier, limit)

    def get_variable_version(self, sid: str, identifier: str, version: int) -> Variable:
        """Return the variable as it was at ``version``, which may be the current one.

        Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError: if there is no such variable.
            VersionNotFoundError: if that version never existed or has been pruned.
            ValidationError: if ``version`` is not an int.
        """
        return self._runner.read(_get, sid, identifier, version)

    def rollback_variable(
        self,
        sid: str,
        identifier: str,
        version: int,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
        optimizer_id: str | None = None,
    ) -> Variable:
        """Store the value of an earlier version as a new version.

        The metadata is the present metadata with ``rolled_back_to``, ``reason`` if it is given, and
        source "rollback". Counts as an access (updates ``last_accessed``).

        Args:
            version: the version whose value is stored again.
            expected_version: as in ``update_variable``.
            reason: recorded in the metadata.
            optimizer_id: as in ``update_variable``.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError, VariableLockedError, VersionConflictError: as
                ``update_variable``.
            VersionNotFoundError: if ``version`` never existed or has been pruned.
            ConstraintError, ValidationError: if the old value violates today's type or constraints.
        """

        def compute(tx: TransactionContext, stored: StoredVariable) -> Replacement:
            """Take the old value, under today's constraints and metadata."""
            number = checked_version_number(version)
            value, blob = _value_at(tx, stored, number)
            return Replacement(value, rollback_metadata(number, reason), "rollback", blob)

        return self._runner.write(
            replace_value,
            sid,
            identifier,
            compute,
            expected_version=expected_version,
            optimizer_id=optimizer_id,
        )


def _history(
    tx: TransactionContext, sid: object, identifier: object, limit: object
) -> list[Variable]:
    stored = get_stored(tx, load_session(tx, sid), identifier)
    return [stored.past(row) for row in past_rows(tx, OF_VARIABLES, stored, limit)]


def _get(tx: TransactionContext, sid: object, identifier: object, number: object) -> Variable:
    stored = get_stored(tx, load_session(tx, sid), identifier)
    version = checked_version_number(number)
    if version == stored.version:
        return stored.variable(tx.now)
    return stored.past(version_row(tx, OF_VARIABLES, stored, version))


def _value_at(
    tx: TransactionContext, stored: StoredVariable, version: int
) -> tuple[Any, bytes | None]:
    """The value of a version, and its binary part."""
    if version == stored.version:
        return stored.value(), stored.blob
    return stored.past_value(version_row(tx, OF_VARIABLES, stored, version))
