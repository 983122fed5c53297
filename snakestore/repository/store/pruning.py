"""The method that deletes past versions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from snakestore.clock import as_utc, shifted
from snakestore.errors import ValidationError
from snakestore.repository.arguments import checked_count, checked_positive
from snakestore.repository.base import RepositoryBase
from snakestore.repository.session_access import load_session
from snakestore.repository.versions import MAX_NUMBERED
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.identities import VariableKey, keys_from
from snakestore.storage.queries.history import EVERY_HISTORY, HistoryStatements


class PruningMethods(RepositoryBase):
    """Methods that delete past versions."""

    def prune_history(
        self,
        sid: str | None = None,
        *,
        older_than: datetime | timedelta | None = None,
        keep: int | None = None,
        batch_size: int = 100,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Delete past versions, in small transactions. Does not update ``last_accessed``.

        Args:
            sid: only of this session; None: of all sessions, including expired ones.
            older_than: only versions written before this time, or longer ago than this timedelta.
            keep: never the newest ``keep`` past versions of each variable and each program. Without
                ``older_than``: all others.
            batch_size: variables or programs per transaction.
            progress: called with the number deleted so far after each transaction.

        Returns:
            How many past versions were deleted.

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
        rule = _Rule(session, bound, kept, size)
        deleted = 0
        for history in EVERY_HISTORY:
            after: VariableKey | None = VariableKey("", "")
            while after is not None:
                count, after = self._runner.write_alone(_prune, history, after, rule)
                deleted += count
                if after is not None and progress is not None:
                    progress(deleted)
        return deleted


class _Rule(NamedTuple):
    """What is deleted, and how much at once."""

    session: str | None
    bound: datetime | timedelta | None
    keep: int
    batch_size: int


def _prune(
    tx: TransactionContext, history: HistoryStatements, after: VariableKey, rule: _Rule
) -> tuple[int, VariableKey | None]:
    """Prune the next owners that have past versions.

    Returns how many versions were deleted, and the last of these owners; None: there are none.
    """
    page = keys_from(
        tx.fetch_all(history.select_owners, **history.key(*after), limit=rule.batch_size)
        if rule.session is None
        else tx.fetch_all(
            history.select_owners_in_session,
            **history.key(rule.session, after.vid),
            limit=rule.batch_size,
        )
    )
    bound = rule.bound
    time = shifted(tx.now, bound, back=True) if isinstance(bound, timedelta) else bound
    return _prune_page(tx, history, page, time, rule.keep), page[-1] if page else None


def _prune_page(
    tx: TransactionContext,
    history: HistoryStatements,
    page: list[VariableKey],
    time: datetime | None,
    keep: int,
) -> int:
    """Prune owners, those of one session at once where the database can. Returns how many."""
    before = {} if time is None else {"time": time}
    deleted = 0
    if tx.backend.arrays and keep <= MAX_NUMBERED:
        statement = history.prune_several if time is None else history.prune_several_before
        for sid, keys in groupby(page, key=attrgetter("sid")):
            owners = [key.vid for key in keys]
            deleted += tx.execute_in(statement, owners, sid=sid, keep=keep, **before)
        return deleted
    statement = history.prune if time is None else history.prune_before
    for key in page:
        deleted += tx.execute(statement, **history.key(*key), keep=keep, **before)
    return deleted
