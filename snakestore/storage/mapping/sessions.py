"""Sessions from rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple

from snakestore.clock import seconds_between
from snakestore.errors import CorruptStoreError
from snakestore.session import MAX_TTL_SECONDS, Session, SessionStats, expiry, is_expired
from snakestore.storage.dialects.access_lag import touch_interval
from snakestore.storage.mapping.cells import (
    named,
    object_from,
    session_label,
    text_from,
    unexpected,
)
from snakestore.storage.queries import columns as at
from snakestore.storage.queries.sessions import OFTEN_EMPTY
from snakestore.storage.queries.statement import Row
from snakestore.storage.schema.column_types import read_time


class LockedSession:
    """A session whose row is locked until the transaction ends, as far as a write needs it."""

    __slots__ = ("_history_limit", "expires_at", "last_accessed", "sid", "ttl")

    def __init__(
        self,
        sid: str,
        last_accessed: datetime,
        ttl: float | None,
        expires_at: datetime | None,
        history_limit: object,
    ) -> None:
        self.sid = sid
        self.last_accessed = last_accessed
        self.ttl = ttl
        self.expires_at = expires_at
        self._history_limit = history_limit

    @property
    def history_limit(self) -> int | None:
        """How many past versions each variable and each program keeps; None: all.

        Raises:
            CorruptStoreError: if the stored limit is not a count.
        """
        limit = self._history_limit
        if limit is None or (type(limit) is int and limit >= 0):
            return limit
        raise unexpected(limit, "a count", "history_limit", session_label, self.sid)


def access_from(sid: object, row: Row) -> tuple[datetime, float | None, datetime | None]:
    """``last_accessed``, ``ttl`` and the server's time, from a row that begins with ACCESS_COLUMNS.

    Raises:
        CorruptStoreError: if one of them is damaged.
    """
    last_accessed, ttl = row[at.ACCESS_LAST_ACCESSED], row[at.ACCESS_TTL]
    if type(last_accessed) is not datetime:
        raise unexpected(last_accessed, "a time", "last_accessed", session_label, sid)
    if ttl is not None and not (type(ttl) is float and 0 < ttl <= MAX_TTL_SECONDS):
        raise _bad_ttl(sid, ttl)
    return last_accessed, ttl, row[at.ACCESS_SERVER_NOW]


class QuietSessions:
    """Until when nothing is to be done about a session: it lives, and its access is not due.

    It remembers that of the sessions that were read lately, with the cells that say so.
    """

    __slots__ = ("_remembered",)
    _MAX = 1024
    """How many sessions are remembered."""
    _ROUNDED = 0.001
    """More than a float of seconds is wrong by, in any year."""

    def __init__(self) -> None:
        # replaced and read by single operations of a dict, so that threads need no lock
        self._remembered: dict[str, tuple[object, object, float]] = {}

    def until(self, sid: str, row: Row) -> float:
        """Seconds since 1970, rounded down, from a row that begins with QUIET_COLUMNS.

        Raises:
            CorruptStoreError: if one of them is damaged.
        """
        try:
            last_accessed, ttl, until = self._remembered[sid]
            if row[at.QUIET_LAST_ACCESSED] == last_accessed and row[at.QUIET_TTL] == ttl:
                return until
        except KeyError:
            if len(self._remembered) >= self._MAX:
                self._remembered.clear()
        last, lifetime = _quiet_from(row)
        until = last.timestamp() + touch_interval(lifetime) - self._ROUNDED
        self._remembered[sid] = row[at.QUIET_LAST_ACCESSED], lifetime, until
        return until


def has_expired_at(now: datetime, row: Row) -> bool:
    """Whether a session has expired at ``now``, from a row that begins with QUIET_COLUMNS.

    Raises:
        CorruptStoreError: if one of them is damaged.
    """
    last_accessed, ttl = _quiet_from(row)
    return is_expired(last_accessed, ttl, now)


def _quiet_from(row: Row) -> tuple[datetime, float | None]:
    text, ttl = row[at.QUIET_LAST_ACCESSED], row[at.QUIET_TTL]
    last_accessed = read_time(text)
    if last_accessed is None or not _is_ttl(ttl):
        message = "last_accessed or ttl of a session is damaged"
        raise CorruptStoreError(message)
    return last_accessed, ttl


def _is_ttl(ttl: object) -> bool:
    return ttl is None or (type(ttl) is float and 0 < ttl <= MAX_TTL_SECONDS)


def _bad_ttl(sid: object, ttl: object) -> CorruptStoreError:
    return unexpected(ttl, "a number of seconds", "ttl", session_label, sid)


def locked_session_from(sid: str, row: Row) -> LockedSession:
    """A session from a row that begins with STATE_COLUMNS, which ``access_from`` has accepted."""
    return LockedSession(
        sid,
        row[at.STATE_LAST_ACCESSED],
        row[at.STATE_TTL],
        row[at.STATE_EXPIRES_AT],
        row[at.STATE_HISTORY_LIMIT],
    )


def variable_count_from(row: Row) -> object:
    """The number of variables in a row of COUNTED_COLUMNS, unchecked."""
    return row[at.COUNTED_VARIABLE_COUNT]


def is_taken(row: Row) -> bool:
    """Whether a session has the id, from TAKEN_COLUMNS."""
    return row[at.TAKEN_ID] is not None


def server_now_from(row: Row) -> datetime | None:
    """The server's time in a row that begins with ACCESS_COLUMNS."""
    now: datetime | None = row[at.ACCESS_SERVER_NOW]
    return now


