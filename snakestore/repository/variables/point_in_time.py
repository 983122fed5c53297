"""A session as it was at a moment in the past."""

from __future__ import annotations

from datetime import datetime

from snakestore.errors import VersionNotFoundError
from snakestore.storage import mapping
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.queries import history as history_sql
from snakestore.storage.queries.statement import Row
from snakestore.variable import Variable


def as_of(
    tx: TransactionContext, session: str, today: list[Row], at: datetime
) -> dict[str, Variable]:
    """Variables as they were ``at`` that time, by id; those made later are left out.

    Raises:
        VersionNotFoundError: the history no longer holds what one was.
    """
    then: dict[str, Variable] = {}
    for row in today:
        if row[9] <= at:
            then[row[0]] = mapping.variable_from(session, row, tx.now)
        elif row[8] <= at:
            past = tx.fetch_first(history_sql.SELECT_VERSION_AT, sid=session, vid=row[0], moment=at)
            if past is None:
                raise VersionNotFoundError(session, row[1], None, at=at)
            then[row[0]] = mapping.past_variable_from(session, row, past)
    return then
