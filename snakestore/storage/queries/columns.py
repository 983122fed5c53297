"""The columns that statements select, with a name for each position, and pieces they share.

A statement selects a tuple of columns from this module, or several of them one after another. The
constants below each tuple are the positions of its columns, in order: ``VARIABLE_NAME`` is where
``VARIABLE_COLUMNS`` has ``name``. Only ``storage.mapping`` uses them. Python refuses to unpack the
wrong number of names, and a test compares each name with its column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
)
from sqlalchemy import cast as cast_to

from snakestore.storage.queries.server_time import server_now
from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.json_types import JsonText
from snakestore.storage.schema.tables import (
    LogEntryRow,
    LogRow,
    ProgramRow,
    ProgramVersionRow,
    SessionRow,
    VariableRow,
    VariableVersionRow,
)

sessions = cast("Table", SessionRow.__table__)
variables = cast("Table", VariableRow.__table__)
versions = cast("Table", VariableVersionRow.__table__)
programs = cast("Table", ProgramRow.__table__)
program_versions = cast("Table", ProgramVersionRow.__table__)
logs = cast("Table", LogRow.__table__)
entries = cast("Table", LogEntryRow.__table__)

# --- sessions

ACCESS_COLUMNS = (sessions.c.last_accessed, sessions.c.ttl, server_now())
"""What every method reads of its session. Other tuples and joined rows begin with them."""
ACCESS_LAST_ACCESSED, ACCESS_TTL, ACCESS_SERVER_NOW = range(len(ACCESS_COLUMNS))

QUIET_COLUMNS = (sessions.c.last_accessed, sessions.c.ttl)
"""What the short path of a lookup reads of its session, which no server has."""
QUIET_LAST_ACCESSED, QUIET_TTL = range(len(QUIET_COLUMNS))

STATE_COLUMNS = (*ACCESS_COLUMNS, sessions.c.expires_at, sessions.c.history_limit)
"""What every write reads of its session."""
(
    STATE_LAST_ACCESSED,
    STATE_TTL,
    STATE_SERVER_NOW,
    STATE_EXPIRES_AT,
    STATE_HISTORY_LIMIT,
) = range(len(STATE_COLUMNS))

COUNTED_COLUMNS = (*STATE_COLUMNS, sessions.c.variable_count)
"""Likewise, and how many variables it has."""
(
    COUNTED_LAST_ACCESSED,
    COUNTED_TTL,
    COUNTED_SERVER_NOW,
    COUNTED_EXPIRES_AT,
    COUNTED_HISTORY_LIMIT,
    COUNTED_VARIABLE_COUNT,
) = range(len(COUNTED_COLUMNS))

# max() of one row, because an aggregate returns a row also where there is none
TAKEN_COLUMNS = (
    func.max(sessions.c.last_accessed).label("last_accessed"),
    func.max(sessions.c.ttl).label("ttl"),
    server_now(),
    func.max(sessions.c.id).label("id"),
)
"""Whether a session has an id: if not, all but the server's time is NULL."""
(
    TAKEN_LAST_ACCESSED,
    TAKEN_TTL,
    TAKEN_SERVER_NOW,
    TAKEN_ID,
) = range(len(TAKEN_COLUMNS))

DELETED_COLUMNS = (sessions.c.id, sessions.c.variable_count)
"""What is read of a session that is deleted."""
DELETED_ID, DELETED_VARIABLE_COUNT = range(len(DELETED_COLUMNS))

EXPIRED_COLUMNS = (*ACCESS_COLUMNS, *DELETED_COLUMNS)
"""Likewise, by a sweep."""
(
    EXPIRED_LAST_ACCESSED,
    EXPIRED_TTL,
    EXPIRED_SERVER_NOW,
    EXPIRED_ID,
    EXPIRED_VARIABLE_COUNT,
) = range(len(EXPIRED_COLUMNS))

EXPIRING_COLUMNS = (sessions.c.id, sessions.c.expires_at)
"""Where a session is in the order of a sweep."""
EXPIRING_ID, EXPIRING_EXPIRES_AT = range(len(EXPIRING_COLUMNS))

SESSION_COLUMNS = (
    *ACCESS_COLUMNS,
    sessions.c.id,
    sessions.c.created_at,
    sessions.c.last_worker_id,
    sessions.c.metadata,
    sessions.c.variable_count,
    sessions.c.program_count,
    sessions.c.total_variable_updates,
)
"""A whole session."""
(
    SESSION_LAST_ACCESSED,
    SESSION_TTL,
    SESSION_SERVER_NOW,
    SESSION_ID,
    SESSION_CREATED_AT,
    SESSION_LAST_WORKER_ID,
    SESSION_METADATA,
    SESSION_VARIABLE_COUNT,
    SESSION_PROGRAM_COUNT,
    SESSION_TOTAL_VARIABLE_UPDATES,
) = range(len(SESSION_COLUMNS))

