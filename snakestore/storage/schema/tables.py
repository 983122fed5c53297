"""The tables: the mapped classes are the only description of the schema.

A test compares them with what the migrations create. Every table is keyed by session first, so that
a cluster can shard by it. Names, times and JSON are plain text in a SQLite file, readable with
``sqlite3``. The relationships are for reports; the library itself joins by hand.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import (
    BigInteger,
)

from snakestore.names import MAX_NAME_LENGTH
from snakestore.storage.schema.column_types import Seconds, UtcDateTime, identifier
from snakestore.storage.schema.json_types import JsonText

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _length_check(column: str) -> CheckConstraint:
    return CheckConstraint(
        f"length({column}) BETWEEN 1 AND {MAX_NAME_LENGTH}", name=f"{column}_length"
    )


def _not_negative(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative")


# without "from __future__ import annotations": SQLAlchemy evaluates annotations that are text
class Base(DeclarativeBase):
    """Root of the mapped tables."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        str: Text(),
        bytes: LargeBinary(),
        float: Seconds(),
        int: BigInteger(),
    }


class SessionRow(Base):
    """A session: its time to live, its metadata and the counts of what it holds."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JsonText())
    created_at: Mapped[datetime]
    last_accessed: Mapped[datetime]
    ttl: Mapped[float | None]
    expires_at: Mapped[datetime | None]
    last_worker_id: Mapped[str | None]
    variable_count: Mapped[int]
    program_count: Mapped[int]
    total_variable_updates: Mapped[int]
    history_limit: Mapped[int | None]

    variables: Mapped[list["VariableRow"]] = relationship(
        viewonly=True, order_by="VariableRow.name"
    )
    programs: Mapped[list["ProgramRow"]] = relationship(viewonly=True, order_by="ProgramRow.id")
    logs: Mapped[list["LogRow"]] = relationship(viewonly=True, order_by="LogRow.name")

    __table_args__ = (
        _length_check("id"),
        _length_check("last_worker_id"),
        CheckConstraint("ttl > 0", name="ttl_positive"),
        CheckConstraint("(ttl IS NULL) = (expires_at IS NULL)", name="expires_with_ttl"),
        _not_negative("variable_count"),
        _not_negative("program_count"),
        _not_negative("total_variable_updates"),
        _not_negative("history_limit"),
        # sessions that never expire stay out of it, so that a sweep reads only what can expire
        Index(None, "expires_at", sqlite_where=text("expires_at IS NOT NULL")),
    )


class VariableRow(Base):
    """A variable: the present value, as text or binary, and who is optimising it."""

    __tablename__ = "variables"

    session_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    name: Mapped[str] = mapped_column(identifier())
    type: Mapped[str]
    value: Mapped[str | None]
    value_blob: Mapped[bytes | None]
    constraints: Mapped[dict[str, Any]] = mapped_column(JsonText())
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JsonText())
    version: Mapped[int]
    created_at: Mapped[datetime]
    last_updated_at: Mapped[datetime]
    optimizer_id: Mapped[str | None]
    optimizer_pid: Mapped[str | None]
    optimization_started_at: Mapped[datetime | None]
    optimization_expires_at: Mapped[datetime | None]
    access_rules: Mapped[list[Any]] = mapped_column(JsonText())

    session: Mapped["SessionRow"] = relationship(viewonly=True)
    versions: Mapped[list["VariableVersionRow"]] = relationship(
        viewonly=True, order_by="VariableVersionRow.version"
    )

    __table_args__ = (
        UniqueConstraint("session_id", "name"),
        # the order of list_variables: without it, the newest few would be found by sorting all
        Index(None, "session_id", "created_at", "id"),
        # the few variables that are being optimised, for the view of leases
        Index(
            "ix_variables_leased",
            "session_id",
            "name",
            sqlite_where=text("optimizer_id IS NOT NULL"),
        ),
        ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        _length_check("id"),
        _length_check("name"),
        _length_check("type"),
        _length_check("optimizer_id"),
        _not_negative("version"),
        CheckConstraint("value IS NOT NULL OR value_blob IS NOT NULL", name="has_value"),
        CheckConstraint(
            "optimizer_id IS NOT NULL OR (optimizer_pid IS NULL AND optimization_started_at IS NULL"
            " AND optimization_expires_at IS NULL)",
            name="optimization_has_optimizer",
        ),
    )


class VariableVersionRow(Base):
    """A value that a variable had; ``created_at`` is when it was written."""

    __tablename__ = "variable_versions"

    session_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    variable_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    value: Mapped[str | None]
    value_blob: Mapped[bytes | None]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JsonText())
    created_at: Mapped[datetime]

    variable: Mapped["VariableRow"] = relationship(viewonly=True)

    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "variable_id"],
            ["variables.session_id", "variables.id"],
            ondelete="CASCADE",
        ),
        _not_negative("version"),
        CheckConstraint("value IS NOT NULL OR value_blob IS NOT NULL", name="has_value"),
    )


class ProgramRow(Base):
    """A program: any JSON document under an id, at its present version."""

    __tablename__ = "programs"

    session_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    program: Mapped[Any] = mapped_column(JsonText())
    created_at: Mapped[datetime]
    last_updated_at: Mapped[datetime]
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JsonText())
    """NULL, in programs older than the column: an empty object."""
    version: Mapped[int] = mapped_column(server_default=text("0"))

    session: Mapped["SessionRow"] = relationship(viewonly=True)
    versions: Mapped[list["ProgramVersionRow"]] = relationship(
        viewonly=True, order_by="ProgramVersionRow.version"
    )

    __table_args__ = (
        ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        _length_check("id"),
        _not_negative("version"),
    )


class ProgramVersionRow(Base):
    """A document that a program had; ``created_at`` is when it was written."""

    __tablename__ = "program_versions"

    session_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    program_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    program: Mapped[Any] = mapped_column(JsonText())
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", JsonText())
    created_at: Mapped[datetime]

    # the column "program" has the document
    owner: Mapped["ProgramRow"] = relationship(viewonly=True)

    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "program_id"],
            ["programs.session_id", "programs.id"],
            ondelete="CASCADE",
        ),
        _not_negative("version"),
    )


class LogRow(Base):
    """A log: how many entries it has, and the position of the next one."""

    __tablename__ = "logs"

    session_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    name: Mapped[str] = mapped_column(identifier(), primary_key=True)
    length: Mapped[int]
    next_position: Mapped[int]
    created_at: Mapped[datetime]
    last_updated_at: Mapped[datetime]

    session: Mapped["SessionRow"] = relationship(viewonly=True)
    entries: Mapped[list["LogEntryRow"]] = relationship(
        viewonly=True, order_by="LogEntryRow.position"
    )

    __table_args__ = (
        ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        _length_check("name"),
        _not_negative("length"),
        CheckConstraint("next_position >= length", name="next_position_not_below_length"),
    )


class LogEntryRow(Base):
    """An entry of a log: any JSON document at a position."""

    __tablename__ = "log_entries"

    session_id: Mapped[str] = mapped_column(identifier(), primary_key=True)
    log_name: Mapped[str] = mapped_column(identifier(), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    entry: Mapped[Any] = mapped_column(JsonText())
    created_at: Mapped[datetime]

    log: Mapped["LogRow"] = relationship(viewonly=True)

    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "log_name"], ["logs.session_id", "logs.name"], ondelete="CASCADE"
        ),
        _not_negative("position"),
    )
