"""The schema: the mapped classes are its only description; migrations are proved equal to them.

Every table is keyed by session first, so that a cluster can shard by it. Names, times and JSON are
plain text in the file, for whoever opens it with ``sqlite3``. Times go in and out of
``UtcDateTime`` as aware datetimes; JSON columns hold text that ``rows.py`` decodes, so that a
statement that does not need the metadata does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, cast

from sqlalchemy import (
    CheckConstraint,
    Connection,
    Dialect,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import (
    TIMESTAMP,
    BigInteger,
    Double,
    TypeDecorator,
    TypeEngine,
    UserDefinedType,
)

from snakestore.clock import from_text, to_text
from snakestore.errors import CorruptStoreError, shorten
from snakestore.names import LONGEST_NAME

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime: 27 characters of text in SQLite, TIMESTAMPTZ in PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text everywhere but on PostgreSQL."""
        return dialect.type_descriptor(
            TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text()
        )

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None] | None:
        """What makes text of a datetime, where the database has no type for it."""
        return None if dialect.name == "postgresql" else _written_time

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """What reads the text, where the database has no type for it, and what makes UTC of a server's own time zone."""
        del coltype
        return _in_utc if dialect.name == "postgresql" else _read_time


def _written_time(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def _in_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if (
        moment.tzinfo is None
    ):  # what asyncpg makes of infinity, which is what it makes of the last moment there is
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


# a few moments are read again and again: a session's access with each of its variables, a
# variable's creation with its value
@lru_cache(maxsize=1024)
def _read_time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return from_text(text)
    except (ValueError, TypeError) as problem:
        message = (
            f"a time in the database is damaged: {shorten(text)} is not of the form"
            " YYYY-MM-DDTHH:MM:SS.ffffffZ"
        )
        raise CorruptStoreError(message) from problem


class _PostgresJson(UserDefinedType[str]):
    """The column type ``json`` without the driver's decoding."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The name of the type in DDL."""
        return "JSON"


class _json_in(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """A text parameter on its way into a JSON column."""

    inherit_cache = True


class _json_out(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """A JSON column on its way out as text."""

    inherit_cache = True


@compiles(_json_in)
@compiles(_json_out)
def _as_it_is(element: FunctionElement[str], compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_json_in, "postgresql")
def _text_to_json(element: FunctionElement[str], compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS JSON)"


@compiles(_json_out, "postgresql")
def _json_to_text(element: FunctionElement[str], compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


class JsonText(TypeDecorator[str]):
    """JSON as the very text that was written: TEXT in SQLite, ``json`` in PostgreSQL (never jsonb, which changes numbers, order and NULs)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text everywhere but on PostgreSQL."""
        return dialect.type_descriptor(_PostgresJson() if dialect.name == "postgresql" else Text())

    def bind_expression(self, bindvalue: Any) -> Any:
        """A parameter: text that a typed server has to be told is JSON."""
        return _json_in(bindvalue)

    def column_expression(self, column: Any) -> Any:
        """A column: text, also from a driver that would rather decode it."""
        return _json_out(column)


def _identifier() -> Text:
    # "C" compares code points, as SQLite does, whatever the server's locale
    return Text().with_variant(Text(collation="C"), "postgresql")


def _length_check(column: str) -> CheckConstraint:
    return CheckConstraint(
        f"length({column}) BETWEEN 1 AND {LONGEST_NAME}", name=f"{column}_length"
    )


def _not_negative(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative")


class Base(DeclarativeBase):
    """Root of the mapped classes."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        str: Text(),
        bytes: LargeBinary(),
        float: Double(),
        int: BigInteger(),
    }


class SessionRow(Base):
    """A session: its time to live, its metadata and the counts of what it holds."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(_identifier(), primary_key=True)
    metadata_: Mapped[str] = mapped_column("metadata", JsonText())
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

    session_id: Mapped[str] = mapped_column(_identifier(), primary_key=True)
    id: Mapped[str] = mapped_column(_identifier(), primary_key=True)
    name: Mapped[str] = mapped_column(_identifier())
    type: Mapped[str]
    value: Mapped[str | None]
    value_blob: Mapped[bytes | None]
    constraints: Mapped[str] = mapped_column(JsonText())
    metadata_: Mapped[str] = mapped_column("metadata", JsonText())
    version: Mapped[int]
    created_at: Mapped[datetime]
    last_updated_at: Mapped[datetime]
    optimizer_id: Mapped[str | None]
    optimizer_pid: Mapped[str | None]
    optimization_started_at: Mapped[datetime | None]
    optimization_expires_at: Mapped[datetime | None]
    access_rules: Mapped[str] = mapped_column(JsonText())

    __table_args__ = (
        UniqueConstraint("session_id", "name"),
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

    session_id: Mapped[str] = mapped_column(_identifier(), primary_key=True)
    variable_id: Mapped[str] = mapped_column(_identifier(), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    value: Mapped[str | None]
    value_blob: Mapped[bytes | None]
    metadata_: Mapped[str] = mapped_column("metadata", JsonText())
    created_at: Mapped[datetime]

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
    """A program: any JSON document under an id."""

    __tablename__ = "programs"

    session_id: Mapped[str] = mapped_column(_identifier(), primary_key=True)
    id: Mapped[str] = mapped_column(_identifier(), primary_key=True)
    program: Mapped[str] = mapped_column(JsonText())
    created_at: Mapped[datetime]
    last_updated_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        _length_check("id"),
    )


@event.listens_for(Base.metadata, "before_create")
def describe_for_postgresql(_metadata: MetaData, connection: Connection, **_: Any) -> None:
    """Say of the tables what only PostgreSQL knows, where it is PostgreSQL.

    Said in the classes it would load that dialect with every import, a tenth of its time.
    """
    if connection.dialect.name != "postgresql":
        return
    table = cast("Table", SessionRow.__table__)
    for index in table.indexes:
        index.dialect_options["postgresql"]["where"] = text("expires_at IS NOT NULL")
    # room on each page, so that an access rewrites the row in place (a HOT update) and no index
    table.dialect_options["postgresql"]["with"] = {"fillfactor": 70}
