"""Statements about past values: a value moves there when another takes its place."""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal_column,
    select,
    tuple_,
)

from snakestore.storage.queries.columns import variables, versions
from snakestore.storage.queries.statement import Statement

VERSION_COLUMNS = (
    versions.c.version,
    versions.c.type,
    versions.c.value,
    versions.c.value_blob,
    versions.c.metadata,
    versions.c.created_at,
)
_newer = versions.alias("newer")
_past = and_(versions.c.session_id == bindparam("sid"), versions.c.variable_id == bindparam("vid"))
_this = and_(variables.c.session_id == bindparam("sid"), variables.c.id == bindparam("vid"))


def _has_past() -> ColumnElement[bool]:
    return exists().where(
        versions.c.session_id == variables.c.session_id, versions.c.variable_id == variables.c.id
    )


ARCHIVE_VERSION = Statement(
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
PRUNE_HISTORY = Statement(
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
DELETE_HISTORY = Statement(lambda: delete(versions).where(_past))
SELECT_HISTORY = Statement(
    lambda: select(*VERSION_COLUMNS).where(_past).order_by(versions.c.version.desc())
)
SELECT_HISTORY_LIMITED = Statement(
    lambda: (
        select(*VERSION_COLUMNS)
        .where(_past)
        .order_by(versions.c.version.desc())
        .limit(bindparam("most"))
    )
)
SELECT_VERSION = Statement(
    lambda: select(*VERSION_COLUMNS).where(_past, versions.c.version == bindparam("wanted"))
)
PRUNE_HISTORY_BEFORE = Statement(
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
SELECT_VERSION_AT = Statement(
    lambda: (
        select(*VERSION_COLUMNS)
        .where(_past, versions.c.created_at <= bindparam("moment"))
        .order_by(versions.c.version.desc())
        .limit(literal_column("1"))
    )
)
# Variables with a past, in the order of the key, so that a long pruning goes on where its last
# transaction ended.
SELECT_WITH_HISTORY = Statement(
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
SELECT_WITH_HISTORY_IN_SESSION = Statement(
    lambda: (
        select(variables.c.session_id, variables.c.id)
        .where(variables.c.session_id == bindparam("sid"), variables.c.id > bindparam("vid"))
        .where(_has_past())
        .order_by(variables.c.id)
        .limit(bindparam("most"))
    )
)
