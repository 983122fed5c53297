"""What the views compute, as SQL of each database: times, sizes, and keys of JSON documents."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, case, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Double

from snakestore.storage.schema.column_types import UtcDateTime
from snakestore.storage.schema.json_types import JsonText


class present(FunctionElement[Any]):  # noqa: N801 - an SQL function, named as one
    """The time at which the view is read, in the form of the time columns."""

    type = UtcDateTime()
    inherit_cache = True


class seconds_since(FunctionElement[float]):  # noqa: N801 - an SQL function, named as one
    """Seconds, to the millisecond, from a time column to the time at which the view is read."""

    type = Double()
    inherit_cache = True


class seconds_until(FunctionElement[float]):  # noqa: N801 - an SQL function, named as one
    """Seconds, to the millisecond, from the time at which the view is read to a time column."""

    type = Double()
    inherit_cache = True


class StoredJson(JsonText):
    """JSON as the column has it: a view keeps the column's type."""

    cache_ok = True

    def column_expression(self, column: Any) -> Any:
        """The column itself, without the cast to text that a report needs."""
        return column


class expiry(FunctionElement[Any]):  # noqa: N801 - an SQL function, named as one
    """When the session of last_accessed, ttl and expires_at expires."""

    type = UtcDateTime()
    inherit_cache = True


class text_in(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """The value under a key (a literal) of a JSON column, as text; NULL without it."""

    type = Text()
    inherit_cache = True


class size_of(FunctionElement[int]):  # noqa: N801 - an SQL function, named as one
    """The bytes of a text or JSON column."""

    type = BigInteger()
    inherit_cache = True


class duration(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """Seconds as a person reads them: "90 s", "90 min", "47 h", "3 d"."""

    type = Text()
    inherit_cache = True


class time_left(FunctionElement[str]):  # noqa: N801 - an SQL function, named as one
    """Seconds as a duration; "expired" below 0, and a literal where there are none."""

    type = Text()
    inherit_cache = True


def yes_if(condition: ColumnElement[bool]) -> ColumnElement[str]:
    """Whether a condition holds, as "yes" or "no"."""
    return case((condition, literal("yes")), else_=literal("no"))


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, options: Any) -> list[str]:
    return [compiler.process(each, **options) for each in element.clauses]


# --- SQLite


@compiles(present)
def _present_text(_element: present, _compiler: SQLCompiler, **_options: Any) -> str:
    # SQLite's clock shows milliseconds: padded to microseconds it compares as text with what is
    # stored
    return "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"


@compiles(seconds_since)
def _since_by_julian_day(element: seconds_since, compiler: SQLCompiler, **options: Any) -> str:
    [time] = _parts(element, compiler, options)
    return f"round((julianday('now') - julianday({time})) * 86400.0, 3)"


@compiles(seconds_until)
def _until_by_julian_day(element: seconds_until, compiler: SQLCompiler, **options: Any) -> str:
    [time] = _parts(element, compiler, options)
    return f"round((julianday({time}) - julianday('now')) * 86400.0, 3)"


@compiles(expiry)
def _expiry_by_parts(element: expiry, compiler: SQLCompiler, **options: Any) -> str:
    # expires_at may lag behind. SQLite's functions know no microseconds, so these are added apart.
    # A time after the year 9999 is NULL, and recorded as the last there is.
    last_accessed, ttl, recorded = _parts(element, compiler, options)
    microseconds = (
        f"(CAST(substr({last_accessed}, 21, 6) AS INTEGER)"
        f" + CAST(round({ttl} * 1000000) AS INTEGER))"
    )
    return (
        f"coalesce(replace(datetime(substr({last_accessed}, 1, 19),"
        f" ({microseconds} / 1000000) || ' seconds'), ' ', 'T')"
        f" || printf('.%06dZ', {microseconds} % 1000000), {recorded})"
    )


@compiles(text_in)
def _text_by_json_each(element: text_in, compiler: SQLCompiler, **options: Any) -> str:
    # not json_extract: with trusted_schema off, as our engines have it, SQLite lets no view call
    # that
    column, key = _parts(element, compiler, options)
    return (
        f"(SELECT CAST(member.value AS TEXT) FROM json_each({column}) AS member"  # noqa: S608 - a column's name and a literal
        f" WHERE member.key = {key})"
    )


@compiles(size_of)
def _size_of_blob(element: size_of, compiler: SQLCompiler, **options: Any) -> str:
    [column] = _parts(element, compiler, options)
    return f"length(CAST({column} AS BLOB))"  # octet_length is newer than SQLite 3.35


# --- PostgreSQL


@compiles(present, "postgresql")
def _present_server(_element: present, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(seconds_since, "postgresql")
def _since_by_epoch(element: seconds_since, compiler: SQLCompiler, **options: Any) -> str:
    [time] = _parts(element, compiler, options)
    return f"round(extract(epoch FROM clock_timestamp() - ({time})), 3)"


@compiles(seconds_until, "postgresql")
def _until_by_epoch(element: seconds_until, compiler: SQLCompiler, **options: Any) -> str:
    [time] = _parts(element, compiler, options)
    return f"round(extract(epoch FROM ({time}) - clock_timestamp()), 3)"


@compiles(expiry, "postgresql")
def _expiry_computed(element: expiry, compiler: SQLCompiler, **options: Any) -> str:
    # expires_at may lag behind
    last_accessed, ttl, _recorded = _parts(element, compiler, options)
    return f"{last_accessed} + {ttl} * interval '1 second'"


@compiles(text_in, "postgresql")
def _text_by_arrow(element: text_in, compiler: SQLCompiler, **options: Any) -> str:
    column, key = _parts(element, compiler, options)
    # PostgreSQL cannot look into a document that holds a NUL, anywhere in it
    return (
        f"CASE WHEN position(E'\\\\u0000' IN CAST({column} AS TEXT)) = 0 THEN {column} ->>"
        f" {key} END"
    )


@compiles(size_of, "postgresql")
def _size_of_text(element: size_of, compiler: SQLCompiler, **options: Any) -> str:
    [column] = _parts(element, compiler, options)
    return f"octet_length(CAST({column} AS TEXT))"


# --- both


@compiles(duration)
@compiles(time_left)
def _by_integers(element: duration | time_left, compiler: SQLCompiler, **options: Any) -> str:
    seconds, *without_end = _parts(element, compiler, options)
    whole = f"CAST({seconds} AS INTEGER)"
    return f"(SELECT {_duration('s', *without_end)} FROM (SELECT {whole} AS s) AS seconds)"  # noqa: S608 - parts of statements


@compiles(duration, "postgresql")
@compiles(time_left, "postgresql")
def _by_bigints(element: duration | time_left, compiler: SQLCompiler, **options: Any) -> str:
    # Citus refuses the present time in a subquery without a table
    seconds, *without_end = _parts(element, compiler, options)
    return _duration(f"CAST(trunc({seconds}) AS BIGINT)", *without_end)


def _duration(seconds: str, without_end: str | None = None) -> str:
    first = (
        f"WHEN {seconds} < 0 THEN '0 s'"
        if without_end is None
        else f"WHEN {seconds} IS NULL THEN {without_end} WHEN {seconds} < 0 THEN 'expired'"
    )
    return (
        f"CASE {first} WHEN {seconds} < 120 THEN {seconds} || ' s' WHEN {seconds} < 7200 THEN"
        f" ({seconds} / 60) || ' min' WHEN {seconds} < 172800 THEN ({seconds} / 3600) || ' h' ELSE"
        f" ({seconds} / 86400) || ' d' END"
    )
