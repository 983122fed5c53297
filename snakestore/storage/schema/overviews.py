"""The views as mapped classes, for reports. ``views`` has the SELECT behind each.

They have metadata of their own: Alembic would take them for tables.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from snakestore.storage.schema.json_types import JsonText
from snakestore.storage.schema.tables import Base


class Overview(DeclarativeBase):
    """Root of the mapped views."""

    metadata = MetaData()
    type_annotation_map: ClassVar[dict[Any, Any]] = Base.type_annotation_map


class SessionOverview(Overview):
    """A session: whether it is live, for how long, and what it holds."""

    __tablename__ = "session_overview"

    state: Mapped[str]
    idle: Mapped[str]
    expires_in: Mapped[str]
    variable_count: Mapped[int]
    program_count: Mapped[int]
    log_count: Mapped[int]
    total_variable_updates: Mapped[int]
    size_bytes: Mapped[int]
    last_worker_id: Mapped[str | None]
    ttl: Mapped[float | None]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JsonText())
    created_at: Mapped[datetime]
    last_accessed: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    idle_seconds: Mapped[float]
    expires_in_seconds: Mapped[float | None]
    id: Mapped[str] = mapped_column(primary_key=True)


class VariableOverview(Overview):
    """A variable with its present value as text, and who is optimising it now."""

    __tablename__ = "variable_overview"

    name: Mapped[str]
    value: Mapped[str]
    type: Mapped[str]
    version: Mapped[int]
    age: Mapped[str]
    source: Mapped[str | None]
    optimizing: Mapped[str]
    optimizer_id: Mapped[str | None]
    size_bytes: Mapped[int]
    past_versions: Mapped[int]
    constraints: Mapped[dict[str, Any]] = mapped_column(JsonText())
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JsonText())
    last_updated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    age_seconds: Mapped[float]
    session_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)


class VariableHistoryOverview(Overview):
    """A past or present value of a variable: when it was written, by what, and why."""

    __tablename__ = "variable_history_overview"

    name: Mapped[str]
    version: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str]
    type: Mapped[str]
    source: Mapped[str | None]
    reason: Mapped[str | None]
    rolled_back_to: Mapped[str | None]
    is_current: Mapped[str]
    size_bytes: Mapped[int]
    written_at: Mapped[datetime]
    age_seconds: Mapped[float]
    session_id: Mapped[str] = mapped_column(primary_key=True)
    variable_id: Mapped[str] = mapped_column(primary_key=True)


class ProgramOverview(Overview):
    """A program: its document, its version, and how much of its past is kept."""

    __tablename__ = "program_overview"

    program: Mapped[Any] = mapped_column(JsonText())
    version: Mapped[int]
    age: Mapped[str]
    size_bytes: Mapped[int]
    past_versions: Mapped[int]
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JsonText())
    last_updated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    age_seconds: Mapped[float]
    session_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)


class LogOverview(Overview):
    """A log: how long it is, its newest entry, and when that came."""

    __tablename__ = "log_overview"

    name: Mapped[str] = mapped_column(primary_key=True)
    length: Mapped[int]
    age: Mapped[str]
    newest_entry: Mapped[Any] = mapped_column(JsonText())
    size_bytes: Mapped[int]
    next_position: Mapped[int]
    last_updated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    age_seconds: Mapped[float]
    session_id: Mapped[str] = mapped_column(primary_key=True)


class LeaseOverview(Overview):
    """A variable that is or was being optimised: by what, since and until when."""

    __tablename__ = "lease_overview"

    name: Mapped[str]
    holder: Mapped[str]
    state: Mapped[str]
    expires_in: Mapped[str]
    held_for: Mapped[str | None]
    holder_pid: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    expires_in_seconds: Mapped[float | None]
    held_seconds: Mapped[float | None]
    session_id: Mapped[str] = mapped_column(primary_key=True)
    variable_id: Mapped[str] = mapped_column(primary_key=True)


class About(Overview):
    """The store: the schema's revision, what made it, and where its documentation is."""

    __tablename__ = "about"

    schema_revision: Mapped[str] = mapped_column(primary_key=True)
    made_by: Mapped[str]
    documentation: Mapped[str]
    is_empty: Mapped[str]
