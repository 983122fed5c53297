"""Column types: times, durations and identifiers, as each database stores them.

To SQLAlchemy, and so to reports over ``snakestore.tables``, a time is an aware datetime. The
library's own statements skip such conversions where they can: see ``DriverType``. ``json_types``
has the type of documents.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import add, sub
from struct import Struct
from typing import Any, TypeVar

from sqlalchemy import Dialect, Text, func
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TIMESTAMP, DateTime, Double, TypeDecorator, TypeEngine

from snakestore.clock import as_utc, from_text, to_text
from snakestore.errors import CorruptStoreError, ValidationError, shorten

T = TypeVar("T")
Convert = Callable[[Any], Any]


class InvalidParameterError(ValidationError, DontWrapMixin):
    """A parameter of a statement is not valid. SQLAlchemy raises it as it is."""


class DriverType(TypeDecorator[T]):
    """A type with a short way to the driver, for the library's own statements.

    Their parameters are checked before, and what they read is decoded later, if at all. A
    TypeDecorator would check and decode each cell.
    """

    def bind_converter(self, dialect: Dialect) -> Convert | None:  # noqa: ARG002 - of subclasses
        """A function from a checked parameter to the driver's value; None: pass it on."""
        return None

    def result_converter(self, dialect: Dialect) -> Convert | None:  # noqa: ARG002 - likewise
        """A function from the driver's value to the library's; None: pass it on."""
        return None

    def sent(self, column: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - likewise
        """The column as the library's statements select it, in a form that no setting changes.

        Servers print times and numbers as DateStyle, TimeZone and extra_float_digits say.
        """
        return column


# --- bytes


def blob_converter(dialect: Dialect) -> Convert | None:
    """From what a server's driver returns to bytes. SQLite's drivers return bytes: None."""
    return _received_bytes if _has_time_type(dialect) else None


def _received_bytes(blob: bytes | memoryview | None) -> bytes | None:
    """The bytes of a memoryview, which psycopg2 returns."""
    return bytes(blob) if isinstance(blob, memoryview) else blob


# --- times


class _Time(DateTime):
    """Times that are compared, but not added or subtracted."""

    class Comparator(DateTime.Comparator[Any]):
        """Refuses arithmetic: SQLite would compute with the text of a time."""

        __slots__ = ()

        def operate(self, op: Any, *other: Any, **options: Any) -> Any:
            """Refuse + and -, and leave every other operator to SQLAlchemy."""
            if op in {add, sub}:
                message = "times have no arithmetic in SQL: compare with a computed datetime"
                raise ValidationError(message, value=self.expr)
            return super().operate(op, *other, **options)

    comparator_factory = Comparator


class UtcDateTime(DriverType[datetime]):
    """An aware UTC datetime: 27 characters of text in SQLite, TIMESTAMPTZ in PostgreSQL.

    An aware datetime of any time zone is a valid parameter. A naive one is refused.
    """

    impl = _Time
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """The type of what is read."""
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text everywhere but on PostgreSQL."""
        del dialect
        return _TIME

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """The time in UTC, as the database stores it.

        Raises:
            ValidationError: it is naive, or not a datetime.
        """
        if value is None:
            return None
        try:
            time = as_utc(value, "a time in a statement")
        except ValidationError as problem:
            raise InvalidParameterError(str(problem), value=value) from None
        return time if _has_time_type(dialect) else to_text(time)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The stored time, in UTC.

        Raises:
            CorruptStoreError: the text is not a time.
        """
        return _in_utc(value) if _has_time_type(dialect) else read_time(value)

    def bind_converter(self, dialect: Dialect) -> Convert | None:
        """None, or from a UTC datetime to text."""
        return None if _has_time_type(dialect) else written_time

    def result_converter(self, dialect: Dialect) -> Convert | None:
        """From text, or from a server's time, to a UTC datetime."""
        return _received_time if _has_time_type(dialect) else read_time

    def sent(self, column: Any, dialect: Dialect) -> Any:
        """In binary form from a server, or as it is."""
        return func.timestamptz_send(column) if _has_time_type(dialect) else column


_TIME = Text().with_variant(TIMESTAMP(timezone=True), "postgresql")


def _has_time_type(dialect: Dialect) -> bool:
    return isinstance(_TIME.dialect_impl(dialect), DateTime)


def written_time(moment: datetime | None) -> str | None:
    """A UTC datetime as a database stores it that has no type for times."""
    return None if moment is None else to_text(moment)


def _in_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    # asyncpg returns a naive datetime.max for infinity, which is what it makes of the last moment
    # there is
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _received_time(sent: bytes | datetime | None) -> datetime | None:
    """The time that ``timestamptz_send`` sent: microseconds since the year 2000.

    Raises:
        CorruptStoreError: it is in no year that Python has.
    """
    if sent is None or isinstance(sent, datetime):
        return _in_utc(sent)
    microseconds = int.from_bytes(sent, signed=True)
    if microseconds == _INFINITY:  # asyncpg makes it of the last moment there is
        return _LAST_MOMENT
    try:
        return _SERVER_EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as problem:
        message = "a time in the database is damaged: it is not in the years 1 to 9999"
        raise CorruptStoreError(message) from problem


_SERVER_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INFINITY = 2**63 - 1
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)


# a few times are read again and again: a session's access with each of its variables, a variable's
# creation with its value
@lru_cache(maxsize=1024)
def read_time(text: str | None) -> datetime | None:
    """The time in a cell of a database that has no type for times.

    Raises:
        CorruptStoreError: it is not one that ``process_bind_param`` made.
    """
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


# --- numbers


class Seconds(DriverType[float]):
    """A duration: a float of 64 bits, read back exactly."""

    impl = Double
    cache_ok = True

    @property
    def python_type(self) -> type[float]:
        """The type of what is read."""
        return float

    def result_converter(self, dialect: Dialect) -> Convert | None:
        """None, or from the server's binary form."""
        return _received_float if _has_time_type(dialect) else None

    def sent(self, column: Any, dialect: Dialect) -> Any:
        """In binary form from a server, or as it is."""
        return func.float8send(column) if _has_time_type(dialect) else column


def _received_float(sent: bytes | float | None) -> float | None:
    """The number that ``float8send`` sent."""
    if sent is None or isinstance(sent, float):
        return sent
    [number] = _FLOAT.unpack(sent)
    return float(number)


_FLOAT = Struct(">d")


# --- identifiers


def identifier() -> Text:
    """The type of an id or name: text compared by code point on every database."""
    # "C" compares code points, as SQLite does, whatever the server's locale
    return Text().with_variant(Text(collation="C"), "postgresql")
