"""The SELECTs behind the database views, which show what the columns hide.

``overviews`` has the views as mapped classes. Nothing in the library reads through them, and they
are not in ``Base.metadata``: Alembic would take them for tables.

The columns of a view come in the order in which a person asks for them, ids last. Each view reads
the tables by the session's key, so that one that is filtered by session scans no table. Sizes are
computed only where they are selected.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CreateView,
    ScalarSelect,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    table,
    type_coerce,
    union_all,
)

from snakestore.storage.schema.revisions import VERSION_TABLE, VIEW_NAMES
from snakestore.storage.schema.tables import (
    LogEntryRow,
    LogRow,
    ProgramRow,
    ProgramVersionRow,
    SessionRow,
    VariableRow,
    VariableVersionRow,
)
from snakestore.storage.schema.view_functions import (
    StoredJson,
    duration,
    expiry,
    present,
    seconds_since,
    seconds_until,
    size_of,
    text_in,
    time_left,
    yes_if,
)

DOCUMENTATION = "https://github.com/snakestore/snakestore/blob/main/docs/inspecting.md"


def session_overview() -> Select[Any]:
    """Each session: whether it is live, for how long, and what it holds."""
    row = SessionRow
    expires_at = expiry(row.last_accessed, row.ttl, row.expires_at)
    size = (
        _sum(VariableRow, _value_size(VariableRow))
        + _sum(VariableVersionRow, _value_size(VariableVersionRow))
        + _sum(ProgramRow, size_of(ProgramRow.program))
        + _sum(ProgramVersionRow, size_of(ProgramVersionRow.program))
        + _sum(LogEntryRow, size_of(LogEntryRow.entry))
    )
    logs = select(func.count()).select_from(LogRow).where(LogRow.session_id == row.id)
    seconds_left = seconds_until(expires_at)
    return select(
        case((expires_at < present(), literal("expired")), else_=literal("live")).label("state"),
        duration(seconds_since(row.last_accessed)).label("idle"),
        time_left(seconds_left, literal("never")).label("expires_in"),
        row.variable_count,
        row.program_count,
        logs.scalar_subquery().label("log_count"),
        row.total_variable_updates,
        cast(size, BigInteger).label("size_bytes"),
        row.last_worker_id,
        row.ttl,
        _document(row.metadata_),
        row.created_at,
        row.last_accessed,
        expires_at.label("expires_at"),
        seconds_since(row.last_accessed).label("idle_seconds"),
        seconds_left.label("expires_in_seconds"),
        row.id,
    )


def variable_overview() -> Select[Any]:
    """Each variable with its present value, and who is optimising it now."""
    row = VariableRow
    optimizing = and_(
        row.optimizer_id.is_not(None),
        or_(row.optimization_expires_at.is_(None), row.optimization_expires_at > present()),
    )
    past = VariableVersionRow
    return select(
        row.name,
        _readable(row).label("value"),
        row.type,
        row.version,
        duration(seconds_since(row.last_updated_at)).label("age"),
        text_in(row.metadata_, literal("source")).label("source"),
        yes_if(optimizing).label("optimizing"),
        case((optimizing, row.optimizer_id), else_=null()).label("optimizer_id"),
        _value_size(row).label("size_bytes"),
        _count(past, past.session_id == row.session_id, past.variable_id == row.id).label(
            "past_versions"
        ),
        _document(row.constraints),
        _document(row.metadata_),
        row.last_updated_at,
        row.created_at,
        seconds_since(row.last_updated_at).label("age_seconds"),
        row.session_id,
        row.id,
    )


def variable_history_overview() -> Any:
    """Past and present values of each variable, oldest first."""
    past, now = VariableVersionRow, VariableRow
    owner = VariableRow.__table__.alias("owner")
    before = select(
        *_version(past, owner.c.name, past.created_at, literal("no")),
        past.session_id,
        past.variable_id,
    ).join(owner, and_(owner.c.session_id == past.session_id, owner.c.id == past.variable_id))
    today = select(
        *_version(now, now.name, now.last_updated_at, literal("yes")),
        now.session_id,
        now.id.label("variable_id"),
    )
    return union_all(before, today).order_by("session_id", "name", "version")


def _version(
    row: type[VariableRow | VariableVersionRow],
    name: Any,
    written_at: Any,
    is_current: ColumnElement[str],
) -> list[ColumnElement[Any]]:
    """The columns of a past or present value."""
    source = text_in(row.metadata_, literal("source"))
    # later versions inherit the metadata of a rollback, but not its source
    rolled_back = source == literal("rollback")
    return [
        name,
        row.version,
        _readable(row).label("value"),
        row.type,
        source.label("source"),
        case((rolled_back, text_in(row.metadata_, literal("reason")))).label("reason"),
        case((rolled_back, text_in(row.metadata_, literal("rolled_back_to")))).label(
            "rolled_back_to"
        ),
        is_current.label("is_current"),
        _value_size(row).label("size_bytes"),
        written_at.label("written_at"),
        seconds_since(written_at).label("age_seconds"),
    ]


def program_overview() -> Select[Any]:
    """Each program: its document, its version, and how much of its past is kept."""
    row, past = ProgramRow, ProgramVersionRow
    return select(
        _document(row.program),
        row.version,
        duration(seconds_since(row.last_updated_at)).label("age"),
        size_of(row.program).label("size_bytes"),
        _count(past, past.session_id == row.session_id, past.program_id == row.id).label(
            "past_versions"
        ),
        _document(row.metadata_),
        row.last_updated_at,
        row.created_at,
        seconds_since(row.last_updated_at).label("age_seconds"),
        row.session_id,
        row.id,
    )


def log_overview() -> Select[Any]:
    """Each log: how long it is, its newest entry, and when that came."""
    row, entry = LogRow, LogEntryRow
    of_log = and_(entry.session_id == row.session_id, entry.log_name == row.name)
    newest = select(entry.entry).where(of_log).order_by(entry.position.desc()).limit(1)
    size = select(func.coalesce(func.sum(size_of(entry.entry)), literal(0))).where(of_log)
    return select(
        row.name,
        row.length,
        duration(seconds_since(row.last_updated_at)).label("age"),
        type_coerce(newest.scalar_subquery(), StoredJson()).label("newest_entry"),
        cast(size.scalar_subquery(), BigInteger).label("size_bytes"),
        row.next_position,
        row.last_updated_at,
        row.created_at,
        seconds_since(row.last_updated_at).label("age_seconds"),
        row.session_id,
    )


def lease_overview() -> Select[Any]:
    """Each variable that is or was being optimised: by what, since and until when."""
    row, owner = VariableRow, SessionRow
    expires_at = row.optimization_expires_at
    session_ended = expiry(owner.last_accessed, owner.ttl, owner.expires_at) < present()
    seconds_left = seconds_until(expires_at)
    seconds_held = seconds_since(row.optimization_started_at)
    return (
        select(
            row.name,
            row.optimizer_id.label("holder"),
            case(
                (session_ended, literal("session expired")),
                (expires_at <= present(), literal("expired")),
                else_=literal("held"),
            ).label("state"),
            time_left(seconds_left, literal("when released")).label("expires_in"),
            duration(seconds_held).label("held_for"),
            row.optimizer_pid.label("holder_pid"),
            expires_at.label("expires_at"),
            row.optimization_started_at.label("started_at"),
            seconds_left.label("expires_in_seconds"),
            seconds_held.label("held_seconds"),
            row.session_id,
            row.id.label("variable_id"),
        )
        .join(owner, owner.id == row.session_id)
        .where(row.optimizer_id.is_not(None))
    )


def about(made_by: str) -> Select[Any]:
    """One row: the schema's revision, what made the store, and where its documentation is."""
    versions = table(VERSION_TABLE, column("version_num", Text()))
    return select(
        versions.c.version_num.label("schema_revision"),
        literal(made_by).label("made_by"),
        literal(DOCUMENTATION).label("documentation"),
        yes_if(~exists(select(SessionRow.id))).label("is_empty"),
    )


