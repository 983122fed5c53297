"""Statements that list what a session holds, without reading large values."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, Table, bindparam, func, literal_column, select

from snakestore.storage.queries.columns import logs, programs, variables
from snakestore.storage.queries.statement import Statement

PREVIEW_LENGTH = 201
"""Characters of a value: one more than are shown, to tell that there are more."""

_value = func.substr(variables.c.value, 1, literal_column(str(PREVIEW_LENGTH)))
_blob_bytes = func.length(variables.c.value_blob)


def _first(table: Table, order: ColumnElement[str], *columns: ColumnElement[object]) -> Statement:
    """The first rows of a session."""
    return Statement(
        lambda: (
            select(*columns)
            .where(table.c.session_id == bindparam("sid"))
            .order_by(order)
            .limit(bindparam("limit", type_=Integer()))
        )
    )


SELECT_VARIABLES = _first(
    variables,
    variables.c.name,
    variables.c.name,
    variables.c.type,
    _value,
    _blob_bytes,
    variables.c.version,
    variables.c.last_updated_at,
)
SELECT_PROGRAMS = _first(
    programs, programs.c.id, programs.c.id, programs.c.version, programs.c.last_updated_at
)
SELECT_LOGS = _first(logs, logs.c.name, logs.c.name, logs.c.length, logs.c.last_updated_at)
