"""Variables as they were at a time in the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from snakestore.errors import VersionNotFoundError
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.stored_variable import StoredVariable
from snakestore.storage.queries import history as history_sql
from snakestore.variable import Variable


def as_of(
    tx: TransactionContext, variables: Iterable[StoredVariable], at: datetime
) -> dict[str, Variable]:
    """Variables as they were ``at`` that time, by id, without those created later.

    Raises:
        VersionNotFoundError: if the history no longer has the value of that time.
    """
    then: dict[str, Variable] = {}
    for stored in variables:
        if stored.created_at > at:
            continue
        if stored.last_updated_at <= at:
            then[stored.id] = stored.variable(tx.now)
        else:
            row = tx.fetch_first(
                history_sql.OF_VARIABLES.select_at, sid=stored.sid, vid=stored.id, time=at
            )
            if row is None:
                raise VersionNotFoundError(stored.sid, stored.identifier, None, at=at)
            then[stored.id] = stored.past(row)
    return then