# --- variables

VARIABLE_COLUMNS = (
    variables.c.id,
    variables.c.name,
    variables.c.type,
    variables.c.value,
    variables.c.value_blob,
    variables.c.constraints,
    variables.c.metadata,
    variables.c.version,
    variables.c.created_at,
    variables.c.last_updated_at,
    variables.c.optimizer_id,
    variables.c.optimizer_pid,
    variables.c.optimization_started_at,
    variables.c.optimization_expires_at,
    variables.c.access_rules,
)
"""A whole variable."""
(
    VARIABLE_ID,
    VARIABLE_NAME,
    VARIABLE_TYPE,
    VARIABLE_VALUE,
    VARIABLE_VALUE_BLOB,
    VARIABLE_CONSTRAINTS,
    VARIABLE_METADATA,
    VARIABLE_VERSION,
    VARIABLE_CREATED_AT,
    VARIABLE_LAST_UPDATED_AT,
    VARIABLE_OPTIMIZER_ID,
    VARIABLE_OPTIMIZER_PID,
    VARIABLE_OPTIMIZATION_STARTED_AT,
    VARIABLE_OPTIMIZATION_EXPIRES_AT,
    VARIABLE_ACCESS_RULES,
) = range(len(VARIABLE_COLUMNS))

ADDRESS_AFTER_VARIABLE = len(VARIABLE_COLUMNS)
"""Where rows of VARIABLE_COLUMNS that are to be updated have their address; others end there."""

REPLACED_COLUMNS = (
    # first, because it alone is converted
    variables.c.created_at,
    variables.c.id,
    variables.c.name,
    variables.c.type,
    variables.c.constraints,
    variables.c.metadata,
    variables.c.version,
    variables.c.access_rules,
    variables.c.optimizer_id,
)
"""What an update of several variables needs to know of each."""
(
    REPLACED_CREATED_AT,
    REPLACED_ID,
    REPLACED_NAME,
    REPLACED_TYPE,
    REPLACED_CONSTRAINTS,
    REPLACED_METADATA,
    REPLACED_VERSION,
    REPLACED_ACCESS_RULES,
    REPLACED_OPTIMIZER_ID,
) = range(len(REPLACED_COLUMNS))

VALUE_COLUMNS = (
    variables.c.name,
    variables.c.type,
    variables.c.value,
    variables.c.value_blob,
)
"""A variable's value."""
VALUE_NAME, VALUE_TYPE, VALUE_VALUE, VALUE_VALUE_BLOB = range(len(VALUE_COLUMNS))

ENCODED_COLUMNS = (variables.c.type, variables.c.value, variables.c.value_blob)
"""A variable's value, without its name."""
ENCODED_TYPE, ENCODED_VALUE, ENCODED_VALUE_BLOB = range(len(ENCODED_COLUMNS))

LEASE_COLUMNS = (
    variables.c.id,
    variables.c.name,
    variables.c.optimizer_id,
    variables.c.optimizer_pid,
    variables.c.optimization_started_at,
    variables.c.optimization_expires_at,
)
"""Who holds a variable's lease."""
(
    LEASE_ID,
    LEASE_NAME,
    LEASE_OPTIMIZER_ID,
    LEASE_OPTIMIZER_PID,
    LEASE_OPTIMIZATION_STARTED_AT,
    LEASE_OPTIMIZATION_EXPIRES_AT,
) = range(len(LEASE_COLUMNS))

TERM_COLUMNS = (
    variables.c.optimizer_pid,
    variables.c.optimization_started_at,
    variables.c.optimization_expires_at,
)
"""What there is of a lease besides its holder."""
TERM_OPTIMIZER_PID, TERM_OPTIMIZATION_STARTED_AT, TERM_OPTIMIZATION_EXPIRES_AT = range(
    len(TERM_COLUMNS)
)

IDENTITY_COLUMNS = (variables.c.id, variables.c.name)
"""What is unique to a variable within its session."""
IDENTITY_ID, IDENTITY_NAME = range(len(IDENTITY_COLUMNS))

KEY_COLUMNS = (variables.c.session_id, variables.c.id)
"""A variable's primary key. A program's has the same columns."""
KEY_SESSION_ID, KEY_ID = range(len(KEY_COLUMNS))

VERSION_COLUMNS = (
    versions.c.version,
    versions.c.type,
    versions.c.value,
    versions.c.value_blob,
    versions.c.metadata,
    versions.c.created_at,
)
"""A past value."""
(
    VERSION_VERSION,
    VERSION_TYPE,
    VERSION_VALUE,
    VERSION_VALUE_BLOB,
    VERSION_METADATA,
    VERSION_CREATED_AT,
) = range(len(VERSION_COLUMNS))

