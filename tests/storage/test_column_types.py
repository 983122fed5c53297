"""Times and JSON as SQLAlchemy takes and gives them, and as the library's own statements do."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Dialect, Text, func, select
from sqlalchemy.dialects import postgresql, sqlite

from snakestore import CorruptStoreError, ValidationError
from snakestore.storage.queries.statement import _converter
from snakestore.storage.schema.column_types import UtcDateTime
from snakestore.storage.schema.json_types import JsonText
from snakestore.storage.schema.tables import SessionRow
from tests.storage.statements import ONLY_WITH_ARRAYS, all_statements

SQLITE, POSTGRESQL = sqlite.dialect(), postgresql.dialect()
DIALECTS = [SQLITE, POSTGRESQL]
TOKYO = timezone(timedelta(hours=9))
MIDNIGHT_IN_TOKYO = datetime(2026, 3, 2, tzinfo=TOKYO)


def bound(value: Any, dialect: Dialect) -> Any:
    return UtcDateTime().process_bind_param(value, dialect)


def test_a_time_of_any_zone_is_bound_in_utc():
    assert bound(MIDNIGHT_IN_TOKYO, SQLITE) == "2026-03-01T15:00:00.000000Z"
    assert bound(MIDNIGHT_IN_TOKYO, POSTGRESQL).isoformat() == "2026-03-01T15:00:00+00:00"
    assert bound(None, SQLITE) is None


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (datetime(2026, 3, 1), "is naive"),  # noqa: DTZ001 - what is refused
        (date(2026, 3, 1), "not date"),
        ("2026-03-01", "not str"),
        (timedelta(hours=1), "not timedelta"),
    ],
)
def test_a_naive_time_and_what_is_no_time_are_refused(dialect, value, reason):
    with pytest.raises(ValidationError, match=reason) as refused:
        bound(value, dialect)

    again = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - its own
    assert str(again) == str(refused.value)


@pytest.mark.parametrize(
    "compute",
    [
        lambda: SessionRow.last_accessed - SessionRow.created_at,
        lambda: SessionRow.created_at + timedelta(hours=1),
        lambda: func.max(SessionRow.created_at) - func.min(SessionRow.created_at),
    ],
)
def test_arithmetic_with_the_text_of_times_is_refused(compute):
    with pytest.raises(ValidationError, match="no arithmetic in SQL"):
        compute()


def test_a_time_that_is_damaged_is_reported():
    with pytest.raises(CorruptStoreError, match="'yesterday' is not of the form"):
        UtcDateTime().process_result_value("yesterday", SQLITE)


def test_json_that_is_damaged_is_reported():
    with pytest.raises(CorruptStoreError, match="a JSON column of the database is damaged"):
        JsonText().process_result_value("{'a'", SQLITE)


def test_a_document_that_is_not_json_is_refused():
    with pytest.raises(ValidationError, match=r"\$\.a\[0\]") as refused:
        JsonText().process_bind_param({"a": [{1}]}, SQLITE)

    assert refused.value.path == "$.a[0]"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_literal_binds_compile(dialect):
    report = select(SessionRow.id).where(
        SessionRow.created_at < MIDNIGHT_IN_TOKYO,
        SessionRow.metadata_ == {"user": "ada"},
        SessionRow.metadata_["user"].as_string() == "ada",
    )

    text = str(report.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    assert "'2026-03-01T15:00:00.000000Z'" in text or "'2026-03-01 15:00:00+00:00'" in text
    assert """'{"user":"ada"}'""" in text


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_exported_columns_are_the_columns_of_every_compiled_statement(dialect):
    statements = {
        each.name: each.expression for each in all_statements() if each.name not in ONLY_WITH_ARRAYS
    }
    assert len(statements) > 80
    for name, built in statements.items():
        compiled: Any = built.compile(dialect=dialect)  # type: ignore[attr-defined]
        returned = [
            _converter(entry[3], dialect, incoming=False) for entry in compiled._result_columns
        ]
        exported = [
            _converter(column.type, dialect, incoming=False)
            for column in built.exported_columns  # type: ignore[attr-defined]
        ]

        assert exported == returned, name


def test_the_short_way_to_the_driver_gives_the_same_times():
    now = datetime.now(UTC)
    for dialect in DIALECTS:
        bind, read = (
            UtcDateTime().bind_converter(dialect) or (lambda value: value),
            UtcDateTime().result_converter(dialect),
        )

        assert bind(now) == bound(now, dialect)
        assert read(bind(now)) == UtcDateTime().process_result_value(bind(now), dialect) == now


def test_a_key_of_a_document_is_text_by_the_arrow_too():
    arrow = SessionRow.metadata_.op("->>")("user")

    assert isinstance(arrow.type, Text)
    assert (
        str(select(arrow).compile(dialect=SQLITE, compile_kwargs={"literal_binds": True}))
        == "SELECT sessions.metadata ->> 'user' AS anon_1 \nFROM sessions"
    )
