"""Statements that go through a whole store in pages, to see whether it is sound; and the one that mends counts.

A page is bounded by its keys: they are read first, with the size of what lies behind them, so that
no group of rows is larger than wanted. Keys of the wrong kind, which only an edit by hand leaves
behind, are counted and passed over.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    column,
    exists,
    func,
    or_,
    select,
    table,
    tuple_,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger

from snakestore.storage.queries.columns import programs, sessions, variables, versions
from snakestore.storage.queries.history import VERSION_COLUMNS
from snakestore.storage.queries.sessions import SESSION_COLUMNS
from snakestore.storage.queries.statement import Statement
from snakestore.storage.queries.variables import VARIABLE_COLUMNS
from snakestore.storage.schema.revisions import VERSION_TABLE


class _kind_of(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """The kind of value that a cell really holds."""

    type = Text()
    inherit_cache = True


@compiles(_kind_of)
def _typeof(element: _kind_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"typeof({compiler.process(element.clauses, **options)})"


@compiles(_kind_of, "postgresql")
def _pg_typeof(element: _kind_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(pg_typeof({compiler.process(element.clauses, **options)}) AS TEXT)"


def _sound(*keys: ColumnElement[Any]) -> ColumnElement[bool]:
    numbers = [key for key in keys if isinstance(key.type, BigInteger)]
    texts = [key for key in keys if not isinstance(key.type, BigInteger)]
    return and_(
        *(and_(_kind_of(key) == "text", key != "") for key in texts),
        *(or_(_kind_of(key) == "integer", _kind_of(key) == "bigint") for key in numbers),
    )


def _beyond(*keys: ColumnElement[Any]) -> ColumnElement[bool]:
    after = [
        cast(bindparam(f"after_{number}"), BigInteger if isinstance(key.type, BigInteger) else Text)
        for number, key in enumerate(keys)
    ]
    return tuple_(*keys) > tuple_(*after) if len(keys) > 1 else keys[0] > after[0]


def _paged(query: Select[Any], *keys: ColumnElement[Any]) -> Select[Any]:
    """``query`` beyond ``:after_0``, ... in the order of ``keys``, at most ``:most`` rows."""
    return query.where(_sound(*keys), _beyond(*keys)).order_by(*keys).limit(bindparam("most"))


def _size(*columns: ColumnElement[Any]) -> ColumnElement[int]:
    total: ColumnElement[int] = func.coalesce(func.length(cast(columns[0], Text)), 0)
    for other in columns[1:]:
        total = total + func.coalesce(
            func.length(other if other.name == "value_blob" else cast(other, Text)), 0
        )
    return total


def _unsound(of: Table, *keys: ColumnElement[Any]) -> Statement:
    return Statement(lambda: select(func.count()).select_from(of).where(~_sound(*keys)))


def _count_in(of: Table) -> Any:
    return (
        select(func.count())
        .select_from(of)
        .where(of.c.session_id == sessions.c.id)
        .scalar_subquery()
    )


# --- sessions

_session_keys = (sessions.c.id,)
_counted = (_count_in(variables), _count_in(programs), _count_in(versions))
SESSIONS_UNSOUND = _unsound(sessions, *_session_keys)
SESSION_KEYS = Statement(
    lambda: _paged(select(sessions.c.id, _size(sessions.c.metadata)), *_session_keys)
)
SESSION_PAGE = Statement(
    lambda: _paged(
        select(*SESSION_COLUMNS, sessions.c.expires_at, sessions.c.history_limit, *_counted),
        *_session_keys,
    )
)
RECOUNT = Statement(
    lambda: select(sessions.c.total_variable_updates, *_counted).where(
        sessions.c.id == bindparam("sid")
    )
)
UPDATE_COUNTS = Statement(
    lambda: (
        update(sessions)
        .where(sessions.c.id == bindparam("sid"))
        .values(
            variable_count=bindparam("variables"),
            program_count=bindparam("programs"),
            total_variable_updates=bindparam("updates"),
        )
    )
)

# --- variables

_variable_keys = (variables.c.session_id, variables.c.id)
_other = variables.alias("other")
_of_this = and_(
    versions.c.session_id == variables.c.session_id, versions.c.variable_id == variables.c.id
)
VARIABLES_UNSOUND = _unsound(variables, *_variable_keys)
VARIABLE_KEYS = Statement(
    lambda: _paged(
        select(
            *_variable_keys,
            _size(
                variables.c.value,
                variables.c.value_blob,
                variables.c.metadata,
                variables.c.constraints,
                variables.c.access_rules,
            ),
            exists().where(
                _other.c.session_id == variables.c.session_id,
                _other.c.name == variables.c.id,
                _other.c.id != variables.c.id,
            ),
            select(func.max(versions.c.version)).where(_of_this).scalar_subquery(),
            select(func.count()).select_from(versions).where(_of_this).scalar_subquery(),
            select(sessions.c.history_limit)
            .where(sessions.c.id == variables.c.session_id)
            .scalar_subquery(),
        ),
        *_variable_keys,
    )
)
VARIABLE_PAGE = Statement(
    lambda: _paged(select(variables.c.session_id, *VARIABLE_COLUMNS), *_variable_keys)
)

# --- past values

_version_keys = (versions.c.session_id, versions.c.variable_id, versions.c.version)
VERSIONS_UNSOUND = _unsound(versions, *_version_keys)
VERSION_KEYS = Statement(
    lambda: _paged(
        select(*_version_keys, _size(versions.c.value, versions.c.value_blob, versions.c.metadata)),
        *_version_keys,
    )
)
VERSION_PAGE = Statement(
    lambda: _paged(
        select(versions.c.session_id, versions.c.variable_id, *VERSION_COLUMNS), *_version_keys
    )
)

# --- programs

_program_keys = (programs.c.session_id, programs.c.id)
PROGRAMS_UNSOUND = _unsound(programs, *_program_keys)
PROGRAM_KEYS = Statement(
    lambda: _paged(select(*_program_keys, _size(programs.c.program)), *_program_keys)
)
PROGRAM_PAGE = Statement(
    lambda: _paged(
        select(
            *_program_keys, programs.c.program, programs.c.created_at, programs.c.last_updated_at
        ),
        *_program_keys,
    )
)

# --- the schema

REVISIONS_THERE = Statement(
    lambda: select(column("version_num", Text())).select_from(table(VERSION_TABLE))
)
