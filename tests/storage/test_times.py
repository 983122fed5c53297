"""Times as drivers give them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import postgresql

from snakestore.clock import from_text, to_text
from snakestore.storage.schema.column_types import UtcDateTime

READ = UtcDateTime().result_converter(postgresql.dialect())


@pytest.fixture
def far_from_greenwich(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("end", [datetime.min, datetime.max])  # noqa: DTZ901 - as drivers do
@pytest.mark.usefixtures("far_from_greenwich")
def test_the_infinity_of_a_driver_is_the_last_moment_there_is_wherever_the_machine_stands(end):
    assert READ(end) == end.replace(tzinfo=UTC)


def test_a_time_in_the_servers_zone_is_read_as_utc():
    there = datetime(2026, 3, 1, 9, 0, tzinfo=timezone(timedelta(hours=9)))

    assert READ(there).isoformat() == "2026-03-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (datetime.min, "0001-01-01T00:00:00.000000Z"),  # noqa: DTZ901 - the least time
        (datetime(987, 6, 5, 4, 3, 2, 1), "0987-06-05T04:03:02.000001Z"),  # noqa: DTZ001 - likewise
        (datetime(2026, 3, 1, 9, 0), "2026-03-01T09:00:00.000000Z"),  # noqa: DTZ001 - likewise
        (datetime.max, "9999-12-31T23:59:59.999999Z"),  # noqa: DTZ901 - the last time
    ],
)
def test_a_time_is_a_text_of_27_characters_that_is_read_as_the_same_time(when, text):
    when = when.replace(tzinfo=UTC)

    assert to_text(when) == text
    assert from_text(text) == when
