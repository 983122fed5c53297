"""What SQLite can tell about its own file: damage, dangling references, what others planted, and which parts are there."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
    union_all,
)

from snakestore.storage.queries.statement import Statement
from snakestore.storage.schema.tables import Base

MAX_FINDINGS = 1000
"""Rows that one of these statements returns at most: a damaged file can have a finding for each of
its pages.
"""

_master = table(
    "sqlite_master",
    column("type", Text()),
    column("name", Text()),
    column("tbl_name", Text()),
    column("sql", Text()),
)


def _integrity() -> Select[str, str]:
    told = column("integrity_check", Text())
    return (
        select(literal("the file"), told)
        .select_from(func.pragma_integrity_check(MAX_FINDINGS).table_valued(told))
        .where(told != "ok")
    )


def _foreign_keys() -> Select[str, str]:
    child, row, parent = (
        column("table", Text()),
        column("rowid", BigInteger()),
        column("parent", Text()),
    )
    found = func.pragma_foreign_key_check().table_valued(child, row, parent)
    told = (
        literal("row ")
        + cast(row, Text)
        + literal(" belongs to a row of ")
        + parent
        + literal(" that is not there")
    )
    return (
        select(child, func.coalesce(told, literal("a row has no parent")))
        .select_from(found)
        .limit(MAX_FINDINGS)
    )


def _planted() -> Any:
    told = (
        literal("the trigger ")
        + _master.c.name
        + literal(", which is not snakestore's, may change what is written: drop it")
    )
    ours = or_(*(func.lower(_master.c.tbl_name) == name for name in sorted(Base.metadata.tables)))
    return (
        select(_master.c.tbl_name, told)
        .where(_master.c.type == "trigger", ours)
        .limit(MAX_FINDINGS)
    )


def _parts() -> Any:
    name = column("name", Text())
    columns = func.pragma_table_info(_master.c.name).table_valued(name)
    return union_all(
        select(_master.c.type, _master.c.name, literal("")).where(
            or_(*(_master.c.type == kind for kind in ("table", "index", "view")))
        ),
        select(literal("column"), _master.c.name, columns.c.name)
        .select_from(_master.join(columns, literal(1) == 1))
        .where(_master.c.type == "table"),
    )


FINDINGS = {
    "integrity": Statement(_integrity),
    "foreign key": Statement(_foreign_keys),
    "trigger": Statement(_planted),
}
PARTS = Statement(_parts)
FILE = Statement(
    lambda: (
        select(column("file", Text()))
        .select_from(
            func.pragma_database_list().table_valued(column("name", Text()), column("file", Text()))
        )
        .where(column("name", Text()) == "main")
    )
)
