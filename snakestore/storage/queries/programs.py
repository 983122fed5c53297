"""Statements about programs."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, select, update

from snakestore.storage.queries.columns import (
    ACCESS_COLUMNS,
    PROGRAM_COLUMNS,
    RangeQuery,
    programs,
    sessions,
)
from snakestore.storage.queries.statement import Statement


def _this() -> ColumnElement[bool]:
    return and_(programs.c.session_id == bindparam("sid"), programs.c.id == bindparam("pid"))


SELECT_PROGRAM = Statement(
    lambda: (
        select(*ACCESS_COLUMNS, *PROGRAM_COLUMNS)
        .select_from(
            sessions.outerjoin(
                programs,
                and_(programs.c.session_id == sessions.c.id, programs.c.id == bindparam("pid")),
            )
        )
        .where(sessions.c.id == bindparam("sid"))
    )
)
SELECT_PROGRAMS = Statement(
    lambda: (
        select(*PROGRAM_COLUMNS)
        .where(programs.c.session_id == bindparam("sid"))
        .order_by(programs.c.id)
    )
)
SELECT_IDS = RangeQuery(
    lambda: select(programs.c.id).where(programs.c.session_id == bindparam("sid")),
    (programs.c.id,),
    names=programs.c.id,
)
INSERT = Statement(lambda: insert(programs))
UPDATE = Statement(
    lambda: (
        update(programs)
        .where(_this())
        .values(program=bindparam("new_program"), last_updated_at=bindparam("new_last_updated_at"))
    )
)
DELETE = Statement(lambda: delete(programs).where(_this()))
