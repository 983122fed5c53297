"""Statements about variables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from string import ascii_letters
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    LargeBinary,
    Select,
    Text,
    Update,
    and_,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from snakestore.storage.queries.arrays import array_of, each
from snakestore.storage.queries.columns import (
    ACCESS_COLUMNS,
    ENCODED_COLUMNS,
    IDENTITY_COLUMNS,
    LEASE_COLUMNS,
    QUIET_COLUMNS,
    REPLACED_COLUMNS,
    STATE_COLUMNS,
    TERM_COLUMNS,
    VALUE_COLUMNS,
    VARIABLE_COLUMNS,
    RangeQuery,
    sessions,
    variables,
)
from snakestore.storage.queries.statement import EACH, Statement

_here = variables.c.session_id == bindparam("sid")
_this = and_(_here, variables.c.id == bindparam("vid"))


_has_either = or_(
    # an id never equals another variable's name, so at most one row answers
    variables.c.id == bindparam("identifier"),
    variables.c.name == bindparam("identifier"),
)
_other = variables.alias("other")


def _rowid_in(session: ColumnElement[str]) -> ColumnElement[int]:
    """SQLite's rowid of the variable that ``:identifier`` names in a session."""
    # each is one search in an index, and the second is made only if the first finds nothing; OR
    # would search both indexes, and remember the rows so as to return none twice
    return func.coalesce(
        *(
            select(literal_column("other.rowid", BigInteger()))
            .select_from(_other)
            .where(_other.c.session_id == session, column == bindparam("identifier"))
            .correlate(sessions)
            .scalar_subquery()
            for column in (_other.c.name, _other.c.id)
        )
    )


class _IsNamed(FunctionElement[Any]):
    """Whether this is the variable of a session with ``:identifier`` as its name or id."""

    # without the type Boolean, to which SQLAlchemy adds "= 1" on SQLite, which then uses no index
    inherit_cache = True

    def __init__(self, session: ColumnElement[str]) -> None:
        """``session`` is the id of the session."""
        # the rowid alone says which session it is in
        super().__init__(literal_column("variables.rowid", BigInteger()) == _rowid_in(session))
        self.either = and_(variables.c.session_id == session, _has_either)
        """How databases say it that have no rowid."""


@compiles(_IsNamed)
def _either(element: _IsNamed, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.either, **options)


@compiles(_IsNamed, "sqlite")
def _first(element: _IsNamed, compiler: SQLCompiler, **options: Any) -> str:
    [first] = element.clauses
    return compiler.process(first, **options)


class _Address(FunctionElement[int]):
    """Where a variable's row is, for a later statement of the same transaction; NULL on a server.

    SQLite finds a row by its rowid in half the time that it takes by its key.
    """

    type = BigInteger()
    inherit_cache = True


@compiles(_Address)
def _no_address(_element: _Address, _compiler: SQLCompiler, **_options: Any) -> str:
    return "NULL"


@compiles(_Address, "sqlite")
def _rowid(_element: _Address, _compiler: SQLCompiler, **_options: Any) -> str:
    return "variables.rowid"


def _new_names() -> list[BindParameter[str]]:
    return [
        bindparam("new_id", type_=variables.c.id.type),
        bindparam("new_name", type_=variables.c.name.type),
    ]


def _beside_session(
    session: Sequence[ColumnElement[Any]], columns: Sequence[ColumnElement[Any]]
) -> Select[Any]:
    """The session's columns, then the variable's, which are NULL if there is no such variable.

    One statement, hence one snapshot. ``storage.mapping`` says where the variable's columns begin.
    """
    joined = sessions.outerjoin(variables, _IsNamed(sessions.c.id))
    return select(*session, *columns).select_from(joined).where(sessions.c.id == bindparam("sid"))


