"""Statements about past values. A value moves there when it is replaced."""

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

from snakestore.storage.queries.columns import KEY_COLUMNS, VERSION_COLUMNS, variables, versions
from snakestore.storage.queries.statement import Statement

_newer = versions.alias("newer")
_past = and_(versions.c.session_id == bindparam("sid"), versions.c.variable_id == bindparam("vid"))
_this = and_(variables.c.session_id == bindparam("sid"), variables.c.id == bindparam("vid"))


def _has_history() -> ColumnElement[bool]:
    return exists().where(
        versions.c.session_id == variables.c.session_id, versions.c.variable_id == variables.c.id
    )


def _beyond_newest() -> ColumnElement[bool]:
    """All but the newest ``:keep`` past values."""
    return (
        versions.c.version
        <= select(_newer.c.version)
        .where(_newer.c.session_id == bindparam("sid"), _newer.c.variable_id == bindparam("vid"))
        .order_by(_newer.c.version.desc())
        .limit(literal_column("1"))
        .offset(bindparam("keep"))
        .scalar_subquery()
    )


_ARCHIVED = {
    "session_id": variables.c.session_id,
    "variable_id": variables.c.id,
    "version": variables.c.version,
    "type": variables.c.type,
    "value": variables.c.value,
    "value_blob": variables.c.value_blob,
    "metadata": variables.c.metadata,
    "created_at": variables.c.last_updated_at,
}
ARCHIVE_VERSION = Statement(
    lambda: insert(versions).from_select(list(_ARCHIVED), select(*_ARCHIVED.values()).where(_this))
)
PRUNE_HISTORY = Statement(lambda: delete(versions).where(_past, _beyond_newest()))
PRUNE_HISTORY_BEFORE = Statement(
    lambda: delete(versions).where(
        _past, versions.c.created_at < bindparam("time"), _beyond_newest()
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
        .limit(bindparam("limit"))
    )
)
SELECT_VERSION = Statement(
    lambda: select(*VERSION_COLUMNS).where(_past, versions.c.version == bindparam("version"))
)
SELECT_VERSION_AT = Statement(
    lambda: (
        select(*VERSION_COLUMNS)
        .where(_past, versions.c.created_at <= bindparam("time"))
        .order_by(versions.c.version.desc())
        .limit(literal_column("1"))
    )
)
# in the order of the key, so that pruning continues where its last transaction ended
SELECT_WITH_HISTORY = Statement(
    lambda: (
        select(*KEY_COLUMNS)
        .where(tuple_(*KEY_COLUMNS) > tuple_(bindparam("sid"), bindparam("vid")))
        .where(_has_history())
        .order_by(*KEY_COLUMNS)
        .limit(bindparam("limit"))
    )
)
SELECT_WITH_HISTORY_IN_SESSION = Statement(
    lambda: (
        select(*KEY_COLUMNS)
        .where(variables.c.session_id == bindparam("sid"), variables.c.id > bindparam("vid"))
        .where(_has_history())
        .order_by(variables.c.id)
        .limit(bindparam("limit"))
    )
)
