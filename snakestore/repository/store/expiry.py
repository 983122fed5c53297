"""Methods that list and delete expired sessions."""

import logging
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from snakestore.errors import CorruptStoreError, shorten
from snakestore.repository.arguments import checked_count, checked_positive
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import undamaged_session
from snakestore.repository.sessions.writes import delete_sessions, empty_tables
from snakestore.repository.space import WriterYield, incremental_vacuum
from snakestore.repository.store.swept import Swept
from snakestore.session import Session, expiry, is_expired
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.runner import Runner
from snakestore.storage.mapping.logs import entry_counts_from
from snakestore.storage.mapping.sessions import (
    access_from,
    most_variables_from,
    unchecked_expired_id_from,
)
from snakestore.storage.queries import logs as logs_sql
from snakestore.storage.queries import sessions as sql
from snakestore.storage.queries.columns import logs

if TYPE_CHECKING:
    from snakestore.repository.store.distributed_sweep import DistributedSweep

logger = logging.getLogger("snakestore.sweep")
MAX_ENTRIES = 5000
"""Entries of logs that one transaction deletes, unless a single session has more."""
MIN_PAGE = 100
"""Rows that are read at once, at least."""


class ExpiryMethods(RepositoryBase):
    """Methods about expired sessions."""

    def list_expired(self, limit: int | None = None) -> list[Session]:
        """Return the expired sessions, longest expired first. Does not update ``last_accessed``.

        Damaged sessions are omitted, and logged as a warning. ``check()`` lists them.

        Args:
            limit: the maximum number of sessions; None: no limit.

        Raises:
            ValidationError: if ``limit`` is neither None nor an int >= 0.
        """
        return self._runner.read(_list, checked_count(limit, "limit"))

    def delete_expired(
        self,
        limit: int | None = None,
        *,
        batch_size: int = 100,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete expired sessions and their contents, in small transactions.

        Other writers get their turn between transactions. Several sweepers share the work: what
        they return adds up to the number of sessions deleted. On SQLite, free space is then
        returned to the disk if the file was created by snakestore. Sessions whose ``last_accessed``
        or ``ttl`` is damaged are not deleted, but logged as a warning. ``check()`` lists them.

        Args:
            limit: the maximum number of sessions; None: no limit.
            batch_size: sessions per transaction; fewer if they have long logs. On Citus, each
                session is deleted in a transaction of its own.
            progress: called with the number deleted so far after each transaction, on Citus after
                ``batch_size`` sessions.

        Returns:
            How many sessions were deleted.

        Raises:
            ValidationError: if an argument is invalid.
        """
        count, size = checked_count(limit, "limit"), checked_positive(batch_size, "batch_size")
        deleted, yielding = 0, WriterYield(self._runner)
        sweep = _sweep_of(self._runner)
        while count is None or deleted < count:
            batch = size if count is None else min(size, count - deleted)
            with yielding.slice():
                swept = sweep.delete_batch(batch)
            deleted += swept.deleted
            for sid in swept.damaged:
                logger.warning("did not delete the session %s, which is damaged: see check()", sid)
            logger.debug("deleted %d of %d sessions", swept.deleted, swept.found)
            if swept.deleted and progress is not None:
                progress(deleted)
            if swept.found < batch and not swept.postponed:
                break
        if deleted:
            logger.info("deleted %d expired sessions", deleted)
            incremental_vacuum(self._runner, yielding)
        return deleted


def _list(tx: TransactionContext, limit: int | None) -> list[Session]:
    """Read the index range until the sessions that expired first are known.

    It is in the order of the recorded expiry. That may lag behind, but it is never later than the
    exact one: what is recorded after the last of these expired after it.
    """
    if limit == 0:
        return []
    found: list[Session] = []
    page = sys.maxsize if limit is None else max(limit, MIN_PAGE)
    read, bound = 0, tx.now
    while True:
        rows = tx.fetch_with_damaged(sql.SELECT_EXPIRED, bound=bound, limit=page, skip=read)
        sessions = (undamaged_session(tx, row, expired=True) for row in rows)
        found += [session for session in sessions if session is not None]
        found = sorted(found, key=_expiry)[:limit]
        read += len(rows)
        if len(rows) < page:
            return found
        if found and len(found) == limit:
            bound = _expiry(found[-1])[0]
        page *= 2  # rows are skipped by reading them


def _expiry(session: Session) -> tuple[datetime, str]:
    assert session.expires_at is not None  # noqa: S101 - it has expired
    return session.expires_at, session.id


def _sweep_of(runner: Runner) -> "DistributedSweep | _Sweep":
    if not runner.lookup(_is_distributed):
        return _Sweep(runner)
    from snakestore.repository.store.distributed_sweep import (  # noqa: PLC0415 - on use
        DistributedSweep,
    )

    return DistributedSweep(runner)


def _is_distributed(tx: TransactionContext) -> bool:
    return tx.backend.is_distributed(tx)


class _Sweep:
    """A sweep of one server, which locks many sessions with one statement."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._damaged = 0

    def delete_batch(self, limit: int) -> Swept:
        """Delete what has expired of the next ``limit`` sessions that may have."""
        swept = self._runner.write_alone(_delete_batch, limit, self._damaged)
        self._damaged += len(swept.damaged)
        return swept


def _delete_batch(tx: TransactionContext, limit: int, skip: int) -> Swept:
    """Delete what has expired of the next ``limit`` sessions that may have, after ``skip``."""
    now = tx.now
    rows = tx.fetch_with_damaged(sql.LOCK_EXPIRED, bound=now, limit=limit, skip=skip)
    expired, damaged = [], []
    for row in rows:
        sid = unchecked_expired_id_from(row)
        try:
            last_accessed, ttl, _ = access_from(sid, row)
        except CorruptStoreError:
            damaged.append(shorten(sid))
            continue
        if is_expired(last_accessed, ttl, now):
            expired.append(sid)
        else:  # its recorded expiry lags behind: update it, or it is found again
            tx.send(sql.REFRESH_EXPIRY, sid=sid, expires=expiry(last_accessed, ttl))
    if not expired:
        return Swept(len(rows), postponed=False, deleted=0, damaged=damaged)
    empty = empty_tables(tx)
    first = expired if logs.name in empty else _within_bounds(tx, expired)
    delete_sessions(tx, first, empty, variables=most_variables_from(rows))
    return Swept(len(rows), len(first) < len(expired), len(first), damaged)


def _within_bounds(tx: TransactionContext, expired: list[str]) -> list[str]:
    """The first of the sessions, as many as have MAX_ENTRIES in their logs, but at least one."""
    counts = entry_counts_from(tx.fetch_in(logs_sql.SELECT_LENGTHS, expired))
    entries = 0
    for number, sid in enumerate(expired):
        entries += counts[sid]
        if number and entries > MAX_ENTRIES:
            return expired[:number]
    return expired
