"""Four mapped classes like snakestore's: what an application with such tables imports anyway."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the mapped classes."""


class SessionRow(Base):
    """A session."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    metadata_: Mapped[str] = mapped_column("metadata")
    created_at: Mapped[datetime]
    last_accessed: Mapped[datetime]
    ttl: Mapped[float | None]
    expires_at: Mapped[datetime | None]
    last_worker_id: Mapped[str | None]
    variable_count: Mapped[int]
    program_count: Mapped[int]
    total_variable_updates: Mapped[int]
    history_limit: Mapped[int | None]

    __table_args__ = (
        CheckConstraint("length(id) BETWEEN 1 AND 255", name="id_length"),
        CheckConstraint("length(last_worker_id) BETWEEN 1 AND 255", name="last_worker_id_length"),
        CheckConstraint("ttl > 0", name="ttl_positive"),
        CheckConstraint("variable_count >= 0", name="variable_count"),
        CheckConstraint("program_count >= 0", name="program_count"),
        CheckConstraint("total_variable_updates >= 0", name="total_variable_updates"),
        Index(None, "expires_at", sqlite_where=text("expires_at IS NOT NULL")),
    )


class VariableRow(Base):
    """A variable."""

    __tablename__ = "variables"

    session_id: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str]
    type: Mapped[str]
    value: Mapped[str | None]
    value_blob: Mapped[bytes | None]
    constraints: Mapped[str]
    metadata_: Mapped[str] = mapped_column("metadata")
    version: Mapped[int]
    created_at: Mapped[datetime]
    last_updated_at: Mapped[datetime]
    optimizer_id: Mapped[str | None]
    optimizer_pid: Mapped[str | None]
    optimization_started_at: Mapped[datetime | None]
    optimization_expires_at: Mapped[datetime | None]
    access_rules: Mapped[str]

    __table_args__ = (
        UniqueConstraint("session_id", "name"),
        ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        CheckConstraint("length(id) BETWEEN 1 AND 255", name="id_length"),
        CheckConstraint("length(name) BETWEEN 1 AND 255", name="name_length"),
        CheckConstraint("version >= 0", name="version"),
        CheckConstraint("value IS NOT NULL OR value_blob IS NOT NULL", name="has_value"),
    )


class VariableVersionRow(Base):
    """A past value."""

    __tablename__ = "variable_versions"

    session_id: Mapped[str] = mapped_column(Text, primary_key=True)
    variable_id: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    value: Mapped[str | None]
    value_blob: Mapped[bytes | None]
    metadata_: Mapped[str] = mapped_column("metadata")
    created_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "variable_id"],
            ["variables.session_id", "variables.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("version >= 0", name="version"),
        CheckConstraint("value IS NOT NULL OR value_blob IS NOT NULL", name="has_value"),
    )


class ProgramRow(Base):
    """A program."""

    __tablename__ = "programs"

    session_id: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    program: Mapped[str]
    created_at: Mapped[datetime]
    last_updated_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        CheckConstraint("length(id) BETWEEN 1 AND 255", name="id_length"),
    )
