"""Verbs about the values that a variable had."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from snakestore.clock import as_utc, shifted
from snakestore.errors import ValidationError, VersionNotFoundError
from snakestore.repository.arguments import (
    checked_count,
    checked_expected_version,
    checked_positive,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import load_session, record
from snakestore.repository.variables.update import (
    StoredVariable,
    apply,
    check_may_write,
    check_version,
    find,
    lock_variable,
    prepare,
)
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable


class HistoryMethods(RepositoryBase):
    """The part of a repository that is about past values."""

    def variable_history(
        self, sid: str, identifier: str, *, limit: int | None = None
    ) -> list[Variable]:
        """The values that the variable had and the session's ``history_limit`` still holds, newest first. An access.

        A past Variable has the id, name, constraints, created_at and access rules of today, and the
        type, value, metadata and version of then; its ``last_updated_at`` is when that version was
        written.

        Args:
            limit: at most so many.

        Raises:
            SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
            ValidationError: the limit may not be.
        """
        return self._runner.read(_history, sid, identifier, limit)

    def get_variable_version(self, sid: str, identifier: str, version: int) -> Variable:
        """The variable as it was at ``version``, the present one too. An access.

        Raises:
            SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
            VersionNotFoundError: it never had that version, or the history no longer holds it.
            ValidationError: ``version`` is no int.
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
        """Write the value of an earlier ``version`` again, as a new version; nothing is taken out of the history.

        The metadata is the present one with ``rolled_back_to``, ``reason`` if given, and source
        "rollback".

        Raises:
            SessionNotFoundError, SessionExpiredError, VariableNotFoundError: nothing there.
            VariableLockedError: it is being optimised by another, or not by ``optimizer_id``.
            VersionConflictError: it is not at ``expected_version``.
            VersionNotFoundError: it never had ``version``, or the history no longer holds it.
            ConstraintError, ValidationError: the old value does not satisfy today's type and
                constraints.
        """
        return self._runner.write(
            _rollback,
            sid,
            identifier,
            version,
            expected_version,
            reason,
            optimizer_id,
            max_value_bytes=self._options.max_value_bytes,
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
        """Forget past values, in small transactions; how many were forgotten. Present values stay; it is no access.

        Args:
            sid: of this session; None: of all, expired ones too.
            older_than: only values written before this time, or longer ago than this.
            keep: never the newest so many of each variable; without ``older_than``, all but those.
            batch_size: variables a transaction.
            progress: called with the number forgotten so far after each transaction.

        Raises:
            ValidationError: neither ``older_than`` nor ``keep`` is given, or one may not be.
            SessionNotFoundError: there is no session ``sid``.
        """
        if older_than is None and keep is None:
            message = "prune_history needs older_than=, keep= or both: say what may be forgotten"
            raise ValidationError(message)
        bound = (
            older_than
            if older_than is None or isinstance(older_than, timedelta)
            else as_utc(older_than, "older_than")
        )
        kept, size = checked_count(keep, "keep") or 0, checked_positive(batch_size, "batch_size")
        session = None if sid is None else self._runner.lookup(_existing, sid)
        forgotten, after = 0, ("", "")
        while True:
            count, last = self._runner.write(_prune, session, after, bound, kept, size)
            forgotten += count
            if last is None:
                return forgotten
            after = last
            if progress is not None:
                progress(forgotten)


def _asked(version: object) -> int:
    if isinstance(version, bool) or not isinstance(version, int):
        message = f"a version is an int, not {type(version).__name__}"
        raise ValidationError(message, value=version)
    return int(version)


def _target(tx: TransactionContext, sid: object, identifier: object) -> StoredVariable:
    session = load_session(tx, sid)
    return find(tx, session, identifier)


def _history(
    tx: TransactionContext, sid: object, identifier: object, limit: object
) -> list[Variable]:
    stored = _target(tx, sid, identifier)
    most = checked_count(limit, "limit")
    which = {"sid": stored.sid, "vid": stored.id}
    found = (
        tx.fetch_all(history_sql.SELECT_HISTORY, **which)
        if most is None
        else tx.fetch_all(history_sql.SELECT_HISTORY_LIMITED, **which, most=most)
    )
    return [mapping.past_variable_from(stored.sid, stored.row, row) for row in found]


def _get(tx: TransactionContext, sid: object, identifier: object, asked: object) -> Variable:
    stored = _target(tx, sid, identifier)
    version = _asked(asked)
    if version == stored.version:
        return stored.variable(tx.now)
    return mapping.past_variable_from(stored.sid, stored.row, _version_row(tx, stored, version))


def _version_row(tx: TransactionContext, stored: StoredVariable, version: int) -> Row:
    row = (
        tx.fetch_first(history_sql.SELECT_VERSION, sid=stored.sid, vid=stored.id, wanted=version)
        if 0 <= version < stored.version
        else None
    )
    if row is None:
        raise VersionNotFoundError(stored.sid, stored.identifier, version)
    return row


def _rollback(  # noqa: PLR0913 - the verb's arguments
    tx: TransactionContext,
    sid: object,
    identifier: object,
    asked: object,
    expected_version: object,
    reason: object,
    optimizer_id: object,
    *,
    max_value_bytes: int | None,
) -> Variable:
    locked, stored = lock_variable(tx, sid, identifier)
    check_may_write(stored, optimizer_id, tx.now)
    check_version(stored, checked_expected_version(expected_version))
    version = _asked(asked)
    if version == stored.version:
        value, like = stored.value(), stored.row[4]
    else:
        _, type_name, text, like, *_ = _version_row(tx, stored, version)
        value = mapping.value_from(stored.sid, stored.identifier, type_name, text, like)
    told: dict[str, Any] = {"rolled_back_to": version} | (
        {} if reason is None else {"reason": reason}
    )
    changed = apply(
        tx,
        locked,
        stored,
        prepare(
            stored, value, told, "rollback", tx.now, max_value_bytes=max_value_bytes, like=like
        ),
    )
    record(tx, locked, updates=1)
    return changed


def _existing(tx: TransactionContext, sid: object) -> str:
    session = load_session(tx, sid)
    tx.access_due = None  # forgetting the past is no access
    return session


def _prune(
    tx: TransactionContext,
    session: str | None,
    after: tuple[str, str],
    bound: datetime | timedelta | None,
    keep: int,
    size: int,
) -> tuple[int, tuple[str, str] | None]:
    """Forget of the next ``size`` variables with a past; how many, and the last variable looked at."""
    if session is None:
        page = tx.fetch_all(history_sql.SELECT_WITH_HISTORY, sid=after[0], vid=after[1], most=size)
    else:
        page = tx.fetch_all(
            history_sql.SELECT_WITH_HISTORY_IN_SESSION, sid=session, vid=after[1], most=size
        )
    moment = shifted(tx.now, bound, back=True) if isinstance(bound, timedelta) else bound
    forgotten = 0
    for sid, vid in page:
        which = {"sid": sid, "vid": vid, "keep": keep}
        forgotten += (
            tx.execute(history_sql.PRUNE_HISTORY, **which)
            if moment is None
            else tx.execute(history_sql.PRUNE_HISTORY_BEFORE, **which, moment=moment)
        )
    return forgotten, tuple(page[-1]) if page else None
