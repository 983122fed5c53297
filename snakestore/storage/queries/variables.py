"""Statements about variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    null,
    or_,
    select,
    update,
)

from snakestore.storage.queries.columns import (
    SESSION_STATE_COLUMNS,
    RangeQuery,
    each,
    sessions,
    variables,
)
from snakestore.storage.queries.server_time import server_now
from snakestore.storage.queries.statement import Statement

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

_gate = (sessions.c.last_accessed, sessions.c.ttl, server_now())
_here = variables.c.session_id == bindparam("sid")
_this = and_(_here, variables.c.id == bindparam("vid"))


def _is_called() -> ColumnElement[bool]:
    # an id never equals another variable's name, so at most one row answers; SQLite takes one index
    # for each side
    return or_(
        variables.c.id == bindparam("identifier"), variables.c.name == bindparam("identifier")
    )


def _new_names() -> list[BindParameter[str]]:
    return [
        bindparam("new_id", type_=variables.c.id.type),
        bindparam("new_name", type_=variables.c.name.type),
    ]


def _with_session(*columns: ColumnElement[Any]) -> Select[Any]:
    joined = sessions.outerjoin(
        variables, and_(variables.c.session_id == sessions.c.id, _is_called())
    )
    return select(*_gate, *columns).select_from(joined).where(sessions.c.id == bindparam("sid"))


# The session's gate and the variable in one statement, hence one snapshot; the variable's columns
# are NULL where there is none.
SELECT_VARIABLE = Statement(lambda: _with_session(*VARIABLE_COLUMNS))
SELECT_VALUE = Statement(
    lambda: _with_session(
        variables.c.name, variables.c.type, variables.c.value, variables.c.value_blob
    )
)
SELECT_EXISTS = Statement(lambda: _with_session(variables.c.name))


# What a write needs of both; a server locks the session's row by a statement before it.
def _target(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    joined = sessions.outerjoin(
        variables, and_(variables.c.session_id == sessions.c.id, _is_called())
    )
    return (
        select(*SESSION_STATE_COLUMNS, server_now(), *columns)
        .select_from(joined)
        .where(sessions.c.id == bindparam("sid"))
    )


SELECT_FOR_UPDATE = Statement(lambda: _target(VARIABLE_COLUMNS))
# A value that is about to be replaced need not be read, however large it is, nor the time when it
# was written.
SELECT_FOR_OVERWRITE = Statement(
    lambda: _target(
        [
            null()
            if each in {variables.c.value, variables.c.value_blob, variables.c.last_updated_at}
            else each
            for each in VARIABLE_COLUMNS
        ]
    )
)
SELECT_BY_IDENTIFIER = Statement(lambda: select(*VARIABLE_COLUMNS).where(_here, _is_called()))
SELECT_LEASE = Statement(
    lambda: select(
        variables.c.id,
        variables.c.optimizer_id,
        variables.c.optimizer_pid,
        variables.c.optimization_started_at,
        variables.c.optimization_expires_at,
    ).where(_here, _is_called())
)
SELECT_BY_ID = Statement(
    lambda size: select(*VARIABLE_COLUMNS).where(_here, each(variables.c.id, size)), expanding=True
)
SELECT_BY_NAME = Statement(
    lambda size: select(*VARIABLE_COLUMNS).where(_here, each(variables.c.name, size)),
    expanding=True,
)
SELECT_NAME_CONFLICTS = Statement(
    lambda: select(variables.c.id, variables.c.name).where(
        # four single keys, each an index probe, where IN would read the whole session
        _here,
        or_(
            *(
                column == each
                for column in (variables.c.id, variables.c.name)
                for each in _new_names()
            )
        ),
    )
)
SELECT_NAMES = RangeQuery(
    lambda: select(variables.c.name).where(_here).order_by(variables.c.name), variables.c.name
)
SELECT_VALUES = Statement(
    lambda: (
        select(variables.c.name, variables.c.type, variables.c.value, variables.c.value_blob)
        .where(_here)
        .order_by(variables.c.name)
    )
)
SELECT_VARIABLES = RangeQuery(
    lambda: select(*VARIABLE_COLUMNS).where(_here).order_by(variables.c.created_at, variables.c.id),
    variables.c.name,
)

SELECT_NAME_CONFLICT = Statement(
    lambda: select(variables.c.id, variables.c.name).where(_here, _is_called())
)
INSERT = Statement(lambda: insert(variables))
UPDATE = Statement(
    lambda: (
        update(variables)
        .where(_this)
        .values(
            value=bindparam("new_value"),
            value_blob=bindparam("new_blob"),
            metadata=bindparam("new_metadata"),
            version=variables.c.version + literal_column("1"),
            last_updated_at=bindparam("written"),
        )
    )
)
REPLACE = Statement(
    lambda: (
        update(variables)
        .where(_this)
        .values(
            name=bindparam("new_name"),
            type=bindparam("new_type"),
            value=bindparam("new_value"),
            value_blob=bindparam("new_blob"),
            constraints=bindparam("new_constraints"),
            metadata=bindparam("new_metadata"),
            version=bindparam("new_version"),
            created_at=bindparam("new_created_at"),
            last_updated_at=bindparam("written"),
            access_rules=bindparam("new_access_rules"),
        )
    )
)
UPDATE_CONSTRAINTS = Statement(
    lambda: update(variables).where(_this).values(constraints=bindparam("new_constraints"))
)
UPDATE_LEASE = Statement(
    lambda: (
        update(variables)
        .where(_this)
        .values(
            optimizer_id=bindparam("optimizer"),
            optimizer_pid=bindparam("pid"),
            optimization_started_at=bindparam("started"),
            optimization_expires_at=bindparam("expires"),
        )
    )
)
DELETE = Statement(lambda: delete(variables).where(_this))
