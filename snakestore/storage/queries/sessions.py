"""Statements about sessions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from snakestore.storage.queries.arrays import each
from snakestore.storage.queries.columns import (
    ACCESS_COLUMNS,
    COUNTED_COLUMNS,
    DELETED_COLUMNS,
    EXPIRED_COLUMNS,
    EXPIRING_COLUMNS,
    SESSION_COLUMNS,
    STATE_COLUMNS,
    TAKEN_COLUMNS,
    RangeQuery,
    entries,
    logs,
    program_versions,
    programs,
    sessions,
    variables,
    versions,
)
from snakestore.storage.queries.statement import Statement

_this = sessions.c.id == bindparam("sid")


def _count(table: Table, *which: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(*which).scalar_subquery()


SELECT_SESSION_STATE = Statement(
    lambda: select(*STATE_COLUMNS).where(_this), name="select_session_state"
)
SELECT_SESSION_STATE_FOR_UPDATE = Statement(
    lambda: select(*STATE_COLUMNS).where(_this).with_for_update()
)
SELECT_COUNTED_FOR_UPDATE = Statement(
    lambda: select(*COUNTED_COLUMNS).where(_this).with_for_update()
)
# FOR KEY SHARE: several claims at once, and no other write
SELECT_SESSION_STATE_FOR_CLAIM = Statement(
    lambda: select(*STATE_COLUMNS).where(_this).with_for_update(read=True, key_share=True)
)
# FOR NO KEY UPDATE, which a claim does not keep from being taken
SELECT_SESSION_STATE_SKIP_LOCKED = Statement(
    lambda: select(*STATE_COLUMNS).where(_this).with_for_update(skip_locked=True, key_share=True)
)
SELECT_TAKEN = Statement(lambda: select(*TAKEN_COLUMNS).where(_this), name="select_taken")
LOCK_SESSION = Statement(lambda: select(sessions.c.id).where(_this).with_for_update())
LOCK_TO_DELETE = Statement(lambda: select(*DELETED_COLUMNS).where(_this).with_for_update())
SELECT_SESSION = Statement(lambda: select(*SESSION_COLUMNS).where(_this), name="select_session")
SELECT_SESSIONS = RangeQuery(
    lambda: select(*SESSION_COLUMNS), (sessions.c.id,), names=sessions.c.id
)

INSERT = Statement(lambda: insert(sessions), name="insert_session")


def _record(*changed: bool) -> Update:
    moves_expiry, *counted = changed
    changes: dict[str, ColumnElement[Any]] = {"last_accessed": bindparam("accessed")}
    if moves_expiry:
        changes["expires_at"] = bindparam("expires")
    counts = {"variables": "variable_count", "programs": "program_count"}
    counts["updates"] = "total_variable_updates"
    for (parameter, column), is_counted in zip(counts.items(), counted, strict=True):
        if is_counted:
            changes[column] = sessions.c[column] + bindparam(parameter)
    return update(sessions).where(_this).values(changes)


RECORD = {
    changed: Statement(partial(_record, *changed)) for changed in product((False, True), repeat=4)
}
"""Records an access. The keys: whether it sets ``expires_at``, and adds to the count of variables,
of programs, of updates. SQLite updates the index of a column that a statement sets to the same.
"""
UPDATE_SESSION = Statement(
    lambda: (
        update(sessions)
        .where(_this)
        .values(
            metadata=bindparam("new_metadata"),
            ttl=bindparam("new_ttl"),
            expires_at=bindparam("expires"),
            last_worker_id=bindparam("worker"),
            history_limit=bindparam("history"),
        )
    )
)

# longest expired first, so that a sweep with a limit continues where the last one ended
SELECT_EXPIRED = Statement(
    lambda: (
        select(*SESSION_COLUMNS)
        .where(sessions.c.expires_at < bindparam("bound"))
        .order_by(sessions.c.expires_at, sessions.c.id)
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
    )
)
SELECT_PERHAPS_EXPIRED = Statement(
    lambda: select(*ACCESS_COLUMNS).where(
        sessions.c.expires_at >= bindparam("certain"), sessions.c.expires_at < bindparam("bound")
    )
)
LOCK_EXPIRED = Statement(
    lambda: (
        select(*EXPIRED_COLUMNS)
        .where(sessions.c.expires_at < bindparam("bound"))
        .order_by(sessions.c.expires_at)
        .limit(bindparam("limit"))
        .offset(bindparam("skip"))
        .with_for_update(skip_locked=True)
    )
)


def _expiring(*after: ColumnElement[bool]) -> Select[Any]:
    return (
        select(*EXPIRING_COLUMNS)
        .where(sessions.c.expires_at < bindparam("bound"), *after)
        .order_by(sessions.c.expires_at, sessions.c.id)
        .limit(bindparam("limit"))
    )


SELECT_EXPIRING = Statement(_expiring)
SELECT_EXPIRING_AFTER = Statement(
    lambda: _expiring(
        tuple_(sessions.c.expires_at, sessions.c.id)
        > tuple_(
            bindparam("after_expires", type_=sessions.c.expires_at.type),
            bindparam("after_sid", type_=sessions.c.id.type),
        )
    )
)
LOCK_EXPIRING = Statement(
    lambda: select(*ACCESS_COLUMNS).where(_this).with_for_update(skip_locked=True)
)
REFRESH_EXPIRY = Statement(
    lambda: update(sessions).where(_this).values(expires_at=bindparam("expires"))
)


def _delete_in(column: ColumnElement[str]) -> Statement:
    return Statement(lambda size: delete(column.table).where(each(column, size)), expanding=True)


# children first, because the caller's connection may have foreign keys off
DELETE_SESSIONS = {
    column.table.name: _delete_in(column)
    for column in (
        versions.c.session_id,
        variables.c.session_id,
        program_versions.c.session_id,
        programs.c.session_id,
        entries.c.session_id,
        logs.c.session_id,
        sessions.c.id,
    )
}
"""What deletes sessions with all that they hold, in this order, by the name of the table."""
OFTEN_EMPTY = (program_versions, programs, entries, logs)
SELECT_OFTEN_EMPTY = Statement(
    lambda: select(*(~exists(literal_column("1")).select_from(table) for table in OFTEN_EMPTY))
)
"""Whether each of the tables ``OFTEN_EMPTY`` is empty."""

COUNTS: dict[str, Callable[[], ColumnElement[int]]] = {
    "sessions": lambda: _count(sessions),
    "expired_sessions": lambda: _count(sessions, sessions.c.expires_at < bindparam("bound")),
    "variables": lambda: _count(variables),
    "programs": lambda: _count(programs),
    "versions": lambda: _count(versions) + _count(program_versions),
    "logs": lambda: _count(logs),
    "log_entries": lambda: _count(entries),
}
"""What ``SELECT_COUNTS`` counts, in order."""
SELECT_COUNTS = Statement(lambda: select(*(count() for count in COUNTS.values())))
