"""Statements about sessions."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, func, insert, select, update

from snakestore.storage.queries.columns import (
    SESSION_STATE_COLUMNS,
    RangeQuery,
    each,
    programs,
    sessions,
    variables,
    versions,
)
from snakestore.storage.queries.server_time import server_now
from snakestore.storage.queries.statement import Statement

SESSION_COLUMNS = (
    sessions.c.id,
    sessions.c.created_at,
    sessions.c.last_accessed,
    sessions.c.ttl,
    sessions.c.last_worker_id,
    sessions.c.metadata,
    sessions.c.variable_count,
    sessions.c.program_count,
    sessions.c.total_variable_updates,
)
_this = sessions.c.id == bindparam("sid")

SELECT_SESSION_STATE = Statement(lambda: select(*SESSION_STATE_COLUMNS, server_now()).where(_this))
SELECT_SESSION_STATE_FOR_UPDATE = Statement(
    lambda: select(*SESSION_STATE_COLUMNS, server_now()).where(_this).with_for_update()
)
SELECT_SESSION_STATE_SKIP_LOCKED = Statement(
    lambda: (
        select(*SESSION_STATE_COLUMNS, server_now()).where(_this).with_for_update(skip_locked=True)
    )
)
LOCK_SESSION = Statement(lambda: select(sessions.c.id).where(_this).with_for_update())
SELECT_SESSION = Statement(lambda: select(*SESSION_COLUMNS, server_now()).where(_this))
SELECT_SESSIONS = RangeQuery(
    lambda: select(*SESSION_COLUMNS).order_by(sessions.c.id), sessions.c.id
)

INSERT = Statement(lambda: insert(sessions))
UPDATE_COUNTERS = Statement(
    lambda: (
        update(sessions)
        .where(_this)
        .values(
            last_accessed=bindparam("accessed"),
            expires_at=bindparam("expires"),
            variable_count=sessions.c.variable_count + bindparam("variables"),
            program_count=sessions.c.program_count + bindparam("programs"),
            total_variable_updates=sessions.c.total_variable_updates + bindparam("updates"),
        )
    )
)
UPDATE_ACCESS = Statement(
    lambda: (
        update(sessions)
        .where(_this)
        .values(last_accessed=bindparam("accessed"), expires_at=bindparam("expires"))
    )
)
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

# Oldest first, so that several sweeps of a few go on where the last one ended.
SELECT_EXPIRED = Statement(
    lambda: (
        select(*SESSION_COLUMNS)
        .where(sessions.c.expires_at < bindparam("bound"))
        .order_by(sessions.c.expires_at, sessions.c.id)
    )
)
SELECT_EXPIRED_LIMITED = Statement(
    lambda: (
        select(*SESSION_COLUMNS)
        .where(sessions.c.expires_at < bindparam("bound"))
        .order_by(sessions.c.expires_at, sessions.c.id)
        .limit(bindparam("most"))
    )
)
LOCK_EXPIRED = Statement(
    lambda: (
        select(sessions.c.last_accessed, sessions.c.ttl, sessions.c.id)
        .where(sessions.c.expires_at < bindparam("bound"))
        .order_by(sessions.c.expires_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
)
REFRESH_EXPIRY = Statement(
    lambda: update(sessions).where(_this).values(expires_at=bindparam("expires"))
)

# Children first: a connection of the user's may have foreign keys off.
DELETE_SESSIONS = (
    Statement(
        lambda size: delete(versions).where(each(versions.c.session_id, size)), expanding=True
    ),
    Statement(
        lambda size: delete(variables).where(each(variables.c.session_id, size)), expanding=True
    ),
    Statement(
        lambda size: delete(programs).where(each(programs.c.session_id, size)), expanding=True
    ),
    Statement(lambda size: delete(sessions).where(each(sessions.c.id, size)), expanding=True),
)

SELECT_COUNTS = Statement(
    lambda: select(
        select(func.count()).select_from(sessions).scalar_subquery(),
        select(func.count())
        .select_from(sessions)
        .where(sessions.c.expires_at < bindparam("bound"))
        .scalar_subquery(),
        select(func.count()).select_from(variables).scalar_subquery(),
        select(func.count()).select_from(programs).scalar_subquery(),
        select(func.count()).select_from(versions).scalar_subquery(),
    )
)
