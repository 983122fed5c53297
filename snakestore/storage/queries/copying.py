"""Statements that read whole sessions as they are stored, in pages, and insert them elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    tuple_,
)

from snakestore.storage.queries.columns import (
    entries,
    logs,
    program_versions,
    programs,
    row_size,
    sessions,
    variables,
    versions,
)
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.copied import copied_sessions


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table of what sessions hold."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns of the primary key within a session."""
    start: tuple[str | int, ...]
    """A key before all others."""
    keys: Statement
    """Keys after ``:after_0``, ..., at most ``:limit``, each with the size of its row."""
    rows: Statement
    """The rows from key ``:first_0``, ... to key ``:last_0``, ...."""
    insert: Statement


def _copied(table: Table, key: tuple[str, ...], start: tuple[str | int, ...]) -> CopiedTable:
    keys: list[ColumnElement[Any]] = [table.c[name] for name in key]
    own = table.c.session_id == bindparam("sid")

    def _select_keys() -> Select[Any]:
        return (
            select(*keys, row_size(table))
            .where(own, tuple_(*keys) > _bound("after", keys))
            .order_by(*keys)
            .limit(bindparam("limit"))
        )

    def _select_rows() -> Select[Any]:
        within = and_(tuple_(*keys) >= _bound("first", keys), tuple_(*keys) <= _bound("last", keys))
        return select(*table.c).where(own, within).order_by(*keys)

    return CopiedTable(
        table.name,
        tuple(table.c.keys()),
        key,
        start,
        Statement(_select_keys),
        Statement(_select_rows),
        _insertion(table),
    )


def _bound(prefix: str, key: Sequence[ColumnElement[Any]]) -> Any:
    return tuple_(
        *[bindparam(f"{prefix}_{number}", type_=column.type) for number, column in enumerate(key)]
    )


def _insertion(table: Table) -> Statement:
    def _build() -> Insert:
        return insert(table)

    return Statement(_build)


SESSION_COLUMNS = tuple(sessions.c.keys())
SELECT_SESSION = Statement(lambda: select(*sessions.c).where(sessions.c.id == bindparam("sid")))
INSERT_SESSION = _insertion(sessions)
SELECT_IDS = Statement(
    lambda: (
        select(sessions.c.id)
        .where(sessions.c.id > bindparam("after"))
        .order_by(sessions.c.id)
        .limit(bindparam("limit"))
    )
)
COUNT_SESSIONS = Statement(lambda: select(func.count()).select_from(sessions))

# --- what was copied

_this_copied = copied_sessions.c.session_id == bindparam("sid")
SELECT_COPIED = Statement(lambda: select(copied_sessions.c.checksum).where(_this_copied))
INSERT_COPIED = _insertion(copied_sessions)
DELETE_COPIED = Statement(lambda: delete(copied_sessions).where(_this_copied))
DELETE_COPIED_WITHOUT_SESSION = Statement(
    lambda: delete(copied_sessions).where(
        ~exists().where(sessions.c.id == copied_sessions.c.session_id)
    )
)

# --- what sessions hold

# in the order in which foreign keys let them be inserted
TABLES = (
    _copied(variables, ("id",), ("",)),
    _copied(versions, ("variable_id", "version"), ("", -1)),
    _copied(programs, ("id",), ("",)),
    _copied(program_versions, ("program_id", "version"), ("", -1)),
    _copied(logs, ("name",), ("",)),
    _copied(entries, ("log_name", "position"), ("", -1)),
)
