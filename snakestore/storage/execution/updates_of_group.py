"""Records the updates of a group of writes, and their accesses, once for each session.

An update changes its session's row: the count of updates and ``last_accessed``. Those of a group
are added up and stored with one statement, before anything could see the difference: a method that
does anything else, an update so much later that the session may have expired meanwhile, or COMMIT.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from snakestore.clock import shifted
from snakestore.storage.dialects.access_lag import touch_interval
from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.queries.sessions import RECORD

F = TypeVar("F", bound=Callable[..., Any])

_RECORD_UPDATES = RECORD[False, False, False, True]
_EVER = datetime.max.replace(tzinfo=UTC)
_ROUNDED = 0.001
"""Seconds, more than times are rounded by."""
_sharing: set[Callable[..., Any]] = set()


def shares_record(operation: F) -> F:
    """Mark an operation that locks its session and updates variables of it, and does no more.

    It reads no more of the session than ``lock_session_beside`` does, and records the update last.
    """
    _sharing.add(operation)
    return operation


def is_sharing(operation: Callable[..., Any]) -> bool:
    """Whether an operation was marked by ``shares_record``."""
    return operation in _sharing


class _Sum:
    """What updates of one session add up to."""

    __slots__ = ("accessed", "updates")

    def __init__(self, accessed: datetime, updates: int) -> None:
        self.accessed = accessed
        self.updates = updates


class UpdatesOfGroup:
    """The updates of a group that were not recorded yet, by session."""

    def __init__(self) -> None:
        self._sums: dict[str, _Sum] = {}
        self._until = _EVER

    def __bool__(self) -> bool:
        return bool(self._sums)

    def seen_at(self, now: datetime | None) -> bool:
        """Whether an update at ``now`` could find out that earlier ones were not recorded."""
        return bool(self) and (now is None or now >= self._until)

    def add(self, locked: LockedSession, accessed: datetime, updates: int) -> bool:
        """Add updates, unless they are to be recorded at once. Returns whether it did.

        ``locked`` is the session as it is stored, which lags behind by what was added before.
        """
        known = self._sums.get(locked.sid)
        if known is not None:
            known.accessed = max(known.accessed, accessed)
            known.updates += updates
            return True
        if locked.ttl is not None and locked.expires_at is not None:
            until = _until(locked.last_accessed, locked.expires_at, locked.ttl)
            if accessed >= until:
                return False
            self._until = min(self._until, until)
        self._sums[locked.sid] = _Sum(accessed, updates)
        return True

    def record(self, tx: TransactionContext) -> None:
        """Record them."""
        sums, self._sums, self._until = self._sums, {}, _EVER
        for sid, each in sums.items():
            tx.send(_RECORD_UPDATES, sid=sid, accessed=each.accessed, updates=each.updates)


def _until(last_accessed: datetime, expires_at: datetime, ttl: float) -> datetime:
    """Until when an update of a session does the same, whether earlier ones were recorded or not.

    That is, until the session may have expired, or ``expires_at`` is to be moved.
    """
    accessed = min(last_accessed, shifted(expires_at, timedelta(seconds=ttl), back=True))
    return shifted(accessed, timedelta(seconds=touch_interval(ttl) - _ROUNDED))


class GroupedContext(TransactionContext):
    """The transaction of a group as an operation sees it that shares its record with others."""

    __slots__ = ("_updates",)

    def __init__(
        self,
        connection: ConnectionAdapter,
        now: datetime | None,
        max_value_bytes: int | None,
        updates: UpdatesOfGroup,
    ) -> None:
        """Use ``connection``, as a ``TransactionContext``, and add to ``updates``."""
        super().__init__(connection, now, max_value_bytes)
        self._updates = updates

    def defers_update(self, locked: LockedSession, accessed: datetime, updates: int) -> bool:
        """Whether the group records them later."""
        return self._updates.add(locked, accessed, updates)
