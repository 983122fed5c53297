"""Statements about past versions. A version moves there when it is replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Delete,
    FromClause,
    Insert,
    Label,
    ScalarSelect,
    Select,
    Table,
    Update,
    and_,
    any_,
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
from snakestore.storage.queries.by_database import ByDatabase
from snakestore.storage.queries.columns import (
    PAST_PROGRAM_COLUMNS,
    VERSION_COLUMNS,
    program_versions,
    programs,
    variables,
    versions,
)
from snakestore.storage.queries.statement import Statement


def _beyond(past: Table, owner_id: str, session: ColumnElement[str], size: int) -> ByDatabase:
    """Whether a past version is not among the newest ``:keep`` of its owner.

    The owners, which ``owner_id`` names, are ``size`` expanded ones of a session. Their past
    versions are read once, and numbered. No join follows, for which a server without statistics may
    choose a plan that takes time squared: PostgreSQL finds the rows by their address.
    """
    newer = past.alias("newer")
    owner, version = newer.c[owner_id], newer.c.version
    rank = func.row_number().over(partition_by=owner, order_by=version.desc()).label("rank")
    among = (newer.c.session_id == session, each(owner, size))

    def found(*columns: ColumnElement[Any]) -> Select[Any]:
        """These columns of such versions."""
        numbered = select(*columns, rank).where(*among).subquery("numbered")
        selected = [numbered.c[column.name] for column in columns]
        return select(*selected).where(numbered.c.rank > bindparam("keep"))

    address: Label[Any] = literal_column("newer.ctid").label("address")
    addresses = func.array(found(address).scalar_subquery())
    return ByDatabase(
        tuple_(past.c[owner_id], past.c.version).in_(found(owner, version)),
        postgresql=literal_column(f"{past.name}.ctid") == any_(addresses),
    )


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

    @property
    def _this(self) -> ColumnElement[bool]:
        owners = self._owners.c
        return and_(owners.session_id == self._session, owners.id == self._owner)

    @property
    def _of_this(self) -> ColumnElement[bool]:
        return self._of_owner(self._past)

    @property
    def _archived(self) -> dict[str, ColumnElement[Any]]:
        """What is archived of an owner: a past version has its columns of the same names."""
        owners, owner_id = self._owners.c, self._owner_id
        return {
            column.name: owners[column.name]
            for column in self._past.c
            if column.name not in {owner_id, "created_at"}
        } | {owner_id: owners.id, "created_at": owners.last_updated_at}

    def _of_owner(self, past: FromClause) -> ColumnElement[bool]:
        return and_(past.c.session_id == self._session, past.c[self._owner_id] == self._owner)

    # --- writing

    def archive(self) -> Insert:
        return self._archive(self._this)

    def archive_at_address(self) -> Insert:
        rowid = literal_column(f"{self._owners.name}.rowid", BigInteger())
        return self._archive(rowid == bindparam("address"))

    def archive_several(self, size: int) -> Insert:
        """``archive`` for ``size`` owners of one session, whose ids are expanded."""
        owners = self._owners.c
        return self._archive(and_(owners.session_id == self._session, each(owners.id, size)))

    def _archive(self, which: ColumnElement[bool]) -> Insert:
        columns = self._archived
        return insert(self._past).from_select(list(columns), select(*columns.values()).where(which))

    def overwrite(self) -> Update:
        """One UPDATE in place of ``archive`` and ``prune``, which saves pages of the log."""
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
        return delete(self._past).where(self._of_this, self._is_older, self._beyond_newest())

    def prune_several(self, size: int) -> Delete:
        """``prune`` for ``size`` owners of one session, whose ids are expanded."""
        past = self._past
        return delete(past).where(
            past.c.session_id == self._session,
            each(past.c[self._owner_id], size),
            _beyond(past, self._owner_id, self._session, size),
        )

    def prune_several_before(self, size: int) -> Delete:
        """``prune_before`` likewise."""
        return self.prune_several(size).where(self._is_older)

    @property
    def _is_older(self) -> ColumnElement[bool]:
        return self._past.c.created_at < bindparam("time")

    def delete(self) -> Delete:
        return delete(self._past).where(self._of_this)

    def delete_several(self, size: int) -> Delete:
        """``delete`` for ``size`` owners of one session, whose ids are expanded."""
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


class HistoryStatements:
    """The statements about the past versions of the rows of one table, their owners.

    Their parameters are ``:sid``, the session, and the owner's id under the name ``parameter``.
    """

    # a plain class: the methods of a dataclass take longer to make than all the statements
    def __init__(
        self,
        owners: Table,
        past: Table,
        owner_id: str,
        parameter: str,
        selected: Sequence[ColumnElement[Any]],
    ) -> None:
        build = _Builder(owners, past, owner_id, parameter, selected)
        self.parameter = parameter
        self.archive = Statement(build.archive)
        """Copies the owner's present version."""
        self.archive_at_address = Statement(build.archive_at_address)
        """Likewise, of the owner whose row is at ``:address``."""
        self.overwrite = Statement(build.overwrite)
        """Likewise, over the oldest past version, if there are exactly ``:keep`` and one more."""
        self.prune = Statement(build.prune)
        """Deletes all but the newest ``:keep``."""
        self.prune_before = Statement(build.prune_before)
        """Likewise, but only what was written before ``:time``."""
        self.archive_several = Statement(build.archive_several, expanding=True)
        """These do the same for several owners of a session; they expand their ids."""
        self.prune_several = Statement(build.prune_several, expanding=True)
        self.prune_several_before = Statement(build.prune_several_before, expanding=True)
        self.delete = Statement(build.delete)
        self.delete_several = Statement(build.delete_several, expanding=True)
        """Deletes those of several owners; expands their ids."""
        self.select = Statement(build.select)
        """All past versions, newest first."""
        self.select_limited = Statement(build.select_limited)
        """The newest ``:limit``."""
        self.select_version = Statement(build.select_version)
        self.select_at = Statement(build.select_at)
        """The version that was the present one at ``:time``."""
        self.select_owners = Statement(build.select_owners)
        """Keys of at most ``:limit`` owners after a key that have past versions."""
        self.select_owners_in_session = Statement(build.select_owners_in_session)

    def key(self, sid: str, owner_id: object) -> dict[str, Any]:
        """The parameters that say which owner."""
        return {"sid": sid, self.parameter: owner_id}


OF_VARIABLES = HistoryStatements(variables, versions, "variable_id", "vid", VERSION_COLUMNS)
OF_PROGRAMS = HistoryStatements(
    programs, program_versions, "program_id", "pid", PAST_PROGRAM_COLUMNS
)
EVERY_HISTORY = (OF_VARIABLES, OF_PROGRAMS)
