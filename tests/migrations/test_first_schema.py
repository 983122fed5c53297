from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository
from snakestore.storage.migrate.opening import open_database
from snakestore.storage.migrate.upgrade import current, downgrade, upgrade
from tests.migrations.make_first_schema import PROGRAMS, SESSIONS, VARIABLES

HISTORY = [
    (
        "agent-1",
        "v-1",
        1,
        "float",
        "0.5",
        None,
        '{"source": "python"}',
        "2025-03-01T08:10:00.000000Z",
    ),
    (
        "agent-1",
        "v-1",
        2,
        "float",
        "0.6",
        None,
        '{"source": "python"}',
        "2025-03-01T08:20:00.000000Z",
    ),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of the first schema, as it was written then."""
    copy = tmp_path / "s.db"
    shutil.copy(Path(__file__).with_name("first_schema.db"), copy)
    return copy


@pytest.fixture
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table with its rows."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
        ]
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names
        }


def definitions(path: Path) -> set[tuple[str, str | None]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master"))


def test_the_stored_file_is_of_the_first_schema_and_full(path: Path) -> None:
    found = contents(path)

    assert current(path) == "0001"
    assert (len(found["sessions"]), len(found["variables"]), len(found["programs"])) == (
        len(SESSIONS),
        len(VARIABLES),
        len(PROGRAMS),
    )


@pytest.mark.parametrize("revision", ["0001", "head"])
def test_the_stored_file_has_the_very_definitions_of_a_fresh_one(
    path: Path, tmp_path: Path, revision: str
) -> None:
    upgrade(path, revision)
    upgrade(tmp_path / "fresh.db", revision)

    assert definitions(path) == definitions(tmp_path / "fresh.db")


def test_what_was_stored_then_is_sound_and_read_now(path: Path) -> None:
    with SessionRepository.open(path) as repo:
        report = repo.check()
        vector = repo.get_value("agent-1", "vector")

    assert (report.ok, report.problems) == (True, [])
    assert [number.hex() for number in vector] == [(1.0).hex(), (-0.0).hex(), (2.5).hex()]


def test_an_upgrade_keeps_rows_and_gives_limits_to_sessions_and_version_0_to_programs(
    path: Path,
) -> None:
    before = contents(path)

    open_database(path).close()

    after = contents(path)
    assert after["sessions"] == [(*row, 100) for row in before["sessions"]]
    assert after["variables"] == before["variables"]
    assert after["programs"] == [(*row, None, 0) for row in before["programs"]]
    assert after["variable_versions"] == after["program_versions"] == []


def test_an_upgrade_leaves_a_sound_file_whose_guards_hold(
    path: Path, opened: sqlite3.Connection
) -> None:
    upgrade(path)

    assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert opened.execute("PRAGMA foreign_key_check").fetchall() == []
    for refused in (
        "UPDATE sessions SET ttl = -1",
        "UPDATE sessions SET variable_count = -1",
        "UPDATE sessions SET history_limit = -1",
        "UPDATE variables SET value = NULL, value_blob = NULL",
        "UPDATE variables SET name = 'temperature' WHERE id = 'v-2'",
        "UPDATE variables SET optimizer_id = NULL WHERE id = 'v-2'",
        (
            "INSERT INTO variable_versions VALUES ('agent-1', 'no such', 0, 'float', '1', NULL,"
            " '{}', '')"
        ),
    ):
        with pytest.raises(sqlite3.IntegrityError):
            opened.execute(refused)
    plan = opened.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM sessions WHERE expires_at < '2026'"
    ).fetchall()
    assert "ix_sessions_expires_at" in str(plan)


def test_no_default_remains_for_the_limit_of_a_new_session(
    path: Path, opened: sqlite3.Connection
) -> None:
    upgrade(path)
    columns = {row[1]: row[4] for row in opened.execute("PRAGMA table_info(sessions)")}

    assert columns["history_limit"] is None


def test_a_downgrade_loses_the_history_alone(path: Path, opened: sqlite3.Connection) -> None:
    before, defined = contents(path), definitions(path)
    upgrade(path)
    opened.executemany("INSERT INTO variable_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", HISTORY)

    downgrade(path, "0001")

    assert contents(path) == before
    assert definitions(path) == defined
    assert opened.execute("PRAGMA foreign_key_check").fetchall() == []


def test_history_goes_with_its_variable_and_session(path: Path, opened: sqlite3.Connection) -> None:
    upgrade(path)
    opened.executemany("INSERT INTO variable_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", HISTORY)

    opened.execute("DELETE FROM sessions WHERE id = 'agent-1'")

    assert {name: len(rows) for name, rows in contents(path).items()} == {
        "sessions": 2, "variables": 1, "variable_versions": 0, "programs": 1,
        "program_versions": 0, "logs": 0, "log_entries": 0,
        "snakestore_alembic_version": 1,
    }  # fmt: skip


def test_a_downgrade_to_base_leaves_what_is_the_users(
    path: Path, opened: sqlite3.Connection
) -> None:
    upgrade(path)
    opened.execute("CREATE TABLE cats (name)")
    opened.execute("INSERT INTO cats VALUES ('Tom')")

    downgrade(path, "base")

    assert contents(path) == {"cats": [("Tom",)], "snakestore_alembic_version": []}
    assert current(path) is None


def test_there_and_back_again_and_there(path: Path) -> None:
    upgrade(path)
    once = contents(path)
    downgrade(path, "0001")
    upgrade(path)

    assert contents(path) == once
