"""Listings of names, each an index range."""

from __future__ import annotations

from collections.abc import Callable

from snakestore.patterns import NameRange
from snakestore.repository.arguments import checked_count
from snakestore.repository.session_access import load_session
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries.columns import RangeQuery
from snakestore.storage.queries.statement import Row

PAGE = 256
"""Names that are read at once, where not every name of a range matches."""

NamesFrom = Callable[[str, list[Row]], list[str]]
"""Makes names of rows of a session, and refuses damaged ones."""


def list_names(  # noqa: PLR0913 - the arguments of the methods
    tx: TransactionContext,
    sid: object,
    query: RangeQuery,
    names_from: NamesFrom,
    pattern: object,
    *,
    prefix: object,
    after: object,
    limit: object,
    reverse: object,
) -> list[str]:
    """The names in a session that ``query`` selects, within the bounds that a caller gave.

    Raises:
        SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
        InvalidNameError, ValidationError: if a bound is invalid.
        CorruptStoreError: if a name is damaged.
    """
    session = load_session(tx, sid)
    descending = bool(reverse)
    wanted = NameRange.parse(pattern, prefix=prefix, after=after, reverse=descending)
    count = checked_count(limit, "limit")
    return read_matching(tx, session, query, names_from, wanted, count, reverse=descending)


def read_matching(
    tx: TransactionContext,
    sid: str,
    query: RangeQuery,
    names_from: NamesFrom,
    wanted: NameRange,
    limit: int | None = None,
    *,
    reverse: bool = False,
) -> list[str]:
    """The first ``limit`` names that are wanted, in order.

    Raises:
        CorruptStoreError: if a name is damaged.
    """
    if wanted.is_empty or limit == 0:
        return []
    size = limit if limit is None or wanted.is_exact else PAGE
    found: list[str] = []
    while True:
        bounds = wanted.bounds() | ({} if size is None else {"limit": size})
        rows = tx.fetch_all(query.statement(bounds, reverse=reverse), sid=sid, **bounds)
        page = names_from(sid, rows)
        found += page if wanted.is_exact else filter(wanted.matches, page)
        if limit is not None and len(found) >= limit:
            return found[:limit]
        if size is None or len(page) < size:
            return found
        wanted = wanted.below(page[-1]) if reverse else wanted.above(page[-1])
