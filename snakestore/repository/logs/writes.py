"""Methods that change logs."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, overload

from snakestore import types
from snakestore.errors import LogNotFoundError, ValidationError, VersionConflictError, shorten
from snakestore.names import checked_name, identifier_text
from snakestore.repository.arguments import (
    MAX_COUNT,
    NOT_GIVEN,
    NotGiven,
    check_size,
    checked_count,
    checked_expected_version,
    checked_position,
    look_up_text,
)
from snakestore.repository.base import RepositoryBase
from snakestore.repository.logs.access import lock_log
from snakestore.repository.session_access import lock_session, record_write
from snakestore.repository.space import delete_from
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.small_arguments import holds_arguments
from snakestore.storage.mapping.logs import StoredLog, entry_from
from snakestore.storage.queries import logs as sql

D = TypeVar("D")


class LogWriteMethods(RepositoryBase):
    """Methods that change logs."""

    def append_log(
        self,
        sid: str,
        log: str,
        values: Iterable[Any],
        *,
        expected_length: int | None = None,
        keep_last: int | None = None,
    ) -> int:
        """Append entries to a log, in one step and in order. A missing log is created.

        It takes as long for a log of a million entries as for one of ten. Counts as an access
        (updates ``last_accessed``).

        Args:
            values: any iterable of JSON values. It is read before the transaction begins.
            expected_length: refuse to append if the log has another length. A missing log has the
                length 0.
            keep_last: then drop the oldest entries beyond so many; None: keep all.

        Returns:
            The length of the log afterwards, without what was dropped.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            VersionConflictError: if the log does not have ``expected_length``. Nothing is changed,
                and no access is recorded.
            InvalidNameError: if the name is not valid.
            ValidationError: if a value is not JSON (``.path`` says where) or too large, or another
                argument is invalid.
        """
        given = _encode(values, self._options.max_value_bytes)
        return self._runner.write(_append, sid, log, given, expected_length, keep_last)

    @overload
    def pop_log(self, sid: str, log: str) -> Any: ...

    @overload
    def pop_log(self, sid: str, log: str, default: D) -> Any | D: ...

    def pop_log(self, sid: str, log: str, default: Any = NOT_GIVEN) -> Any:
        """Remove the newest entry of a log and return its value.

        Its position is not given to another entry. Counts as an access (updates ``last_accessed``)
        if there was an entry.

        Args:
            default: what to return if the log is missing or empty. A missing session still raises.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            LogNotFoundError: if the log is missing or empty and there is no default.
            CorruptStoreError: if the stored entry is damaged.
        """
        return self._runner.write(_pop, sid, log, default)

    def trim_log(
        self, sid: str, log: str, *, keep_last: int | None = None, before: int | None = None
    ) -> int:
        """Drop the oldest entries of a log. Positions of the others stay.

        Counts as an access (updates ``last_accessed``) if entries were dropped.

        Args:
            keep_last: drop the oldest entries beyond so many.
            before: drop entries at positions before this one. If both are given, an entry is
                dropped for either reason.

        Returns:
            How many entries were dropped; 0 for a missing log.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            ValidationError: if neither ``keep_last`` nor ``before`` is given, or one is invalid.
        """
        return delete_from(self._runner, _trim, sid, log, keep_last, before)

    def delete_log(self, sid: str, log: str) -> bool:
        """Delete a log with its entries. Counts as an access if there was one.

        A log that is created anew under this name starts at position 0.

        Returns:
            Whether a log was deleted.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        """
        return delete_from(self._runner, _delete, sid, log)


# --- appending


@holds_arguments("texts", "refusal")
class _Encoded(NamedTuple):
    """Entries that are to be appended, as they are stored."""

    texts: list[str]
    refusal: ValidationError | None
    """Why they are refused; raised after what is refused before values."""


def _encode(values: object, limit: int | None) -> _Encoded:
    """Read, check and encode values before the transaction, which may run several times."""
    # a list needs no slow check of abstract types; nearly every call has one
    if type(values) is not list and (
        isinstance(values, str | bytes | bytearray | Mapping) or not isinstance(values, Iterable)
    ):
        message = (
            f"values must be an iterable of entries, not {type(values).__name__}: put a single"
            " entry into a list"
        )
        return _Encoded([], ValidationError(message, value=values))
    given = list(values)
    try:
        return _Encoded(
            [
                _encode_entry(value, f"log entry values[{number}]", limit)
                for number, value in enumerate(given)
            ],
            None,
        )
    except ValidationError as refusal:
        return _Encoded([], refusal)


def _encode_entry(value: object, what: str, limit: int | None) -> str:
    text = types.dumps(types.checked_document(value, what))
    check_size(what, text, None, limit)
    return text


def _append(
    tx: TransactionContext,
    sid: object,
    log: object,
    given: _Encoded,
    expected_length: object,
    keep_last: object,
) -> int:
    locked, name, stored = lock_log(tx, sid, log)
    _check_length(locked.sid, log, stored, expected_length)
    if stored is None:
        name = checked_name(log, "log name")
    keep = checked_count(keep_last, "keep_last")
    if given.refusal is not None:
        raise given.refusal
    texts, before = given.texts, StoredLog(0, 0) if stored is None else stored
    after = _grown(before, len(texts), locked.sid, name)
    if keep is not None and after.length > keep:
        # what would be dropped at once is not inserted, but has a position all the same
        if before.length:
            _drop_oldest(tx, locked.sid, name, after.length - keep, before.length)
        texts = texts[max(0, len(texts) - keep) :]
        after.length = keep
    if stored is None:
        _insert(tx, locked.sid, name, after)
    else:
        _update(tx, locked.sid, name, after)
    _insert_entries(tx, locked.sid, name, texts, first=after.next_position - len(texts))
    record_write(tx, locked)
    return after.length


def _grown(before: StoredLog, by: int, sid: str, name: str) -> StoredLog:
    """The log with that many more entries."""
    if before.next_position + by > MAX_COUNT:
        message = (
            f"log {shorten(name)} of session {shorten(sid)} is at the highest possible position."
            " Delete it and store its entries anew."
        )
        raise ValidationError(message)
    return StoredLog(before.length + by, before.next_position + by)


def _check_length(sid: str, log: object, stored: StoredLog | None, expected_length: object) -> None:
    expected = checked_expected_version(expected_length, "expected_length")
    length = 0 if stored is None else stored.length
    if expected is not None and expected != length:
        actual = None if stored is None else length
        raise VersionConflictError.of_log(sid, identifier_text(log), expected, actual)


def _insert(tx: TransactionContext, sid: str, name: str, log: StoredLog) -> None:
    tx.send(
        sql.INSERT,
        session_id=sid,
        name=name,
        length=log.length,
        next_position=log.next_position,
        created_at=tx.now,
        last_updated_at=tx.now,
    )


def _insert_entries(
    tx: TransactionContext, sid: str, name: str, texts: list[str], *, first: int
) -> None:
    tx.send_many(
        sql.INSERT_ENTRY,
        [
            {
                "session_id": sid,
                "log_name": name,
                "position": position,
                "entry": text,
                "created_at": tx.now,
            }
            for position, text in enumerate(texts, start=first)
        ],
    )


def _update(tx: TransactionContext, sid: str, name: str, log: StoredLog) -> None:
    tx.send(
        sql.UPDATE,
        sid=sid,
        log=name,
        new_length=log.length,
        new_next_position=log.next_position,
        new_last_updated_at=tx.now,
    )


# --- removing


def _drop_oldest(tx: TransactionContext, sid: str, name: str, drop: int, length: int) -> int:
    """Delete the oldest ``drop`` of ``length`` entries. Returns how many were deleted."""
    if drop >= length:
        return tx.execute(sql.DELETE_ENTRIES, sid=sid, log=name)
    return tx.execute(sql.DELETE_OLDEST, sid=sid, log=name, drop=drop)


def _pop(tx: TransactionContext, sid: object, log: object, default: object | NotGiven) -> object:
    locked, name, stored = lock_log(tx, sid, log)
    row = None if stored is None else tx.fetch_first(sql.SELECT_NEWEST, sid=locked.sid, log=name)
    if row is None or stored is None:
        if default is NOT_GIVEN:
            raise LogNotFoundError(locked.sid, identifier_text(log), empty=stored is not None)
        return default
    entry = entry_from(locked.sid, name, row)
    tx.send(sql.DELETE_ENTRY, sid=locked.sid, log=name, position=entry.position)
    _update(tx, locked.sid, name, StoredLog(stored.length - 1, stored.next_position))
    record_write(tx, locked)
    return entry.value


def _trim(
    tx: TransactionContext, sid: object, log: object, keep_last: object, before: object
) -> int:
    locked, name, stored = lock_log(tx, sid, log)
    if keep_last is None and before is None:
        message = "trim_log() needs keep_last, before or both: say what may be dropped"
        raise ValidationError(message)
    keep, position = checked_count(keep_last, "keep_last"), checked_position(before, "before")
    if stored is None:
        return 0
    dropped = 0
    if position is not None:
        dropped = tx.execute(sql.DELETE_ENTRIES_BEFORE, sid=locked.sid, log=name, before=position)
    length = stored.length - dropped
    if keep is not None and length > keep:
        dropped += _drop_oldest(tx, locked.sid, name, length - keep, length)
    if dropped:
        _update(tx, locked.sid, name, StoredLog(stored.length - dropped, stored.next_position))
        record_write(tx, locked)
    return dropped


def _delete(tx: TransactionContext, sid: str, log: object) -> bool:
    locked = lock_session(tx, sid)
    name = look_up_text(log, "log name")
    if name is None:
        return False
    tx.send(sql.DELETE_ENTRIES, sid=locked.sid, log=name)
    if not tx.execute(sql.DELETE, sid=locked.sid, log=name):
        return False
    record_write(tx, locked)
    return True
