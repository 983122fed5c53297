"""Column types: times, JSON text and identifiers, as each database stores them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine, UserDefinedType

from snakestore.clock import from_text, to_text
from snakestore.errors import CorruptStoreError, shorten


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


def identifier() -> Text:
    """The type of an id or name: text compared by code point on every database."""
    # "C" compares code points, as SQLite does, whatever the server's locale
    return Text().with_variant(Text(collation="C"), "postgresql")
