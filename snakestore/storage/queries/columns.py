"""Small pieces that statements share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, bindparam

from snakestore.storage.queries.statement import IN_PARAMETERS, Statement
from snakestore.storage.schema.tables import ProgramRow, SessionRow, VariableRow, VariableVersionRow

sessions = cast("Table", SessionRow.__table__)
variables = cast("Table", VariableRow.__table__)
versions = cast("Table", VariableVersionRow.__table__)
programs = cast("Table", ProgramRow.__table__)


SESSION_STATE_COLUMNS = (
    sessions.c.last_accessed,
    sessions.c.ttl,
    sessions.c.expires_at,
    sessions.c.history_limit,
)
"""What every write must know of its session."""


def each(column: ColumnElement[str], size: int) -> ColumnElement[bool]:
    """``column IN (:each_0, :each_1, ...)``, for a expanding statement."""
    return column.in_([bindparam(name, type_=column.type) for name in IN_PARAMETERS[:size]])


class RangeQuery:
    """A query over a range of names, in the forms that its bounds and a limit make.

    Each form is a statement of its own, for a parameter that may be NULL would keep the database
    from using its index.
    """

    def __init__(self, build: Callable[[], Select[Any]], column: ColumnElement[str]) -> None:
        def made(*, after: bool, bounded: bool, limited: bool) -> Statement:
            return Statement(
                lambda: _ranged(build(), column, after=after, bounded=bounded, limited=limited)
            )

        self._forms = {
            form: made(after=form[0], bounded=form[1], limited=form[2])
            for form in product((False, True), repeat=3)
        }

    def variant(self, *, after: bool = False, bounded: bool, limited: bool = False) -> Statement:
        """From ``:lower`` (``after``: beyond it) up to but without ``:upper`` (``bounded``), at most ``:most`` (``limited``)."""
        return self._forms[after, bounded, limited]


def _ranged(
    query: Select[Any], column: ColumnElement[str], *, after: bool, bounded: bool, limited: bool
) -> Select[Any]:
    lower = bindparam("lower", type_=column.type)
    query = query.where(column > lower if after else column >= lower)
    if bounded:
        query = query.where(column < bindparam("upper", type_=column.type))
    return query.limit(bindparam("most")) if limited else query
