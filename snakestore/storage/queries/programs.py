"""Statements about programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    null,
    select,
    update,
)

from snakestore.storage.queries.columns import (
    ACCESS_COLUMNS,
    DOCUMENT_COLUMNS,
    PROGRAM_COLUMNS,
    STATE_COLUMNS,
    RangeQuery,
    programs,
    sessions,
)
from snakestore.storage.queries.statement import Statement


def _this() -> ColumnElement[bool]:
    return and_(programs.c.session_id == bindparam("sid"), programs.c.id == bindparam("pid"))


def _beside_session(
    session: Sequence[ColumnElement[Any]], columns: Sequence[ColumnElement[Any]]
) -> Select[Any]:
    """The session's columns, then the program's, which are NULL if there is no such program."""
    joined = sessions.outerjoin(
        programs,
        and_(programs.c.session_id == sessions.c.id, programs.c.id == bindparam("pid")),
    )
    return select(*session, *columns).select_from(joined).where(sessions.c.id == bindparam("sid"))


SELECT_DOCUMENT = Statement(lambda: _beside_session(ACCESS_COLUMNS, DOCUMENT_COLUMNS))
SELECT_PROGRAM = Statement(lambda: _beside_session(ACCESS_COLUMNS, PROGRAM_COLUMNS))
# for writes, which on a server lock the session's row with a statement before
SELECT_FOR_UPDATE = Statement(lambda: _beside_session(STATE_COLUMNS, PROGRAM_COLUMNS))
# what a put of another document replaces is not read, but for the document, which is compared
_overwritten = {programs.c.metadata, programs.c.last_updated_at}
SELECT_FOR_PUT = Statement(
    lambda: _beside_session(
        STATE_COLUMNS, [null() if column in _overwritten else column for column in PROGRAM_COLUMNS]
    )
)
SELECT_BY_ID = Statement(lambda: select(*PROGRAM_COLUMNS).where(_this()))
SELECT_DOCUMENTS = Statement(
    lambda: (
        select(*DOCUMENT_COLUMNS)
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
        .values(
            program=bindparam("new_program"),
            metadata=bindparam("new_metadata"),
            version=programs.c.version + literal_column("1"),
            last_updated_at=bindparam("new_last_updated_at"),
        )
    )
)
UPDATE_METADATA = Statement(
    lambda: update(programs).where(_this()).values(metadata=bindparam("new_metadata"))
)
DELETE = Statement(lambda: delete(programs).where(_this()))
