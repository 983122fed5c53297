"""Statements that read the whole store in pages for ``check()``, and those that repair counts.

A page is bounded by its keys. They are read first, each with the size of its row, so that no group
of rows is larger than a page. Keys of the wrong type, which only manual edits leave behind, are
counted and skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    column,
    exists,
    false,
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

from snakestore.storage.queries.columns import (
    ENTRY_COLUMNS,
    LOG_COLUMNS,
    PAST_PROGRAM_COLUMNS,
    PROGRAM_COLUMNS,
    SESSION_COLUMNS,
    VARIABLE_COLUMNS,
    VERSION_COLUMNS,
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
from snakestore.storage.schema.revisions import VERSION_TABLE


class _typeof(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """The type of the value that a cell holds, whatever the type of its column."""

    type = Text()
    inherit_cache = True


@compiles(_typeof)
def _sqlite_typeof(element: _typeof, compiler: SQLCompiler, **options: Any) -> str:
    return f"typeof({compiler.process(element.clauses, **options)})"


@compiles(_typeof, "postgresql")
def _pg_typeof(element: _typeof, compiler: SQLCompiler, **options: Any) -> str:
    # quote_all_identifiers puts the name in quotes
    column = compiler.process(element.clauses, **options)
    return f"trim(both '\"' from CAST(pg_typeof({column}) AS TEXT))"


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """A table as ``check()`` reads it."""

    name: str
    key: tuple[str, ...]
    """The columns of the primary key."""
    start: tuple[str | int, ...]
    """A key before all others."""
    keys: Statement
    """A page of keys after ``:after_0``, ..., at most ``:limit``, with what is read beside them."""
    key_columns: tuple[str, ...]
    """The names of what ``keys`` selects: the key, ``size``, and values to compare with."""
    rows: Statement
    """The rows of such a page."""
    row_columns: tuple[str, ...]
    """The names of what ``rows`` selects."""
    invalid_keys: Statement
    """How many rows have keys that are empty or of the wrong type."""


def _checked(
    of: Table,
    start: tuple[str | int, ...],
    columns: Sequence[ColumnElement[Any]],
    *,
    compared: Mapping[str, ColumnElement[Any]] | None = None,
    counted: Mapping[str, ColumnElement[Any]] | None = None,
) -> CheckedTable:
    """``of`` in pages: keys with ``compared``, rows of ``columns`` with ``counted``."""
    key = tuple(of.primary_key.columns)
    beside_keys = {"size": row_size(of)} | dict(compared or {})
    beside_rows = dict(counted or {})
    return CheckedTable(
        name=of.name,
        key=tuple(each.name for each in key),
        start=start,
        keys=Statement(lambda: _page(select(*key, *beside_keys.values()), key)),
        key_columns=(*(each.name for each in key), *beside_keys),
        rows=Statement(lambda: _page(select(*columns, *beside_rows.values()), key)),
        row_columns=(*(str(each.name) for each in columns), *beside_rows),
        invalid_keys=Statement(
            lambda: select(func.count()).select_from(of).where(~_are_valid(key))
        ),
    )


def _page(query: Select[Any], key: Sequence[ColumnElement[Any]]) -> Select[Any]:
    # without a CAST, which would keep SQLite from using more of its index than the session
    after = [bindparam(f"after_{number}", type_=each.type) for number, each in enumerate(key)]
    # of each comparison of a computed value, PostgreSQL expects few rows, and would sort the whole
    # table for each page; of coalesce() it expects half of the rows
    are_valid = func.coalesce(_are_valid(key), false())
    return (
        query.where(are_valid, tuple_(*key) > tuple_(*after))
        .order_by(*key)
        .limit(bindparam("limit"))
    )


def _are_valid(key: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    return and_(
        *(
            or_(_typeof(each) == "integer", _typeof(each) == "bigint")
            if _is_integer(each)
            else and_(_typeof(each) == "text", each != "")
            for each in key
        )
    )


def _is_integer(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, BigInteger)


def _count_in_session(of: Table) -> ColumnElement[int]:
    return (
        select(func.count())
        .select_from(of)
        .where(of.c.session_id == sessions.c.id)
        .scalar_subquery()
    )


_RECOUNTED = {
    "variables": _count_in_session(variables),
    "programs": _count_in_session(programs),
    "versions": _count_in_session(versions),
}
_other = variables.alias("other")


def _history_of(owners: Table, past: Table) -> dict[str, ColumnElement[Any]]:
    """What the version of an owner is compared with."""
    # the second column of the key is the owner's id
    _, owner_id, _ = past.primary_key.columns
    own = and_(past.c.session_id == owners.c.session_id, owner_id == owners.c.id)
    return {
        "newest_version": select(func.max(past.c.version)).where(own).scalar_subquery(),
        "version_count": select(func.count()).select_from(past).where(own).scalar_subquery(),
        "history_limit": (
            select(sessions.c.history_limit)
            .where(sessions.c.id == owners.c.session_id)
            .scalar_subquery()
        ),
    }


SESSIONS = _checked(
    sessions,
    ("",),
    (*SESSION_COLUMNS, sessions.c.expires_at, sessions.c.history_limit),
    counted=_RECOUNTED,
)
VARIABLES = _checked(
    variables,
    ("", ""),
    VARIABLE_COLUMNS,
    compared={
        "id_is_a_name": exists().where(
            _other.c.session_id == variables.c.session_id,
            _other.c.name == variables.c.id,
            _other.c.id != variables.c.id,
        ),
    }
    | _history_of(variables, versions),
)
VERSIONS = _checked(versions, ("", "", -1), VERSION_COLUMNS)
PROGRAMS = _checked(
    programs, ("", ""), PROGRAM_COLUMNS, compared=_history_of(programs, program_versions)
)
PROGRAM_VERSIONS = _checked(program_versions, ("", "", -1), PAST_PROGRAM_COLUMNS)

_own_entries = and_(entries.c.session_id == logs.c.session_id, entries.c.log_name == logs.c.name)
_RECOUNTED_LOG = {
    "entry_count": (
        select(func.count()).select_from(entries).where(_own_entries).scalar_subquery()
    ),
    "newest_position": (select(func.max(entries.c.position)).where(_own_entries).scalar_subquery()),
}
LOGS = _checked(
    logs,
    ("", ""),
    (logs.c.name, *LOG_COLUMNS, logs.c.created_at, logs.c.last_updated_at),
    counted=_RECOUNTED_LOG,
)
ENTRIES = _checked(entries, ("", "", -1), ENTRY_COLUMNS)

RECOUNT = Statement(
    lambda: select(sessions.c.total_variable_updates, *_RECOUNTED.values()).where(
        sessions.c.id == bindparam("sid")
    )
)
RECOUNT_COLUMNS = ("total_variable_updates", *_RECOUNTED)
"""The names of what ``RECOUNT`` selects."""
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
_this_log = and_(logs.c.session_id == bindparam("sid"), logs.c.name == bindparam("log"))
RECOUNT_LOG = Statement(
    lambda: select(logs.c.next_position, *_RECOUNTED_LOG.values()).where(_this_log)
)
RECOUNT_LOG_COLUMNS = ("next_position", *_RECOUNTED_LOG)
"""The names of what ``RECOUNT_LOG`` selects."""
UPDATE_LOG_COUNTS = Statement(
    lambda: (
        update(logs)
        .where(_this_log)
        .values(length=bindparam("new_length"), next_position=bindparam("new_next_position"))
    )
)

SELECT_REVISIONS = Statement(
    lambda: select(column("version_num", Text())).select_from(table(VERSION_TABLE))
)
