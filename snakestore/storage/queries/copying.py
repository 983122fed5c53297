"""Statements that read a session whole, as it is stored, a page at a time, and write it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    func,
    insert,
    select,
    tuple_,
)

from snakestore.storage.queries.columns import programs, sessions, variables, versions
from snakestore.storage.queries.statement import Statement


@dataclass(frozen=True, slots=True)
class Part:
    """One table of what a session holds."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns that tell its rows apart within the session."""
    before: tuple[Any, ...]
    """A key before all others."""
    sizes: Statement
    """The keys after ``:after_0, ...``, at most ``:most``, each with about how many bytes its row
    has.
    """
    rows: Statement
    """The rows from key ``:first_0, ...`` to key ``:last_0, ...``."""
    insert: Statement


def _bound(prefix: str, key: list[ColumnElement[Any]]) -> Any:
    return tuple_(
        *[bindparam(f"{prefix}_{number}", type_=column.type) for number, column in enumerate(key)]
    )


def _part(
    table: Table, key: tuple[str, ...], before: tuple[Any, ...], large: tuple[str, ...]
) -> Part:
    keys: list[ColumnElement[Any]] = [table.c[name] for name in key]
    mine = table.c.session_id == bindparam("sid")
    size: ColumnElement[int] = sum(
        (
            func.coalesce(
                func.length(table.c[name] if name == "value_blob" else cast(table.c[name], Text)), 0
            )
            for name in large
        ),
        start=func.length(table.c.session_id),
    )

    def sizes() -> Select[Any]:
        return (
            select(*keys, size)
            .where(mine, tuple_(*keys) > _bound("after", keys))
            .order_by(*keys)
            .limit(bindparam("most"))
        )

    def rows() -> Select[Any]:
        within = and_(tuple_(*keys) >= _bound("first", keys), tuple_(*keys) <= _bound("last", keys))
        return select(*table.c).where(mine, within).order_by(*keys)

    return Part(
        table.name,
        tuple(table.c.keys()),
        key,
        before,
        Statement(sizes),
        Statement(rows),
        _insertion(table),
    )


def _insertion(table: Table) -> Statement:
    build: Callable[[], Any] = lambda: insert(table)  # noqa: E731 - a Statement takes a function
    return Statement(build)


SESSION_COLUMNS = tuple(sessions.c.keys())
SESSION = Statement(lambda: select(*sessions.c).where(sessions.c.id == bindparam("sid")))
INSERT_SESSION = _insertion(sessions)
IDS = Statement(
    lambda: (
        select(sessions.c.id)
        .where(sessions.c.id > bindparam("after"))
        .order_by(sessions.c.id)
        .limit(bindparam("most"))
    )
)
COUNT = Statement(lambda: select(func.count()).select_from(sessions))

# in the order in which foreign keys let them be written
PARTS = (
    _part(
        variables,
        ("id",),
        ("",),
        ("value", "value_blob", "metadata", "constraints", "access_rules"),
    ),
    _part(versions, ("variable_id", "version"), ("", -1), ("value", "value_blob", "metadata")),
    _part(programs, ("id",), ("",), ("program",)),
)
