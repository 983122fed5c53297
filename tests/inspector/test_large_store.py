"""A store of 100,000 sessions: every page of the inspector is answered, and lists are quick."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import pytest

from snakestore import upgrade
from snakestore.inspector.questions import QUESTIONS
from snakestore.storage.schema.revisions import VIEW_NAMES
from tests.inspector.conftest import UNCLOSED

pytestmark = [pytest.mark.slow, UNCLOSED]

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")

SESSIONS = 100_000
QUICK = 1.0
"""Seconds for a page that reads a range of an index, on a machine with other work."""
LISTS = [
    "/sessions",
    "/sessions?prefix=s09",
    "/sessions?after=s050000",
    "/session?id=s050000",
    "/variable?session=s050000&name=temperature",
    "/log?session=s050000&name=talk",
    "/store/lease_overview",
    "/store/variable_overview?session_id__exact=s050000",
    "/store/variable_history_overview?session_id__exact=s050000&_sort_desc=written_at",
]
OTHERS = [
    "/",
    "/store",
    *(f"/store/{view}" for view in VIEW_NAMES),
    *(f"/store/{question.name}" for question in QUESTIONS),
    "/chart?kind=updates",
    "/chart?kind=sessions",
]


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Ids, with the times of creation and last use."""
    now = datetime.now(UTC)
    for number in range(SESSIONS):
        created = now - timedelta(seconds=number * 20 + 60)
        used = now - timedelta(seconds=number * 10)
        yield (
            f"s{number:06}",
            f"{created:%Y-%m-%dT%H:%M:%S.%f}Z",
            f"{used:%Y-%m-%dT%H:%M:%S.%f}Z",
            "tuner" if number % 1000 == 0 else "",
        )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.db"
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TEMP TABLE made (id, created, used, holder)")
        connection.executemany("INSERT INTO made VALUES (?, ?, ?, ?)", rows())
        connection.execute(
            "INSERT INTO sessions (id, metadata, created_at, last_accessed, variable_count,"
            " program_count, total_variable_updates, history_limit)"
            " SELECT id, '{}', created, used, 2, 0, 3, 100 FROM made"
        )
        for name, holder in [("temperature", "NULL"), ("prompt", "nullif(holder, '')")]:
            connection.execute(
                "INSERT INTO variables (session_id, id, name, type, value, constraints, metadata,"
                " version, created_at, last_updated_at, access_rules, optimizer_id)"
                f" SELECT id, 'id of {name}', '{name}', 'float', '0.5', '{{}}', '{{}}', 1, created,"
                f" used, '[]', {holder} FROM made"
            )
        connection.execute(
            "INSERT INTO variable_versions (session_id, variable_id, version, type, value,"
            " metadata, created_at)"
            " SELECT id, 'id of temperature', 0, 'float', '0.4', '{}', created FROM made"
        )
        connection.execute("INSERT INTO logs SELECT id, 'talk', 1, 1, created, used FROM made")
        connection.execute("INSERT INTO log_entries SELECT id, 'talk', 0, '\"hi\"', used FROM made")
    return path


def test_lists_are_quick_and_every_page_is_answered(browse, large):
    pytest.importorskip("vl_convert", reason="the extra `inspect` is not installed")
    browser = browse(large)
    slow = {}
    for address in LISTS:
        taken = []
        for _ in range(3):
            started = perf_counter()
            browser.text(address)
            taken.append(perf_counter() - started)
        if min(taken) > QUICK:
            slow[address] = taken

    assert slow == {}
    for address in OTHERS:  # a query that takes too long is ended, and answered with 400
        browser.text(address)