def _briefly_named(*columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Columns under names of one letter.

    Nobody reads the names, but ``sqlite3`` makes texts of them at each execution. Python has those
    of one letter ready.
    """
    return [column.label(letter) for column, letter in zip(columns, ascii_letters, strict=False)]


def _by_id_or_name(columns: Sequence[ColumnElement[Any]], size: int) -> CompoundSelect[Any]:
    """Variables by id, and by name: one index for each half."""
    return union_all(
        *(
            select(*columns).where(_here, each(column, size))
            for column in (variables.c.id, variables.c.name)
        )
    )


SELECT_VARIABLE = Statement(
    lambda: _beside_session(ACCESS_COLUMNS, VARIABLE_COLUMNS), name="select_variable"
)
SELECT_VALUE = Statement(
    lambda: _beside_session(ACCESS_COLUMNS, VALUE_COLUMNS), name="select_value"
)
LOOK_UP_VARIABLE = Statement(
    lambda: _beside_session((), _briefly_named(*QUIET_COLUMNS, *VARIABLE_COLUMNS)),
    name="look_up_variable",
)
LOOK_UP_VALUE = Statement(
    lambda: _beside_session((), _briefly_named(*QUIET_COLUMNS, *ENCODED_COLUMNS)),
    name="look_up_value",
)
LOOK_UP_ORDER = ("identifier", "identifier", "sid")
"""The parameters of these two, in the order in which SQLite's driver takes them."""
SELECT_EXISTS = Statement(
    lambda: _beside_session(ACCESS_COLUMNS, (variables.c.name,)), name="select_exists"
)
# for writes, which on a server lock the session's row with a statement before
SELECT_FOR_UPDATE = Statement(
    lambda: _beside_session(STATE_COLUMNS, (*VARIABLE_COLUMNS, _Address()))
)
# a value that is about to be replaced is not read, however large it is
_overwritten = {variables.c.value, variables.c.value_blob, variables.c.last_updated_at}
_OVERWRITTEN_COLUMNS = tuple(
    null() if column in _overwritten else column for column in VARIABLE_COLUMNS
)
SELECT_FOR_OVERWRITE = Statement(
    lambda: _beside_session(STATE_COLUMNS, (*_OVERWRITTEN_COLUMNS, _Address())),
    name="select_for_overwrite",
)
# for a new variable, which needs no more of the one that has its name than who that is
SELECT_NAME_OWNER = Statement(
    lambda: _beside_session(STATE_COLUMNS, IDENTITY_COLUMNS), name="select_name_owner"
)
SELECT_BY_IDENTIFIER = Statement(
    lambda: select(*VARIABLE_COLUMNS).where(_IsNamed(bindparam("sid")))
)
SELECT_LEASES = Statement(lambda size: _by_id_or_name(LEASE_COLUMNS, size), expanding=True)
SELECT_LEASE_FOR_UPDATE = Statement(lambda: _beside_session(STATE_COLUMNS, LEASE_COLUMNS))


class BatchStatements:
    """Statements that select several variables: all of a session, or those of some ids or names."""

    def __init__(self, columns: Sequence[ColumnElement[Any]]) -> None:
        """Select ``columns``."""

        def _by(column: ColumnElement[str]) -> Statement:
            return Statement(
                lambda size: select(*columns).where(_here, each(column, size)), expanding=True
            )

        self.whole_session = Statement(lambda: select(*columns).where(_here))
        self.by_name = _by(variables.c.name)
        self.by_id = _by(variables.c.id)
        self.by_either = Statement(lambda size: _by_id_or_name(columns, size), expanding=True)
        """Searches two indexes for each: for a server, where a second statement costs more."""


SEVERAL = BatchStatements(VARIABLE_COLUMNS)
SEVERAL_FOR_UPDATE = BatchStatements((*VARIABLE_COLUMNS, _Address()))
_size = func.coalesce(
    func.length(variables.c.value), func.length(variables.c.value_blob), literal_column("0")
)


def _to_replace(*, sizes: bool, leases: bool) -> BatchStatements:
    columns = [*REPLACED_COLUMNS, _Address()]
    if sizes or leases:
        columns.append(_size if sizes else literal_column("0", BigInteger()))
    if leases:
        columns.extend(TERM_COLUMNS)
    return BatchStatements(columns)


TO_REPLACE = {
    (sizes, leases): _to_replace(sizes=sizes, leases=leases)
    for sizes, leases in product((False, True), repeat=2)
}
"""Select several variables whose values are replaced. The keys: whether it reads the sizes of the
values, and all of the leases. Values are not read, however large they are.
"""
SELECT_NAME_CONFLICTS = Statement(
    lambda: union_all(
        # one index for each half; an OR of both columns would read the whole session
        *(
            select(*IDENTITY_COLUMNS).where(_here, column.in_(_new_names()))
            for column in (variables.c.id, variables.c.name)
        )
    )
)
# the variable to replace, and others without their values that have its new name or id
SELECT_FOR_PUT = Statement(
    lambda: union_all(
        select(*VARIABLE_COLUMNS).where(_here, variables.c.id.in_(_new_names())),
        select(*_OVERWRITTEN_COLUMNS).where(
            _here,
            variables.c.name.in_(_new_names()),
            variables.c.id != bindparam("new_id", type_=variables.c.id.type),
        ),
    )
)
SELECT_NAMES = RangeQuery(
    lambda: select(variables.c.name).where(_here), (variables.c.name,), names=variables.c.name
)
SELECT_VALUES = Statement(lambda: select(*VALUE_COLUMNS).where(_here).order_by(variables.c.name))
_creation = (variables.c.created_at, variables.c.id)
SELECT_BY_CREATION = RangeQuery(
    lambda: select(*VARIABLE_COLUMNS).where(_here), _creation, times=variables.c.created_at
)
SELECT_IDENTITIES_BY_CREATION = RangeQuery(
    lambda: select(*IDENTITY_COLUMNS).where(_here), _creation, times=variables.c.created_at
)
# a range of names is read by the index of names and then sorted; an expression has no index, so
# that the bound of the times is not preferred, which may be that of the whole session
_time = func.coalesce(variables.c.created_at, variables.c.created_at)
SELECT_NAMED = RangeQuery(
    lambda: select(*VARIABLE_COLUMNS).where(_here), _creation, names=variables.c.name, times=_time
)
SELECT_NAMED_IDENTITIES = RangeQuery(
    lambda: select(*IDENTITY_COLUMNS).where(_here), _creation, names=variables.c.name, times=_time
)

SELECT_NAME_CONFLICT = Statement(lambda: select(*IDENTITY_COLUMNS).where(_here, _has_either))


def _update(which: ColumnElement[bool]) -> Update:
    return (
        update(variables)
        .where(which)
        .values(
            value=bindparam("new_value"),
            value_blob=bindparam("new_value_blob"),
            metadata=bindparam("new_metadata"),
            version=variables.c.version + literal_column("1"),
            last_updated_at=bindparam("new_last_updated_at"),
        )
    )


UPDATE = Statement(lambda: _update(_this))
UPDATE_AT_ADDRESS = Statement(
    lambda: _update(literal_column("variables.rowid", BigInteger()) == bindparam("address")),
    name="update_at_address",
)


def _update_several() -> Update:
    text, blob = Text(), LargeBinary()
    new = (
        func.unnest(
            array_of(EACH, text),
            array_of("new_value", text),
            array_of("new_value_blob", blob),
            array_of("new_metadata", text),
        )
        .table_valued("id", "value", "value_blob", "metadata")
        .render_derived(name="new")
    )
    # the array says it again, so that no plan compares each variable of the table with each row
    are_named = variables.c.id == any_(array_of(EACH, text))
    return (
        update(variables)
        .where(_here, are_named, variables.c.id == new.c.id)
        .values(
            value=new.c.value,
            value_blob=new.c.value_blob,
            metadata=cast(new.c.metadata, variables.c.metadata.type),
            version=variables.c.version + literal_column("1"),
            last_updated_at=bindparam("new_last_updated_at"),
        )
    )


UPDATE_SEVERAL = Statement(_update_several)
"""``UPDATE`` of several at once, by arrays of their ids and new values; for a server."""
_kept = {column.name for column in LEASE_COLUMNS} - {"name"}
REPLACED = tuple(column.name for column in VARIABLE_COLUMNS if column.name not in _kept)
"""The columns that ``INSERT`` and ``REPLACE`` set, each from ``:new_`` and its name."""
_new_columns: dict[str, BindParameter[Any]] = {name: bindparam(f"new_{name}") for name in REPLACED}
INSERT = Statement(
    lambda: insert(variables).values(
        {"session_id": bindparam("sid"), "id": bindparam("vid")} | _new_columns
    )
)
"""Inserts a variable that nobody optimises."""
_first_version: dict[str, ColumnElement[Any]] = {
    "version": literal_column("0"),
    "access_rules": literal_column("'[]'"),
    "last_updated_at": _new_columns["created_at"],
}
INSERT_FIRST_VERSION = Statement(
    lambda: insert(variables).values(
        {"session_id": bindparam("sid"), "id": bindparam("vid")} | _new_columns | _first_version
    ),
    name="insert_first_version",
)
"""``INSERT`` of version 0 without access rules: these are no parameters, which takes less time."""
REPLACE = Statement(lambda: update(variables).where(_this).values(_new_columns))
UPDATE_CONSTRAINTS = Statement(
    lambda: update(variables).where(_this).values(constraints=bindparam("new_constraints"))
)
DELETE = Statement(lambda: delete(variables).where(_this))
DELETE_SEVERAL = Statement(
    lambda size: delete(variables).where(_here, each(variables.c.id, size)), expanding=True
)
