"""Methods about past values of variables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from snakestore.clock import as_utc, shifted
from snakestore.errors import ValidationError, VersionNotFoundError
from snakestore.repository.arguments import checked_count, checked_positive
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import load_session
from snakestore.repository.variables.update import Replacement, get_stored, replace_value
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.mapping.variables import VariableKey, keys_from
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries.statement import Row
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
            expected_version, optimizer_id: as in ``update_variable``.
            reason: recorded in the metadata.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VariableNotFoundError, VariableLockedError, VersionConflictError: as
                ``update_variable``.
            VersionNotFoundError: if ``version`` never existed or has been pruned.
            ConstraintError, ValidationError: if the old value violates today's type or constraints.
        """

        def compute(tx: TransactionContext, stored: StoredVariable) -> Replacement:
            number = _checked_version_number(version)
            value, blob = _value_at(tx, stored, number)
            details: dict[str, Any] = {"rolled_back_to": number}
            if reason is not None:
                details["reason"] = reason
            return Replacement(value, details, "rollback", blob)

        return self._runner.write(
            replace_value,
            sid,
            identifier,
            compute,
            expected_version=expected_version,
            optimizer_id=optimizer_id,
        )

    def prune_history(
        self,
        sid: str | None = None,
        *,
        older_than: datetime | timedelta | None = None,
        keep: int | None = None,
        batch_size: int = 100,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete past values, in small transactions. Does not update ``last_accessed``.

        Args:
            sid: only of this session; None: of all sessions, including expired ones.
            older_than: only values written before this time, or longer ago than this timedelta.
            keep: never the newest ``keep`` of each variable. Without ``older_than``: all others.
            batch_size: variables per transaction.
            progress: called with the number deleted so far after each transaction.

        Returns:
            How many past values were deleted.

        Raises:
            ValidationError: if neither ``older_than`` nor ``keep`` is given, or one is invalid.
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        if older_than is None and keep is None:
            message = "prune_history() needs older_than, keep or both: say what may be deleted."
            raise ValidationError(message)
        bound = (
            older_than
            if older_than is None or isinstance(older_than, timedelta)
            else as_utc(older_than, "older_than")
        )
        kept, size = checked_count(keep, "keep") or 0, checked_positive(batch_size, "batch_size")
        session = None if sid is None else self._runner.lookup(load_session, sid, touch=False)
        deleted, after = 0, VariableKey("", "")
        while True:
            count, last = self._runner.write(_prune, session, after, bound, kept, size)
            deleted += count
            if last is None:
                return deleted
            after = last
            if progress is not None:
                progress(deleted)


def _checked_version_number(version: object) -> int:
    if isinstance(version, bool) or not isinstance(version, int):
        message = f"version must be an int, not {type(version).__name__}"
        raise ValidationError(message, value=version)
    return int(version)


def _history(
    tx: TransactionContext, sid: object, identifier: object, limit: object
) -> list[Variable]:
    stored = get_stored(tx, load_session(tx, sid), identifier)
    count = checked_count(limit, "limit")
    key = {"sid": stored.sid, "vid": stored.id}
    rows = (
        tx.fetch_all(history_sql.SELECT_HISTORY, **key)
        if count is None
        else tx.fetch_all(history_sql.SELECT_HISTORY_LIMITED, **key, limit=count)
    )
    return [stored.past(row) for row in rows]


def _get(tx: TransactionContext, sid: object, identifier: object, number: object) -> Variable:
    stored = get_stored(tx, load_session(tx, sid), identifier)
    version = _checked_version_number(number)
    if version == stored.version:
        return stored.variable(tx.now)
    return stored.past(_version_row(tx, stored, version))


def _value_at(
    tx: TransactionContext, stored: StoredVariable, version: int
) -> tuple[Any, bytes | None]:
    """The value of a version, and its binary part."""
    if version == stored.version:
        return stored.value(), stored.blob
    return stored.past_value(_version_row(tx, stored, version))


def _version_row(tx: TransactionContext, stored: StoredVariable, version: int) -> Row:
    row = (
        tx.fetch_first(history_sql.SELECT_VERSION, sid=stored.sid, vid=stored.id, version=version)
        if 0 <= version < stored.version
        else None
    )
    if row is None:
        raise VersionNotFoundError(stored.sid, stored.identifier, version)
    return row


def _prune(
    tx: TransactionContext,
    session: str | None,
    after: VariableKey,
    bound: datetime | timedelta | None,
    keep: int,
    size: int,
) -> tuple[int, VariableKey | None]:
    """Prune the next ``size`` variables that have past values.

    Returns how many values were deleted, and the last of these variables; None: there are none.
    """
    page = keys_from(
        tx.fetch_all(history_sql.SELECT_WITH_HISTORY, sid=after.sid, vid=after.vid, limit=size)
        if session is None
        else tx.fetch_all(
            history_sql.SELECT_WITH_HISTORY_IN_SESSION, sid=session, vid=after.vid, limit=size
        )
    )
    time = shifted(tx.now, bound, back=True) if isinstance(bound, timedelta) else bound
    deleted = 0
    for sid, vid in page:
        parameters = {"sid": sid, "vid": vid, "keep": keep}
        deleted += (
            tx.execute(history_sql.PRUNE_HISTORY, **parameters)
            if time is None
            else tx.execute(history_sql.PRUNE_HISTORY_BEFORE, **parameters, time=time)
        )
    return deleted, page[-1] if page else None
