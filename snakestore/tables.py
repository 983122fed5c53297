"""The tables and views of a store as mapped classes, for reports with SQLAlchemy.

Read with them: ``select(SessionRow).where(SessionRow.metadata_["user"].as_string() == "ada")``. To
flush a new, changed or deleted row raises ``StoreReadOnlyError``: a SessionRepository keeps
versions, history, counts and expiry right.

``include_name`` belongs into the ``env.py`` of a project whose tables are in the same database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapper, object_session
from sqlalchemy_utils import generic_repr

from snakestore.errors import StoreReadOnlyError
from snakestore.storage.schema.copied import copied_sessions
from snakestore.storage.schema.overviews import (
    About,
    LeaseOverview,
    LogOverview,
    Overview,
    ProgramOverview,
    SessionOverview,
    VariableHistoryOverview,
    VariableOverview,
)
from snakestore.storage.schema.revisions import MAX_PARTITIONS, VERSION_TABLE
from snakestore.storage.schema.tables import (
    Base,
    LogEntryRow,
    LogRow,
    ProgramRow,
    ProgramVersionRow,
    SessionRow,
    VariableRow,
    VariableVersionRow,
)

__all__ = [
    "About",
    "LeaseOverview",
    "LogEntryRow",
    "LogOverview",
    "LogRow",
    "ProgramOverview",
    "ProgramRow",
    "ProgramVersionRow",
    "SessionOverview",
    "SessionRow",
    "VariableHistoryOverview",
    "VariableOverview",
    "VariableRow",
    "VariableVersionRow",
    "include_name",
    "metadata",
]

metadata = Base.metadata
"""The tables, without the views. Leave it out of the ``target_metadata`` of your own migrations."""

_NAMES = frozenset(
    {VERSION_TABLE, copied_sessions.name, *Base.metadata.tables, *Overview.metadata.tables}
)
_PARTITION = re.compile(rf"({'|'.join(Base.metadata.tables)})_(0|[1-9]\d*)")
_SHOWN = ("name", "type", "version", "state")


def include_name(name: str | None, type_: str, parent_names: Mapping[Any, str | None]) -> bool:
    """Whether a name in the database is not snakestore's: Alembic's hook of this name.

    Given to ``context.configure(include_name=...)``, it makes ``alembic revision --autogenerate``
    leave snakestore's tables, their indexes and the version table alone. It knows them by name, in
    the default schema.

    Args:
        name: the name of a schema, table, column, index or constraint; None for a default schema
            and unnamed constraints.
        type_: "schema", "table", "column", "index" and so on.
        parent_names: the names of what it belongs to, such as ``"table_name"``.
    """
    if type_ == "schema" or parent_names.get("schema_name") is not None:
        return True
    table = name if type_ == "table" else parent_names.get("table_name")
    return table is None or not _is_ours(table)


def _is_ours(table: str) -> bool:
    partition = _PARTITION.fullmatch(table)
    return table in _NAMES or (partition is not None and int(partition[2]) < MAX_PARTITIONS)


def refuse_write(_mapper: Mapper[Any], _connection: Any, row: Any) -> None:
    """Refuse to flush a new or deleted row.

    Raises:
        StoreReadOnlyError: always.
    """
    message = (
        f"the rows of {row.__tablename__} are for reports, and writing them would leave versions,"
        " history, counts and expiry wrong: change values with a SessionRepository"
    )
    raise StoreReadOnlyError(message)


def refuse_change(mapper: Mapper[Any], connection: Any, row: Any) -> None:
    """Refuse to flush a row with a changed column. Changed collections and backrefs are allowed.

    Raises:
        StoreReadOnlyError: a column was changed.
    """
    session = object_session(row)
    if session is None or session.is_modified(row, include_collections=False):
        refuse_write(mapper, connection, row)


def _show(mapper: Mapper[Any]) -> None:
    """Give a mapped class a ``__repr__`` of its key, and its name, type and version if any."""
    keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    shown = [name for name in _SHOWN if name in mapper.columns]
    generic_repr(*dict.fromkeys(keys + shown))(mapper.class_)


for _root in (Base, Overview):
    event.listen(_root, "before_insert", refuse_write, propagate=True)
    event.listen(_root, "before_delete", refuse_write, propagate=True)
    event.listen(_root, "before_update", refuse_change, propagate=True)
for _mapper in (*Base.registry.mappers, *Overview.registry.mappers):
    _show(_mapper)