class ExpiringSession(NamedTuple):
    """A session's place in the order of a sweep."""

    sid: str
    expires_at: datetime


def expiring_from(row: Row) -> ExpiringSession:
    """A place from EXPIRING_COLUMNS."""
    return ExpiringSession(row[at.EXPIRING_ID], row[at.EXPIRING_EXPIRES_AT])


def empty_tables_from(row: Row) -> frozenset[str]:
    """The names of empty tables, from a row that says of each of OFTEN_EMPTY whether it is."""
    return frozenset(compress((table.name for table in OFTEN_EMPTY), row))


def unchecked_session_id_from(row: Row) -> Any:
    """The id in SESSION_COLUMNS, not checked, so that a damaged session can be deleted."""
    return row[at.SESSION_ID]


class DeletedSession(NamedTuple):
    """A session to delete. It may be damaged, so its id is not checked."""

    id: Any
    variables: int
    """About how many variables it has."""


def deleted_session_from(row: Row) -> DeletedSession:
    """From DELETED_COLUMNS."""
    sid, count = row
    return DeletedSession(sid, count if type(count) is int else 0)


def unchecked_expired_id_from(row: Row) -> Any:
    """The id in EXPIRED_COLUMNS, also of a damaged session."""
    return row[at.EXPIRED_ID]


def most_variables_from(rows: Iterable[Row]) -> int:
    """About how many variables the largest session in EXPIRED_COLUMNS has."""
    counts = [row[at.EXPIRED_VARIABLE_COUNT] for row in rows]
    return max((count for count in counts if type(count) is int), default=0)


def metadata_from(row: Row) -> dict[str, Any]:
    """The metadata in SESSION_COLUMNS.

    Raises:
        CorruptStoreError: if it is not a JSON object.
    """
    return object_from(row[at.SESSION_METADATA], "metadata", session_label, row[at.SESSION_ID])


def last_worker_id_from(row: Row) -> str | None:
    """The last worker's id in SESSION_COLUMNS.

    Raises:
        CorruptStoreError: if it is neither text nor NULL.
    """
    worker = row[at.SESSION_LAST_WORKER_ID]
    return (
        None
        if worker is None
        else text_from(worker, "last_worker_id", session_label, row[at.SESSION_ID])
    )


def session_from(row: Row, now: datetime) -> Session:
    """A session from SESSION_COLUMNS, with its statistics as of ``now``.

    Raises:
        CorruptStoreError: if a column is damaged.
    """
    (
        last_accessed,
        ttl,
        _,
        sid,
        created_at,
        _,
        _,
        variable_count,
        program_count,
        updates,
    ) = row
    text_from(sid, "id", session_label, sid)
    if type(created_at) is not datetime:
        raise unexpected(created_at, "a time", "created_at", session_label, sid)
    if type(last_accessed) is not datetime:
        raise unexpected(last_accessed, "a time", "last_accessed", session_label, sid)
    if not _is_ttl(ttl):
        raise _bad_ttl(sid, ttl)
    if not (type(variable_count) is type(program_count) is type(updates) is int):
        raise _bad_counts(row)
    return Session(
        id=sid,
        created_at=created_at,
        last_accessed=last_accessed,
        ttl=ttl,
        expires_at=expiry(last_accessed, ttl),
        last_worker_id=last_worker_id_from(row),
        metadata=metadata_from(row),
        stats=SessionStats(
            variable_count=variable_count,
            program_count=program_count,
            total_variable_updates=updates,
            age=seconds_between(created_at, now),
            time_since_access=seconds_between(last_accessed, now),
            total_items=variable_count + program_count,
        ),
    )


def _bad_counts(row: Row) -> CorruptStoreError:
    counts = {
        "variable_count": row[at.SESSION_VARIABLE_COUNT],
        "program_count": row[at.SESSION_PROGRAM_COUNT],
        "total_variable_updates": row[at.SESSION_TOTAL_VARIABLE_UPDATES],
    }
    column, count = next(each for each in counts.items() if type(each[1]) is not int)
    return unexpected(
        count,
        "a count (check(repair=True) recounts)",
        column,
        session_label,
        row[at.SESSION_ID],
    )


def recounted(row: Row, variables: int, programs: int, updates: int) -> Row:
    """SESSION_COLUMNS, from a row that begins with them, with other counts."""
    cells = list(row[: len(at.SESSION_COLUMNS)])
    cells[at.SESSION_VARIABLE_COUNT] = variables
    cells[at.SESSION_PROGRAM_COUNT] = programs
    cells[at.SESSION_TOTAL_VARIABLE_UPDATES] = updates
    return tuple(cells)


def session_cells_from(names: Sequence[str], row: Row) -> dict[str, Any]:
    """All cells of a session by ``names``; those that its expiry depends on are checked.

    Raises:
        CorruptStoreError: if one of them is damaged.
    """
    cells = named(names, row)
    sid, ttl = cells["id"], cells["ttl"]
    for column in ("created_at", "last_accessed"):
        if cells[column] is None:
            raise unexpected(None, "a time", column, session_label, sid)
    if not _is_ttl(ttl):
        raise _bad_ttl(sid, ttl)
    return cells
