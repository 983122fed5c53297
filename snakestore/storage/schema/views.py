"""The SELECTs behind the database views, which show what the columns hide.

``overviews`` has the views as mapped classes. Nothing in the library reads through them, and they
are not in ``Base.metadata``: Alembic would take them for tables.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CreateView,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Double

from snakestore.storage.schema.column_types import UtcDateTime
from snakestore.storage.schema.revisions import VIEW_NAMES
from snakestore.storage.schema.tables import SessionRow, VariableRow, VariableVersionRow


class _present(FunctionElement[Any]):  # noqa: N801 - an SQL function, named as one
    """The time at which the view is read, in the form of the time columns."""

    type = UtcDateTime()
    inherit_cache = True


class _seconds_since(FunctionElement[float]):  # noqa: N801 - an SQL function, named as one
    """Seconds, to the millisecond, from a time column to the time at which the view is read."""

    type = Double()
    inherit_cache = True


class _source_in(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """The text under the key "source" of a metadata column; NULL without it."""

    type = Text()
    inherit_cache = True


@compiles(_present)
def _present_text(_element: _present, _compiler: SQLCompiler, **_options: Any) -> str:
    # SQLite's clock shows milliseconds: padded to microseconds it compares as text with what is
    # stored
    return "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"


@compiles(_present, "postgresql")
def _present_server(_element: _present, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(_seconds_since)
def _seconds_by_julian_day(element: _seconds_since, compiler: SQLCompiler, **options: Any) -> str:
    return (
        f"round((julianday('now') - julianday({compiler.process(element.clauses, **options)})) *"
        " 86400.0, 3)"
    )


@compiles(_seconds_since, "postgresql")
def _seconds_by_epoch(element: _seconds_since, compiler: SQLCompiler, **options: Any) -> str:
    return (
        "round(extract(epoch FROM clock_timestamp() -"
        f" {compiler.process(element.clauses, **options)}), 3)"
    )


@compiles(_source_in)
def _source_by_json_each(element: _source_in, compiler: SQLCompiler, **options: Any) -> str:
    # not json_extract: with trusted_schema off, as our engines have it, SQLite lets no view call
    # that
    column = compiler.process(element.clauses, **options)
    return f"(SELECT member.value FROM json_each({column}) AS member WHERE member.key = 'source')"  # noqa: S608 - a column's name


@compiles(_source_in, "postgresql")
def _source_by_arrow(element: _source_in, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    # PostgreSQL cannot look into a document that holds a NUL, anywhere in it
    return (
        f"CASE WHEN position(E'\\\\u0000' IN CAST({column} AS TEXT)) = 0 THEN {column} ->>"
        " 'source' END"
    )


class _expiry(FunctionElement[Any]):  # noqa: N801 - an SQL function, named as one
    """When the session of last_accessed, ttl and expires_at expires."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(_expiry)
def _expiry_recorded(element: _expiry, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(list(element.clauses)[2], **options)


@compiles(_expiry, "postgresql")
def _expiry_computed(element: _expiry, compiler: SQLCompiler, **options: Any) -> str:
    # expires_at lags behind there
    last_accessed, ttl, _recorded = (compiler.process(each, **options) for each in element.clauses)
    return f"{last_accessed} + {ttl} * interval '1 second'"


def _readable(row: type[VariableRow | VariableVersionRow]) -> ColumnElement[str]:
    size = cast(func.length(row.value_blob), Text)
    return func.coalesce(row.value, literal("<binary, ") + size + literal(" bytes>"))


def _yes_if(condition: ColumnElement[bool]) -> ColumnElement[str]:
    return case((condition, literal("yes")), else_=literal("no"))


def session_overview() -> Select[Any]:
    """Each session, whether it is live, and what it holds."""
    row = SessionRow
    expiry = _expiry(row.last_accessed, row.ttl, row.expires_at)
    return select(
        row.id,
        case((expiry < _present(), literal("expired")), else_=literal("live")).label("state"),
        _seconds_since(row.last_accessed).label("idle_seconds"),
        row.ttl,
        row.variable_count,
        row.program_count,
        row.total_variable_updates,
        row.last_worker_id,
        row.created_at,
        row.last_accessed,
    )


def variable_overview() -> Select[Any]:
    """Each variable with its present value, and who is optimising it now."""
    row = VariableRow
    optimizing = and_(
        row.optimizer_id.is_not(None),
        or_(row.optimization_expires_at.is_(None), row.optimization_expires_at > _present()),
    )
    return select(
        row.session_id,
        row.name,
        row.id,
        row.type,
        _readable(row).label("value"),
        row.version,
        _yes_if(optimizing).label("optimizing"),
        case((optimizing, row.optimizer_id), else_=null()).label("optimizer_id"),
        row.last_updated_at,
    )


def variable_history_overview() -> Any:
    """Past and present values of each variable, oldest first."""
    past, present = VariableVersionRow, VariableRow
    owner = VariableRow.__table__.alias("owner")
    before = select(
        past.session_id,
        owner.c.name,
        past.variable_id,
        past.version,
        past.type,
        _readable(past).label("value"),
        past.created_at.label("written_at"),
        _source_in(past.metadata_).label("source"),
        literal("no").label("is_current"),
    ).join(owner, and_(owner.c.session_id == past.session_id, owner.c.id == past.variable_id))
    today = select(
        present.session_id,
        present.name,
        present.id.label("variable_id"),
        present.version,
        present.type,
        _readable(present).label("value"),
        present.last_updated_at.label("written_at"),
        _source_in(present.metadata_).label("source"),
        literal("yes").label("is_current"),
    )
    both = union_all(before, today)
    return both.order_by("session_id", "name", "version")


def create_views() -> list[CreateView]:
    """The statements that create the views, in the order of ``VIEW_NAMES``."""
    definitions = (session_overview(), variable_overview(), variable_history_overview())
    return [
        CreateView(definition, name)
        for name, definition in zip(VIEW_NAMES, definitions, strict=True)
    ]
