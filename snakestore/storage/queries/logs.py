"""Statements about logs and their entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Join,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    true,
    update,
)

from snakestore.storage.queries.arrays import each
from snakestore.storage.queries.columns import (
    ACCESS_COLUMNS,
    ENTRY_COLUMNS,
    LENGTH_COLUMNS,
    LOG_COLUMNS,
    STATE_COLUMNS,
    RangeQuery,
    entries,
    logs,
    sessions,
)
from snakestore.storage.queries.statement import Statement

_in_session = logs.c.session_id == bindparam("sid")
_this = and_(_in_session, logs.c.name == bindparam("log"))
_own = and_(entries.c.session_id == bindparam("sid"), entries.c.log_name == bindparam("log"))


def _session_and_log() -> Join:
    return sessions.outerjoin(
        logs, and_(logs.c.session_id == sessions.c.id, logs.c.name == bindparam("log"))
    )


def _beside_session(session: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """The session's columns, then the log's, which are NULL if there is no such log."""
    return (
        select(*session, *LOG_COLUMNS)
        .select_from(_session_and_log())
        .where(sessions.c.id == bindparam("sid"))
    )


SELECT_LOG = Statement(lambda: _beside_session(ACCESS_COLUMNS))
# for writes, which on a server lock the session's row with a statement before
SELECT_FOR_UPDATE = Statement(lambda: _beside_session(STATE_COLUMNS))
SELECT_NAMES = RangeQuery(
    lambda: select(logs.c.name).where(_in_session), (logs.c.name,), names=logs.c.name
)


class PageQuery(RangeQuery):
    """A page of a log's entries in order, beside the session and the log.

    One statement, hence one snapshot. The bounds are positions (``above`` and ``below``, both
    exclusive), ``limit`` and ``offset``; ``reverse`` counts the last two from the newest entry.
    """

    def __init__(self) -> None:
        position = entries.c.position
        super().__init__(lambda: select(*ENTRY_COLUMNS).where(_own), (position,))
        self.bounds = {
            "above": lambda query: query.where(position > bindparam("above")),
            "below": lambda query: query.where(position < bindparam("below")),
            **self.bounds,
            "offset": lambda query: query.offset(bindparam("offset")),
        }

    def _bounded(self, bounds: frozenset[str], reverse: bool) -> Select[Any]:  # noqa: FBT001 - as there
        # the page is bounded in a subquery, because PostgreSQL would sort all entries for the join
        page = super()._bounded(bounds, reverse).subquery("page")
        return (
            select(*ACCESS_COLUMNS, *LOG_COLUMNS, *page.c)
            .select_from(_session_and_log().outerjoin(page, true()))
            .where(sessions.c.id == bindparam("sid"))
            .order_by(page.c.position)
        )


SELECT_PAGE = PageQuery()
SELECT_LENGTHS = Statement(
    lambda size: select(*LENGTH_COLUMNS).where(each(logs.c.session_id, size)), expanding=True
)
SELECT_NEWEST = Statement(
    lambda: (
        select(*ENTRY_COLUMNS)
        .where(_own)
        .order_by(entries.c.position.desc())
        .limit(literal_column("1"))
    )
)

INSERT = Statement(lambda: insert(logs))
INSERT_ENTRY = Statement(lambda: insert(entries))
UPDATE = Statement(
    lambda: (
        update(logs)
        .where(_this)
        .values(
            length=bindparam("new_length"),
            next_position=bindparam("new_next_position"),
            last_updated_at=bindparam("new_last_updated_at"),
        )
    )
)
DELETE = Statement(lambda: delete(logs).where(_this))
DELETE_ENTRIES = Statement(lambda: delete(entries).where(_own))
DELETE_ENTRY = Statement(
    lambda: delete(entries).where(_own, entries.c.position == bindparam("position"))
)
DELETE_ENTRIES_BEFORE = Statement(
    lambda: delete(entries).where(_own, entries.c.position < bindparam("before"))
)


def _before_all_but_newest() -> ColumnElement[int]:
    """The position of the oldest entry that stays, when ``:drop`` entries are dropped."""
    kept = entries.alias("kept")
    return (
        select(kept.c.position)
        .where(kept.c.session_id == bindparam("sid"), kept.c.log_name == bindparam("log"))
        .order_by(kept.c.position)
        .limit(literal_column("1"))
        .offset(bindparam("drop"))
        .scalar_subquery()
    )


# of few entries dropped, few are read, however long the log is
DELETE_OLDEST = Statement(
    lambda: delete(entries).where(_own, entries.c.position < _before_all_but_newest())
)