def create_views(made_by: str) -> list[CreateView]:
    """The statements that create the views, in the order of ``VIEW_NAMES``.

    Args:
        made_by: what creates the store, or upgrades it to the present schema.
    """
    definitions = (
        session_overview(),
        variable_overview(),
        variable_history_overview(),
        program_overview(),
        log_overview(),
        lease_overview(),
        about(made_by),
    )
    return [
        CreateView(definition, name)
        for name, definition in zip(VIEW_NAMES, definitions, strict=True)
    ]


# --- pieces


def _readable(row: type[VariableRow | VariableVersionRow]) -> ColumnElement[str]:
    size = cast(func.length(row.value_blob), Text)
    return func.coalesce(row.value, literal("<binary, ") + size + literal(" bytes>"))


def _value_size(row: type[VariableRow | VariableVersionRow]) -> ColumnElement[int]:
    return func.coalesce(size_of(row.value), func.length(row.value_blob, type_=BigInteger()))


def _document(of: Any) -> ColumnElement[Any]:
    return type_coerce(of, StoredJson()).label(of.expression.name)


def _sum(row: Any, size: ColumnElement[int]) -> ColumnElement[int]:
    """The size of what a session has in one table."""
    total = select(func.coalesce(func.sum(size), literal(0)))
    return total.where(row.session_id == SessionRow.id).scalar_subquery()


def _count(row: Any, *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(row).where(*conditions).scalar_subquery()
