"""Statements about variables and their past."""

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
    exists,
    insert,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    update,
)

from snakestore.storage.queries.columns import (
    GATE_COLUMNS,
    Ranged,
    each,
    sessions,
    variables,
    versions,
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
VERSION_COLUMNS = (
    versions.c.version,
    versions.c.type,
    versions.c.value,
    versions.c.value_blob,
    versions.c.metadata,
    versions.c.created_at,
)

_gate = (sessions.c.last_accessed, sessions.c.ttl, server_now())
_here = variables.c.session_id == bindparam("sid")
_this = and_(_here, variables.c.id == bindparam("vid"))
_newer = versions.alias("newer")
_past = and_(versions.c.session_id == bindparam("sid"), versions.c.variable_id == bindparam("vid"))


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
VARIABLE = Statement(lambda: _with_session(*VARIABLE_COLUMNS))
VALUE = Statement(
    lambda: _with_session(
        variables.c.name, variables.c.type, variables.c.value, variables.c.value_blob
    )
)
PRESENT = Statement(lambda: _with_session(variables.c.name))


# What a write needs of both; a server locks the session's row by a statement before it.
def _target(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    joined = sessions.outerjoin(
        variables, and_(variables.c.session_id == sessions.c.id, _is_called())
    )
    return (
        select(*GATE_COLUMNS, server_now(), *columns)
        .select_from(joined)
        .where(sessions.c.id == bindparam("sid"))
    )


TARGET = Statement(lambda: _target(VARIABLE_COLUMNS))
# A value that is about to be replaced need not be read, however large it is, nor the time when it
# was written.
TARGET_WITHOUT_VALUE = Statement(
    lambda: _target(
        [
            null()
            if each in {variables.c.value, variables.c.value_blob, variables.c.last_updated_at}
            else each
            for each in VARIABLE_COLUMNS
        ]
    )
)
CALLED = Statement(lambda: select(*VARIABLE_COLUMNS).where(_here, _is_called()))
HELD = Statement(
    lambda: select(
        variables.c.id,
        variables.c.optimizer_id,
        variables.c.optimizer_pid,
        variables.c.optimization_started_at,
        variables.c.optimization_expires_at,
    ).where(_here, _is_called())
)
BY_ID = Statement(
    lambda size: select(*VARIABLE_COLUMNS).where(_here, each(variables.c.id, size)), spread=True
)
BY_NAME = Statement(
    lambda size: select(*VARIABLE_COLUMNS).where(_here, each(variables.c.name, size)), spread=True
)
TAKEN = Statement(
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
NAMES = Ranged(
    lambda: select(variables.c.name).where(_here).order_by(variables.c.name), variables.c.name
)
VALUES = Statement(
    lambda: (
        select(variables.c.name, variables.c.type, variables.c.value, variables.c.value_blob)
        .where(_here)
        .order_by(variables.c.name)
    )
)
LIST = Ranged(
    lambda: select(*VARIABLE_COLUMNS).where(_here).order_by(variables.c.created_at, variables.c.id),
    variables.c.name,
)

TAKEN_NAME = Statement(lambda: select(variables.c.id, variables.c.name).where(_here, _is_called()))
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
CONSTRAIN = Statement(
    lambda: update(variables).where(_this).values(constraints=bindparam("new_constraints"))
)
OPTIMIZE = Statement(
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

# --- the past: a value moves there when another takes its place


def _has_past() -> ColumnElement[bool]:
    return exists().where(
        versions.c.session_id == variables.c.session_id, versions.c.variable_id == variables.c.id
    )


KEEP = Statement(
    lambda: insert(versions).from_select(
        [
            "session_id",
            "variable_id",
            "version",
            "type",
            "value",
            "value_blob",
            "metadata",
            "created_at",
        ],
        select(
            variables.c.session_id,
            variables.c.id,
            variables.c.version,
            variables.c.type,
            variables.c.value,
            variables.c.value_blob,
            variables.c.metadata,
            variables.c.last_updated_at,
        ).where(_this),
    )
)
PRUNE = Statement(
    lambda: delete(versions).where(
        _past,
        versions.c.version
        <= select(_newer.c.version)
        .where(_newer.c.session_id == bindparam("sid"), _newer.c.variable_id == bindparam("vid"))
        .order_by(_newer.c.version.desc())
        .limit(literal_column("1"))
        .offset(bindparam("keep"))
        .scalar_subquery(),
    )
)
FORGET = Statement(lambda: delete(versions).where(_past))
HISTORY = Statement(
    lambda: select(*VERSION_COLUMNS).where(_past).order_by(versions.c.version.desc())
)
HISTORY_SOME = Statement(
    lambda: (
        select(*VERSION_COLUMNS)
        .where(_past)
        .order_by(versions.c.version.desc())
        .limit(bindparam("most"))
    )
)
VERSION = Statement(
    lambda: select(*VERSION_COLUMNS).where(_past, versions.c.version == bindparam("wanted"))
)
PRUNE_OLDER = Statement(
    lambda: delete(versions).where(
        _past,
        versions.c.created_at < bindparam("moment"),
        versions.c.version
        <= select(_newer.c.version)
        .where(_newer.c.session_id == bindparam("sid"), _newer.c.variable_id == bindparam("vid"))
        .order_by(_newer.c.version.desc())
        .limit(literal_column("1"))
        .offset(bindparam("keep"))
        .scalar_subquery(),
    )
)
VERSION_AT = Statement(
    lambda: (
        select(*VERSION_COLUMNS)
        .where(_past, versions.c.created_at <= bindparam("moment"))
        .order_by(versions.c.version.desc())
        .limit(literal_column("1"))
    )
)
# Variables with a past, in the order of the key, so that a long pruning goes on where its last
# transaction ended.
WITH_PAST = Statement(
    lambda: (
        select(variables.c.session_id, variables.c.id)
        .where(
            tuple_(variables.c.session_id, variables.c.id)
            > tuple_(bindparam("sid"), bindparam("vid"))
        )
        .where(_has_past())
        .order_by(variables.c.session_id, variables.c.id)
        .limit(bindparam("most"))
    )
)
WITH_PAST_OF = Statement(
    lambda: (
        select(variables.c.session_id, variables.c.id)
        .where(_here, variables.c.id > bindparam("vid"))
        .where(_has_past())
        .order_by(variables.c.id)
        .limit(bindparam("most"))
    )
)