# --- programs

PROGRAM_COLUMNS = (
    programs.c.id,
    programs.c.program,
    programs.c.metadata,
    programs.c.version,
    programs.c.created_at,
    programs.c.last_updated_at,
)
"""A whole program."""
(
    PROGRAM_ID,
    PROGRAM_PROGRAM,
    PROGRAM_METADATA,
    PROGRAM_VERSION,
    PROGRAM_CREATED_AT,
    PROGRAM_LAST_UPDATED_AT,
) = range(len(PROGRAM_COLUMNS))

DOCUMENT_COLUMNS = (programs.c.id, programs.c.program)
"""A program's document."""
DOCUMENT_ID, DOCUMENT_PROGRAM = range(len(DOCUMENT_COLUMNS))

PAST_PROGRAM_COLUMNS = (
    program_versions.c.version,
    program_versions.c.program,
    program_versions.c.metadata,
    program_versions.c.created_at,
)
"""A past version of a program."""
(
    PAST_PROGRAM_VERSION,
    PAST_PROGRAM_PROGRAM,
    PAST_PROGRAM_METADATA,
    PAST_PROGRAM_CREATED_AT,
) = range(len(PAST_PROGRAM_COLUMNS))

# --- logs

LOG_COLUMNS = (logs.c.length, logs.c.next_position)
"""A log without its entries."""
LOG_LENGTH, LOG_NEXT_POSITION = range(len(LOG_COLUMNS))

ENTRY_COLUMNS = (entries.c.position, entries.c.entry, entries.c.created_at)
"""An entry of a log."""
ENTRY_POSITION, ENTRY_ENTRY, ENTRY_CREATED_AT = range(len(ENTRY_COLUMNS))

LENGTH_COLUMNS = (logs.c.session_id, logs.c.length)
"""The length of a log of any session."""
LENGTH_SESSION_ID, LENGTH_LENGTH = range(len(LENGTH_COLUMNS))

# --- pieces of statements


def row_size(table: Table) -> ColumnElement[int]:
    """About how many characters and bytes a row has: its values and JSON documents."""
    sizes = [
        func.coalesce(func.length(column if binary else cast_to(column, Text)), 0)
        for column in table.c
        if (binary := isinstance(column.type, LargeBinary))
        or isinstance(column.type, JsonText)
        or column.name == "value"
    ]
    return reduce(add, sizes) if sizes else literal_column("0", BigInteger())


class RangeQuery:
    """A query over a range of an index, in the order of that index or another one.

    Each set of bounds has a statement of its own, because a parameter that may be NULL keeps the
    database from using the index.
    """

    def __init__(
        self,
        build: Callable[[], Select[Any]],
        order: Sequence[ColumnElement[Any]],
        *,
        names: ColumnElement[str] | None = None,
        times: ColumnElement[Any] | None = None,
    ) -> None:
        """Order ``build()`` by ``order``.

        Args:
            build: the query without order and bounds.
            order: the columns to order by.
            names: what the bounds ``lower``, ``after`` and ``upper`` are of.
            times: what the bound ``until`` is of.
        """
        self._build = build
        self._order = order
        self._statements: dict[tuple[frozenset[str], bool], Statement] = {}
        bounds: dict[str, Callable[[Select[Any]], Select[Any]]] = {}
        if names is not None:
            bounds["lower"] = lambda query: query.where(names >= _bound("lower", names))
            bounds["after"] = lambda query: query.where(names > _bound("after", names))
            bounds["upper"] = lambda query: query.where(names < _bound("upper", names))
        if times is not None:
            bounds["until"] = lambda query: query.where(times <= _bound("until", times))
        bounds["limit"] = lambda query: query.limit(bindparam("limit"))
        self.bounds = bounds
        """What each bound adds to the query, by the name of its parameter."""

    def statement(self, bounds: Iterable[str], *, reverse: bool = False) -> Statement:
        """The statement with these of ``self.bounds``; each is a parameter."""
        key = (frozenset(bounds), reverse)
        statement = self._statements.get(key)
        if statement is None:
            statement = self._statements[key] = Statement(lambda: self._bounded(*key))
        return statement

    def _bounded(self, bounds: frozenset[str], reverse: bool) -> Select[Any]:  # noqa: FBT001 - the key
        order = [column.desc() for column in self._order] if reverse else self._order
        query = self._build().order_by(*order)
        for name, add_bound in self.bounds.items():
            if name in bounds:
                query = add_bound(query)
        return query


def _bound(name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return bindparam(name, type_=column.type)
