"""LogEntry is a frozen value."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import LogEntry, ValidationError


def test_an_entry_is_a_frozen_value(repo, chat):
    entry = repo.read_log(chat, "chat", limit=1)[0]

    assert entry == LogEntry(position=0, value="a", created_at=entry.created_at)
    with pytest.raises(FrozenInstanceError):
        entry.value = "b"
    for same_entry in (copy.copy(entry), copy.deepcopy(entry), replace(entry)):
        assert same_entry == entry
    assert pickle.loads(pickle.dumps(entry)) == entry  # noqa: S301 - its own


@pytest.mark.parametrize(
    "fields",
    [
        {"position": -1},
        {"position": 1.0},
        {"position": True},
        {"created_at": datetime(2030, 1, 1)},  # noqa: DTZ001 - naive
        {"created_at": "2030"},
    ],
    ids=["negative", "float", "bool", "naive", "text"],
)
def test_an_entry_checks_its_position_and_time(fields):
    sound = {"position": 0, "value": None, "created_at": datetime(2030, 1, 1, tzinfo=UTC)}

    with pytest.raises(ValidationError):
        LogEntry(**sound | fields)


def test_the_time_of_an_entry_is_in_utc():
    from zoneinfo import ZoneInfo

    when = datetime(2030, 1, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))

    entry = LogEntry(position=0, value=None, created_at=when)

    assert (entry.created_at, entry.created_at.utcoffset()) == (when, timedelta(0))
