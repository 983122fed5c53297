"""Methods that list the variables of a session, or a few of them from either end."""

from datetime import datetime

from snakestore.clock import as_utc
from snakestore.patterns import NameRange
from snakestore.repository.arguments import checked_count
from snakestore.repository.base import RepositoryBase
from snakestore.repository.name_ranges import list_names, read_matching
from snakestore.repository.session_access import load_session
from snakestore.repository.variables.point_in_time import as_of
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.identities import Identity, checked_identities_from, names_from
from snakestore.storage.mapping.stored_variable import stored_from
from snakestore.storage.mapping.variables import in_order, variables_from
from snakestore.storage.queries import variables as sql
from snakestore.storage.queries.columns import RangeQuery
from snakestore.storage.queries.statement import Row, Statement
from snakestore.variable import Variable

MAX_LOOKED_FOR = 256
"""Up to this limit, variables are first looked for at one end, whatever their names."""
LOOKED_AT = ((8, 1), (64, 4))
"""How many are looked at there, first and then: a number, and more for each that is wanted."""


class VariableListMethods(RepositoryBase):
    """Methods that list variables."""

    def variable_names(
        self,
        sid: str,
        pattern: str | None = None,
        *,
        prefix: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[str]:
        """Return the names of the session's variables, ordered by code point.

        A listing with a ``prefix``, ``after`` or ``limit`` reads only its part of an index. Counts
        as an access (updates ``last_accessed``).

        Args:
            pattern: only names that match (``*`` matches any run of characters, all else is
                literal).
            prefix: only names that start with this text, in which ``*`` is literal too.
            after: only names after this one, in the order of the listing: the last name of the
                previous page.
            limit: the maximum number of names; None: no limit.
            reverse: in descending order.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError: if ``pattern``, ``prefix`` or ``after`` is neither str nor Enum.
            ValidationError: if ``limit`` is neither None nor an int >= 0.
        """
        return self._runner.read(
            list_names,
            sid,
            sql.SELECT_NAMES,
            names_from,
            pattern,
            prefix=prefix,
            after=after,
            limit=limit,
            reverse=reverse,
        )

    def list_variables(
        self,
        sid: str,
        pattern: str | None = None,
        *,
        at: datetime | None = None,
        prefix: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Variable]:
        """Return the session's variables, ordered by ``created_at``, ties by id.

        With ``reverse`` and a ``limit``, the newest. A listing with a ``limit`` reads no value of
        other variables. Counts as an access (updates ``last_accessed``).

        Args:
            pattern: only variables whose name matches (``*`` matches any run of characters, all
                else is literal).
            at: return them as they were at this time, without those created later or deleted
                since.
            prefix: only variables whose name starts with this text, in which ``*`` is literal too.
            limit: the maximum number of variables; None: no limit.
            reverse: in descending order.

        Raises:
            SessionNotFoundError, SessionExpiredError: if the session does not exist or has expired.
            InvalidNameError: if ``pattern`` or ``prefix`` is neither str nor Enum.
            ValidationError: if ``at`` is not an aware datetime, or ``limit`` neither None nor an
                int >= 0.
            VersionNotFoundError: if the history no longer has a variable's value ``at`` that time.
            UnknownTypeError: if a variable's type is not registered.
            CorruptStoreError: if a stored variable is damaged.
        """
        return self._runner.read(
            _list, sid, pattern, at=at, prefix=prefix, limit=limit, reverse=reverse
        )


def _list(
    tx: TransactionContext,
    sid: object,
    pattern: object,
    *,
    at: datetime | None,
    prefix: object,
    limit: object,
    reverse: object,
) -> list[Variable]:
    session = load_session(tx, sid)
    wanted = NameRange.parse(pattern, prefix=prefix)
    until = None if at is None else as_utc(at, "at")
    count = checked_count(limit, "limit")
    if wanted.is_empty or count == 0:
        return []
    rows = _Listing(tx, session, until, reverse=bool(reverse)).rows(wanted, count)
    if until is None:
        return variables_from(session, rows, tx.now)
    return list(as_of(tx, [stored_from(session, row) for row in rows], until).values())


class _Listing:
    """Reads of one session's variables in one order."""

    def __init__(
        self, tx: TransactionContext, sid: str, until: datetime | None, *, reverse: bool
    ) -> None:
        self._tx = tx
        self._sid = sid
        self._until = until
        self._reverse = reverse

    def rows(self, wanted: NameRange, limit: int | None) -> list[Row]:
        """Rows of VARIABLE_COLUMNS of the first ``limit`` variables whose name is wanted."""
        if wanted.is_unbounded:
            return self._read(sql.SELECT_BY_CREATION, limit=limit)
        if limit is not None:
            return self._in_order(sql.SEVERAL.by_id, self._matching_ids(wanted, limit))
        if wanted.is_exact:
            return self._read(sql.SELECT_NAMED, **wanted.bounds())
        # names first, so that large values of variables that do not match are not read
        names = read_matching(self._tx, self._sid, sql.SELECT_NAMES, names_from, wanted)
        return self._in_order(sql.SEVERAL.by_name, names)

    def _matching_ids(self, wanted: NameRange, limit: int) -> list[str]:
        """The ids of the first ``limit`` variables whose name is wanted.

        The order is one of times and the range one of names, and no index has both. If most
        variables match, which is usual, some from one end of the order are enough. If not, those
        in the range of names are sorted.
        """
        for others, per_variable in LOOKED_AT if limit <= MAX_LOOKED_FOR else ():
            looked_at = others + per_variable * limit
            first = self._identities(sql.SELECT_IDENTITIES_BY_CREATION, limit=looked_at)
            ids = [each.id for each in first if wanted.includes(each.name)]
            if len(ids) >= limit or len(first) < looked_at:
                return ids[:limit]
        exact = {"limit": limit} if wanted.is_exact else {}
        named = self._identities(sql.SELECT_NAMED_IDENTITIES, **wanted.bounds(), **exact)
        return [each.id for each in named if wanted.matches(each.name)][:limit]

    def _identities(self, query: RangeQuery, **bounds: str | int | None) -> list[Identity]:
        return checked_identities_from(self._sid, self._read(query, **bounds))

    def _read(self, query: RangeQuery, **bounds: str | int | None) -> list[Row]:
        """The rows of a query within the bounds that are not None."""
        given = {
            name: bound
            for name, bound in {"until": self._until, **bounds}.items()
            if bound is not None
        }
        statement = query.statement(given, reverse=self._reverse)
        return self._tx.fetch_all(statement, sid=self._sid, **given)

    def _in_order(self, statement: Statement, keys: list[str]) -> list[Row]:
        """The rows of VARIABLE_COLUMNS that an expanding statement finds by its keys."""
        rows = in_order(self._sid, self._tx.fetch_in(statement, keys, sid=self._sid))
        return rows[::-1] if self._reverse else rows
