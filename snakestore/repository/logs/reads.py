"""Methods that read logs."""

from typing import NamedTuple, TypeVar

from snakestore.errors import (
    LogNotFoundError,
    SessionNotFoundError,
    ValidationError,
)
from snakestore.log import LogEntry
from snakestore.names import identifier_text
from snakestore.repository.arguments import checked_count, checked_position
from snakestore.repository.base import RepositoryBase
from snakestore.repository.logs.access import look_up
from snakestore.repository.name_ranges import list_names
from snakestore.repository.session_access import check_access, load_session, lookup_key
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.logs import (
    entries_beside,
    exists_beside,
    length_beside,
    names_from,
)
from snakestore.storage.queries import logs as sql

T = TypeVar("T")


class LogReadMethods(RepositoryBase):
    """Methods that read logs."""

    def read_log(
        self,
        sid: str,
        log: str,
        *,
        after: int | None = None,
        before: int | None = None,
        last: int | None = None,
        limit: int | None = None,
    ) -> list[LogEntry]:
        """Return entries of a log, in order. Counts as an access (updates ``last_accessed``).

        Args:
            after: only entries at positions after this one.
            before: only entries at positions before this one.
            last: the newest entries of that range, at most so many; None: no limit.
            limit: the oldest entries of that range, at most so many; None: no limit.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            LogNotFoundError: if there is no such log.
            ValidationError: if both ``last`` and ``limit`` are given, or an argument is invalid.
            CorruptStoreError: if a stored entry is damaged.
        """
        return self._runner.lookup(_read, sid, log, after, before, last, limit)

    def log_length(self, sid: str, log: str) -> int:
        """Return how many entries a log has. Counts as an access (updates ``last_accessed``).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            LogNotFoundError: if there is no such log.
        """
        return self._runner.lookup(_length, sid, log)

    def list_logs(self, sid: str, pattern: str | None = None) -> list[str]:
        """Return the names of the session's logs, ordered by code point.

        Counts as an access (updates ``last_accessed``).

        Args:
            pattern: only names that match (``*`` matches any run of characters, all else is
                literal).

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError: if the pattern is neither str nor Enum.
        """
        return self._runner.read(
            list_names,
            sid,
            sql.SELECT_NAMES,
            names_from,
            pattern,
            prefix=None,
            after=None,
            limit=None,
            reverse=False,
        )

    def has_log(self, sid: str, log: str) -> bool:
        """Return whether there is such a log. Does not update ``last_accessed``.

        False for a missing or expired session.

        Raises:
            InvalidNameError: if the session id or the name is neither str nor Enum.
        """
        return self._runner.lookup(_has, sid, log)


class Page(NamedTuple):
    """Which entries of a log to read, in order.

    Attributes:
        above: only positions above this one.
        below: only positions below this one.
        limit: at most so many.
        offset: without so many at the beginning.
        newest: count ``limit`` and ``offset`` from the newest entry of the range.
    """

    above: int | None = None
    below: int | None = None
    limit: int | None = None
    offset: int | None = None
    newest: bool = False

    def bounds(self) -> dict[str, int]:
        """Those that are given, by name."""
        given = {
            "above": self.above,
            "below": self.below,
            "limit": self.limit,
            "offset": self.offset,
        }
        return {name: number for name, number in given.items() if number is not None}


def read_page(
    tx: TransactionContext, sid: object, log: object, page: Page
) -> list[LogEntry] | None:
    """Entries of a log; None if there is no such log.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        InvalidNameError: if the name is neither str nor Enum.
        CorruptStoreError: if a stored entry is damaged.
    """
    session, name = lookup_key(tx, sid, log, "log name")
    bounds = page.bounds()
    statement = sql.SELECT_PAGE.statement(bounds, reverse=page.newest)
    rows = tx.fetch_all(statement, sid=session, log=name, **bounds)
    row = check_access(tx, session, next(iter(rows), None))
    if length_beside(session, name, row) is None:
        return None
    return entries_beside(session, name, rows)


def read_length(tx: TransactionContext, sid: object, log: object) -> int | None:
    """The length of a log; None if there is no such log.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        InvalidNameError: if the name is neither str nor Enum.
    """
    return length_beside(*look_up(tx, sid, log))


def _read(
    tx: TransactionContext,
    sid: object,
    log: object,
    after: object,
    before: object,
    last: object,
    limit: object,
) -> list[LogEntry]:
    try:
        page = _checked_page(after, before, last, limit)
    except ValidationError:
        load_session(tx, sid)  # a missing session is refused first
        raise
    return _or_raise(read_page(tx, sid, log, page), sid, log)


def _length(tx: TransactionContext, sid: object, log: object) -> int:
    return _or_raise(read_length(tx, sid, log), sid, log)


def _or_raise(found: T | None, sid: object, log: object) -> T:
    """What was found.

    Raises:
        LogNotFoundError: if nothing was. Then the read is no access.
    """
    if found is None:
        raise LogNotFoundError(identifier_text(sid), identifier_text(log))
    return found


def _checked_page(after: object, before: object, last: object, limit: object) -> Page:
    if last is not None and limit is not None:
        message = (
            "read_log() takes last or limit, not both: last counts from the newest entry, limit"
            " from the oldest"
        )
        raise ValidationError(message)
    newest, oldest = checked_count(last, "last"), checked_count(limit, "limit")
    return Page(
        above=checked_position(after, "after"),
        below=checked_position(before, "before"),
        limit=oldest if newest is None else newest,
        newest=newest is not None,
    )


def _has(tx: TransactionContext, sid: object, log: object) -> bool:
    identifier_text(sid, "session id")
    identifier_text(log, "log name")
    try:
        _, _, row = look_up(tx, sid, log, touch=False)
    except SessionNotFoundError:
        return False
    return exists_beside(row)
