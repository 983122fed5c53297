"""Statements about past versions. A version moves there when it is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    Table,
    and_,
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

from snakestore.storage.queries.columns import (
    PAST_PROGRAM_COLUMNS,
    VERSION_COLUMNS,
    each,
    program_versions,
    programs,
    variables,
    versions,
)
from snakestore.storage.queries.statement import Statement


@dataclass(frozen=True, slots=True)
class HistoryStatements:
    """The statements about the past versions of the rows of one table, their owners.

    Their parameters are ``:sid``, the session, and the owner's id under the name ``parameter``.
    """

    parameter: str
    archive: Statement
    """Copies the owner's present version."""
    overwrite: Statement
    """Likewise, over the oldest past version, if there are exactly ``:keep`` and one more."""
    prune: Statement
    """Deletes all but the newest ``:keep``."""
    prune_before: Statement
    """Likewise, but only what was written before ``:time``."""
    delete: Statement
    delete_several: Statement
    """Deletes those of several owners; expands their ids."""
    select: Statement
    """All past versions, newest first."""
    select_limited: Statement
    """The newest ``:limit``."""
    select_version: Statement
    select_at: Statement
    """The version that was the present one at ``:time``."""
    select_owners: Statement
    """Keys of at most ``:limit`` owners after a key that have past versions."""
    select_owners_in_session: Statement

    def key(self, sid: str, owner_id: object) -> dict[str, Any]:
        """The parameters that say which owner."""
        return {"sid": sid, self.parameter: owner_id}


def _history(
    owners: Table,
    past: Table,
    owner_id: str,
    parameter: str,
    selected: Sequence[ColumnElement[Any]],
) -> HistoryStatements:
    """The statements about ``past``, whose column ``owner_id`` has the id of its owner."""
    owner_key = tuple(owners.primary_key.columns)
    newer, oldest = past.alias("newer"), past.alias("oldest")
    owner: BindParameter[str] = bindparam(parameter)
    session: BindParameter[str] = bindparam("sid")
    this = and_(owners.c.session_id == session, owners.c.id == owner)
    of_this = and_(past.c.session_id == session, past.c[owner_id] == owner)
    # a past version has its owner's columns of the same names
    archived: dict[str, ColumnElement[Any]] = {
        column.name: owners.c[column.name]
        for column in past.c
        if column.name not in {owner_id, "created_at"}
    } | {owner_id: owners.c.id, "created_at": owners.c.last_updated_at}

    def _has_history() -> ColumnElement[bool]:
        return exists().where(
            past.c.session_id == owners.c.session_id, past.c[owner_id] == owners.c.id
        )

    def _first_beyond_newest() -> ScalarSelect[int]:
        # the newest version of all but the newest :keep
        return (
            select(newer.c.version)
            .where(newer.c.session_id == session, newer.c[owner_id] == owner)
            .order_by(newer.c.version.desc())
            .limit(literal_column("1"))
            .offset(bindparam("keep"))
            .scalar_subquery()
        )

    def _is_oldest() -> ColumnElement[bool]:
        return (
            past.c.version
            == select(func.min(oldest.c.version))
            .where(oldest.c.session_id == session, oldest.c[owner_id] == owner)
            .scalar_subquery()
        )

    def _beyond_newest() -> ColumnElement[bool]:
        return past.c.version <= _first_beyond_newest()

    return HistoryStatements(
        parameter=parameter,
        archive=Statement(
            lambda: insert(past).from_select(list(archived), select(*archived.values()).where(this))
        ),
        overwrite=Statement(
            lambda: (
                update(past)
                .where(of_this, _is_oldest(), past.c.version == _first_beyond_newest(), this)
                .values(
                    {
                        name: column
                        for name, column in archived.items()
                        if name not in {"session_id", owner_id}
                    }
                )
            )
        ),
        prune=Statement(lambda: delete(past).where(of_this, _beyond_newest())),
        prune_before=Statement(
            lambda: delete(past).where(
                of_this, past.c.created_at < bindparam("time"), _beyond_newest()
            )
        ),
        delete=Statement(lambda: delete(past).where(of_this)),
        delete_several=Statement(
            lambda size: delete(past).where(
                past.c.session_id == session, each(past.c[owner_id], size)
            ),
            expanding=True,
        ),
        select=Statement(lambda: select(*selected).where(of_this).order_by(past.c.version.desc())),
        select_limited=Statement(
            lambda: (
                select(*selected)
                .where(of_this)
                .order_by(past.c.version.desc())
                .limit(bindparam("limit"))
            )
        ),
        select_version=Statement(
            lambda: select(*selected).where(of_this, past.c.version == bindparam("version"))
        ),
        select_at=Statement(
            lambda: (
                select(*selected)
                .where(of_this, past.c.created_at <= bindparam("time"))
                .order_by(past.c.version.desc())
                .limit(literal_column("1"))
            )
        ),
        # in the order of the key, so that pruning continues where its last transaction ended
        select_owners=Statement(
            lambda: (
                select(*owner_key)
                .where(tuple_(*owner_key) > tuple_(session, owner))
                .where(_has_history())
                .order_by(*owner_key)
                .limit(bindparam("limit"))
            )
        ),
        select_owners_in_session=Statement(
            lambda: (
                select(*owner_key)
                .where(owners.c.session_id == session, owners.c.id > owner)
                .where(_has_history())
                .order_by(owners.c.id)
                .limit(bindparam("limit"))
            )
        ),
    )


OF_VARIABLES = _history(variables, versions, "variable_id", "vid", VERSION_COLUMNS)
OF_PROGRAMS = _history(programs, program_versions, "program_id", "pid", PAST_PROGRAM_COLUMNS)
EVERY_HISTORY = (OF_VARIABLES, OF_PROGRAMS)
