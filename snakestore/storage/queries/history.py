"""Statements about past versions. A version moves there when it is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Delete,
    FromClause,
    Insert,
    ScalarSelect,
    Select,
    Table,
    Update,
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


class _Builder:
    """Builds ``HistoryStatements`` about ``past``, whose column ``owner_id`` names the owner.

    Each public method builds the statement of its name, which is described there.
    """

    def __init__(
        self,
        owners: Table,
        past: Table,
        owner_id: str,
        parameter: str,
        selected: Sequence[ColumnElement[Any]],
    ) -> None:
        self._owners, self._past = owners, past
        self._owner_id = owner_id
        self._selected = selected
        self._owner_key = tuple(owners.primary_key.columns)
        self._session: BindParameter[str] = bindparam("sid")
        self._owner: BindParameter[str] = bindparam(parameter)
        self._this = and_(owners.c.session_id == self._session, owners.c.id == self._owner)
        self._of_this = self._of_owner(past)
        # a past version has its owner's columns of the same names
        self._archived: dict[str, ColumnElement[Any]] = {
            column.name: owners.c[column.name]
            for column in past.c
            if column.name not in {owner_id, "created_at"}
        } | {owner_id: owners.c.id, "created_at": owners.c.last_updated_at}

    def _of_owner(self, past: FromClause) -> ColumnElement[bool]:
        return and_(past.c.session_id == self._session, past.c[self._owner_id] == self._owner)

    # --- writing

    def archive(self) -> Insert:
        columns = self._archived
        return insert(self._past).from_select(
            list(columns), select(*columns.values()).where(self._this)
        )

    def overwrite(self) -> Update:
        oldest = self._past.alias("oldest")
        version = self._past.c.version
        is_oldest = (
            version
            == select(func.min(oldest.c.version)).where(self._of_owner(oldest)).scalar_subquery()
        )
        written = {
            name: column
            for name, column in self._archived.items()
            if name not in {"session_id", self._owner_id}
        }
        present = select(*written.values()).where(self._this).scalar_subquery()
        return (
            update(self._past)
            .where(self._of_this, is_oldest, version == self._first_beyond_newest())
            # UPDATE FROM takes half as long again: SQLite first copies each page that it changes
            .values({tuple_(*(self._past.c[name] for name in written)): present})
        )

    # --- deleting

    def prune(self) -> Delete:
        return delete(self._past).where(self._of_this, self._beyond_newest())

    def prune_before(self) -> Delete:
        is_older = self._past.c.created_at < bindparam("time")
        return delete(self._past).where(self._of_this, is_older, self._beyond_newest())

    def delete(self) -> Delete:
        return delete(self._past).where(self._of_this)

    def delete_several(self, size: int) -> Delete:
        past = self._past
        return delete(past).where(
            past.c.session_id == self._session, each(past.c[self._owner_id], size)
        )

    def _beyond_newest(self) -> ColumnElement[bool]:
        return self._past.c.version <= self._first_beyond_newest()

    def _first_beyond_newest(self) -> ScalarSelect[int]:
        """The newest version of all but the newest ``:keep``."""
        newer = self._past.alias("newer")
        return (
            select(newer.c.version)
            .where(self._of_owner(newer))
            .order_by(newer.c.version.desc())
            .limit(literal_column("1"))
            .offset(bindparam("keep"))
            .scalar_subquery()
        )

    # --- reading

    def select(self) -> Select[Any]:
        newest_first = self._past.c.version.desc()
        return select(*self._selected).where(self._of_this).order_by(newest_first)

    def select_limited(self) -> Select[Any]:
        return self.select().limit(bindparam("limit"))

    def select_version(self) -> Select[Any]:
        is_version = self._past.c.version == bindparam("version")
        return select(*self._selected).where(self._of_this, is_version)

    def select_at(self) -> Select[Any]:
        was_written = self._past.c.created_at <= bindparam("time")
        return self.select().where(was_written).limit(literal_column("1"))

    # --- owners, in the order of the key: pruning continues where its last transaction ended

    def select_owners(self) -> Select[Any]:
        key = self._owner_key
        is_after = tuple_(*key) > tuple_(self._session, self._owner)
        return self._owners_with_history(is_after).order_by(*key)

    def select_owners_in_session(self) -> Select[Any]:
        owners = self._owners.c
        is_after = and_(owners.session_id == self._session, owners.id > self._owner)
        return self._owners_with_history(is_after).order_by(owners.id)

    def _owners_with_history(self, which: ColumnElement[bool]) -> Select[Any]:
        owners, past = self._owners.c, self._past.c
        has_history = exists().where(
            past.session_id == owners.session_id, past[self._owner_id] == owners.id
        )
        return select(*self._owner_key).where(which, has_history).limit(bindparam("limit"))


def _history(
    owners: Table,
    past: Table,
    owner_id: str,
    parameter: str,
    selected: Sequence[ColumnElement[Any]],
) -> HistoryStatements:
    build = _Builder(owners, past, owner_id, parameter, selected)
    return HistoryStatements(
        parameter=parameter,
        archive=Statement(build.archive),
        overwrite=Statement(build.overwrite),
        prune=Statement(build.prune),
        prune_before=Statement(build.prune_before),
        delete=Statement(build.delete),
        delete_several=Statement(build.delete_several, expanding=True),
        select=Statement(build.select),
        select_limited=Statement(build.select_limited),
        select_version=Statement(build.select_version),
        select_at=Statement(build.select_at),
        select_owners=Statement(build.select_owners),
        select_owners_in_session=Statement(build.select_owners_in_session),
    )


OF_VARIABLES = _history(variables, versions, "variable_id", "vid", VERSION_COLUMNS)
OF_PROGRAMS = _history(programs, program_versions, "program_id", "pid", PAST_PROGRAM_COLUMNS)
EVERY_HISTORY = (OF_VARIABLES, OF_PROGRAMS)
