"""The views as mapped classes, for reports. ``views`` has the SELECT behind each.

They have metadata of their own: Alembic would take them for tables.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from snakestore.storage.schema.tables import Base


class Overview(DeclarativeBase):
    """Root of the mapped views."""

    metadata = MetaData()
    type_annotation_map: ClassVar[dict[Any, Any]] = Base.type_annotation_map


class SessionOverview(Overview):
    """A session: whether it is live, how long it is idle, and what it holds."""

    __tablename__ = "session_overview"

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    idle_seconds: Mapped[float]
    ttl: Mapped[float | None]
    variable_count: Mapped[int]
    program_count: Mapped[int]
    total_variable_updates: Mapped[int]
    last_worker_id: Mapped[str | None]
    created_at: Mapped[datetime]
    last_accessed: Mapped[datetime]


class VariableOverview(Overview):
    """A variable with its present value as text, and who is optimising it now."""

    __tablename__ = "variable_overview"

    session_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    value: Mapped[str]
    version: Mapped[int]
    optimizing: Mapped[str]
    optimizer_id: Mapped[str | None]
    last_updated_at: Mapped[datetime]


class VariableHistoryOverview(Overview):
    """A past or present value of a variable: when it was written, and by what."""

    __tablename__ = "variable_history_overview"

    session_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    variable_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    value: Mapped[str]
    written_at: Mapped[datetime]
    source: Mapped[str | None]
    is_current: Mapped[str]
