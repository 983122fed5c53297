"""Statements about the leases on variables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, update

from snakestore.storage.queries.columns import IDENTITY_COLUMNS, variables
from snakestore.storage.queries.statement import Statement

_here = variables.c.session_id == bindparam("sid")
_this = and_(_here, variables.c.id == bindparam("vid"))


def _is_free() -> ColumnElement[bool]:
    return or_(
        variables.c.optimizer_id.is_(None),
        variables.c.optimization_expires_at <= bindparam("now"),
    )


def _claimable() -> Select[Any]:
    """Free variables in a range of names, the oldest first."""
    return (
        select(*IDENTITY_COLUMNS)
        .where(
            _here,
            variables.c.name >= bindparam("lower", type_=variables.c.name.type),
            variables.c.name < bindparam("upper", type_=variables.c.name.type),
            _is_free(),
        )
        # an expression, so that the index of names is read and not the one of created_at, which
        # would go through variables beyond the range
        .order_by(func.coalesce(variables.c.created_at, variables.c.created_at), variables.c.id)
    )


SELECT_CLAIMABLE = Statement(_claimable)
# in the order of an index
CLAIM_OLDEST = Statement(
    lambda: (
        select(*IDENTITY_COLUMNS)
        .where(_here, _is_free())
        .order_by(variables.c.created_at, variables.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
)
CLAIM_FIRST = Statement(lambda: _claimable().limit(1).with_for_update(skip_locked=True))
CLAIM = Statement(
    lambda: select(*IDENTITY_COLUMNS).where(_this, _is_free()).with_for_update(skip_locked=True)
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
