from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snakestore import SessionRepository, StoreReadOnlyError, VariableType, register_type
from snakestore.types import registry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with SessionRepository.open(path, history=3) as repo:
        for sid in ("s", "t"):
            repo.create_session(sid, ttl=100 if sid == "s" else None)
            repo.register_variable(sid, "x", "float", 1.0, id="x-id", constraints={"min": 0})
            for number in range(5):
                repo.update_variable(sid, "x", float(number))
            repo.register_variable(sid, "e", "embedding", [0.5], id="e-id")
            repo.put_program(sid, "p", {})
            repo.append_log(sid, "l", ["a", "b", "c"])
            repo.pop_log(sid, "l")
            for number in range(5):
                repo.put_program(sid, "q", number)
    return path


@pytest.fixture
def damage(path: Path) -> Callable[..., None]:
    def run(*statements: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for statement in statements:
                connection.executescript(statement)

    return run


def kinds(path: Path, **options: Any) -> list[tuple[str, str]]:
    with SessionRepository.open(path) as repo:
        report = repo.check(**options)
    assert report.ok == (report.problem_count == report.repaired)
    return [(problem.kind, problem.where) for problem in report.problems]


X = "variable 'x-id' of session 's'"
DAMAGE: dict[str, tuple[str, tuple[str, str]]] = {
    "a count of variables": (
        "UPDATE sessions SET variable_count = 7 WHERE id = 's'",
        ("stats", "session 's'"),
    ),
    "a count of programs": (
        "UPDATE sessions SET program_count = 0 WHERE id = 's'",
        ("stats", "session 's'"),
    ),
    "fewer updates than values": (
        "UPDATE sessions SET total_variable_updates = 4 WHERE id = 's'",
        ("stats", "session 's'"),
    ),
    "a count that is text": (
        "UPDATE sessions SET variable_count = 'many' WHERE id = 's'",
        ("stats", "session 's'"),
    ),
    "a value": (
        "UPDATE variables SET value = '{oops' WHERE id = 'x-id' AND session_id = 's'",
        ("variable", X),
    ),
    "a value of another type": (
        "UPDATE variables SET value = '\"x\"' WHERE id = 'x-id' AND session_id = 's'",
        ("variable", X),
    ),
    "a value beyond its constraints": (
        "UPDATE variables SET value = '-1.0' WHERE id = 'x-id' AND session_id = 's'",
        ("constraint", X),
    ),
    "constraints that are unsound": (
        (
            "UPDATE variables SET constraints = '{\"max\": \"a\"}' WHERE id = 'x-id' AND session_id"
            " = 's'"
        ),
        ("constraint", X),
    ),
    "metadata": (
        "UPDATE variables SET metadata = '[1]' WHERE id = 'x-id' AND session_id = 's'",
        ("variable", X),
    ),
    "a time": (
        "UPDATE variables SET created_at = 'once' WHERE id = 'x-id' AND session_id = 's'",
        ("variable", X),
    ),
    "an array": (
        "UPDATE variables SET value_blob = x'00' WHERE id = 'e-id' AND session_id = 's'",
        ("variable", "variable 'e-id' of session 's'"),
    ),
    "text that is none": (
        (
            "UPDATE variables SET value = CAST(x'22ff22' AS TEXT) WHERE id = 'x-id' AND session_id"
            " = 's'"
        ),
        ("variable", X),
    ),
    "a version before its history": (
        "UPDATE variables SET version = 3 WHERE id = 'x-id' AND session_id = 's'",
        ("history", X),
    ),
    "more history than the limit": (
        (
            "DELETE FROM program_versions WHERE session_id = 's';"
            " UPDATE sessions SET history_limit = 2 WHERE id = 's'"
        ),
        ("history", X),
    ),
    "more history of programs than the limit": (
        (
            "DELETE FROM variable_versions WHERE session_id = 's';"
            " UPDATE sessions SET history_limit = 2 WHERE id = 's'"
        ),
        ("history", "program 'q' of session 's'"),
    ),
    "a past value": (
        "UPDATE variable_versions SET value = 'x' WHERE session_id = 's' AND version = 4",
        ("history", "variable 'x-id' at version 4 of session 's'"),
    ),
    "a name that is too long": (
        f"UPDATE variables SET name = '{'x' * 256}' WHERE id = 'x-id' AND session_id = 's'",
        ("name", X),
    ),
    "an id that is another's name": (
        "UPDATE variables SET name = 'e-id' WHERE id = 'x-id' AND session_id = 's'",
        ("name", "variable 'e-id' of session 's'"),
    ),
    "a program": (
        "UPDATE programs SET program = 'x' WHERE session_id = 's' AND id = 'p'",
        ("program", "program 'p' of session 's'"),
    ),
    "a program's metadata": (
        "UPDATE programs SET metadata = '[]' WHERE session_id = 's' AND id = 'p'",
        ("program", "program 'p' of session 's'"),
    ),
    "a program's version before its history": (
        "UPDATE programs SET version = 3 WHERE session_id = 's' AND id = 'q'",
        ("history", "program 'q' of session 's'"),
    ),
    "a past program": (
        "UPDATE program_versions SET program = 'x' WHERE session_id = 's' AND version = 2",
        ("history", "program 'q' at version 2 of session 's'"),
    ),
    "a past program's metadata": (
        "UPDATE program_versions SET metadata = 'x' WHERE session_id = 's' AND version = 2",
        ("history", "program 'q' at version 2 of session 's'"),
    ),
    "the length of a log": (
        "UPDATE logs SET length = 3 WHERE session_id = 's'",
        ("stats", "log 'l' of session 's'"),
    ),
    "a next position that was given before": (
        "UPDATE logs SET length = 1, next_position = 1 WHERE session_id = 's'",
        ("stats", "log 'l' of session 's'"),
    ),
    "a time of a log": (
        "UPDATE logs SET last_updated_at = 'once' WHERE session_id = 's'",
        ("log", "log 'l' of session 's'"),
    ),
    "an entry": (
        "UPDATE log_entries SET entry = '{oops' WHERE session_id = 's' AND position = 1",
        ("log", "entry 1 of log 'l' of session 's'"),
    ),
    "a time of an entry": (
        "UPDATE log_entries SET created_at = 'once' WHERE session_id = 's' AND position = 0",
        ("log", "entry 0 of log 'l' of session 's'"),
    ),
    "an expiry": (
        "UPDATE sessions SET expires_at = '2999-01-01T00:00:00.000000Z' WHERE id = 's'",
        ("session", "session 's'"),
    ),
    "a ttl": ("UPDATE sessions SET ttl = 'long' WHERE id = 's'", ("session", "session 's'")),
    "a missing index": ("DROP INDEX ix_sessions_expires_at", ("schema", "ix_sessions_expires_at")),
    "a missing view": ("DROP VIEW session_overview", ("schema", "session_overview")),
    "a key of the wrong kind": (
        "UPDATE programs SET id = x'01' WHERE session_id = 's' AND id = 'p'",
        ("key", "programs"),
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_check_reports_damage_and_where_it_is_and_nothing_else(path, damage, what):
    statement, problem = DAMAGE[what]
    assert kinds(path) == []

    damage(statement)

    found = kinds(path)
    assert problem in found
    # SQLite itself may tell of the same: a CHECK that is broken
    assert {each for each in found if each[0] != "integrity"} == {problem}


def test_rows_without_a_parent_are_reported(path, damage):
    damage(
        "PRAGMA foreign_keys = OFF",
        "DELETE FROM variables WHERE session_id = 's' AND id = 'x-id'",
        "UPDATE sessions SET variable_count = 1 WHERE id = 's'",
    )

    assert set(kinds(path)) == {("foreign key", "variable_versions")}


def test_repair_mends_the_counts_and_nothing_else(path, damage):
    damage(
        "UPDATE sessions SET variable_count = 'many', program_count = -3, total_variable_updates ="
        " 0 WHERE id = 's'",
        "UPDATE variables SET value = '-1.0' WHERE id = 'x-id' AND session_id = 's'",
    )
    with SessionRepository.open(path) as repo:
        before = repo.get_variable("s", "x")

        mended = repo.check(repair=True)
        after = repo.check()

        assert (mended.ok, mended.repaired) == (False, 1)
        assert [problem.kind for problem in after.problems] == ["constraint"]
        assert repo.get_variable("s", "x") == before
        stats = repo.get_stats("s")
        assert (stats.variable_count, stats.program_count, stats.total_variable_updates) == (
            2,
            2,
            5,
        )


@pytest.mark.parametrize(
    ("damaged", "mended"),
    [
        ("length = 7, next_position = 9", (2, 9)),
        ("length = 1, next_position = 1", (2, 2)),
        ("length = -1, next_position = -1", (2, 2)),
        ("length = 'many', next_position = 'more'", (2, 2)),
    ],
)
def test_repair_mends_the_length_and_next_position_of_a_log(path, damage, damaged, mended):
    damage(f"UPDATE logs SET {damaged} WHERE session_id = 's'")
    with SessionRepository.open(path) as repo:
        entries = [each.position for each in repo.read_log("t", "l")]

        report = repo.check(repair=True)

        assert (report.repaired, repo.check().problems) == (1, [])
        assert (repo.log_length("s", "l"), entries) == (mended[0], [0, 1])
        repo.append_log("s", "l", ["next"])
        assert [each.position for each in repo.read_log("s", "l", last=1)] == [mended[1]]


def test_a_store_whose_counts_were_all_that_was_wrong_is_well_again(path, damage):
    damage("UPDATE sessions SET variable_count = 9")

    with SessionRepository.open(path) as repo:
        assert not repo.check().ok
        report = repo.check(repair=True)
        assert (report.ok, report.repaired, report.problem_count) == (True, 2, 2)
        assert repo.check().problems == []


def test_a_store_that_may_only_be_read_is_checked_and_not_mended(path, damage):
    damage("UPDATE sessions SET variable_count = 9")

    with SessionRepository.open(f"file:{path}?mode=ro") as repo:
        assert [problem.kind for problem in repo.check().problems] == ["stats", "stats"]
        with pytest.raises(StoreReadOnlyError):
            repo.check(repair=True)


def test_a_type_that_is_not_registered_is_a_note_and_the_rest_of_its_variable_is_checked(
    path, damage
):
    class Passing(VariableType):
        name = "passing"

    register_type(Passing)
    try:
        with SessionRepository.open(path) as repo:
            repo.register_variable("s", "own", "passing", 1, id="own-id")
            repo.update_variable("s", "own", 2)
            repo.check()
    finally:
        registry._types = {
            name: each for name, each in registry._types.items() if name != "passing"
        }

    with SessionRepository.open(path) as repo:
        report = repo.check()
        damage("UPDATE variables SET metadata = '5' WHERE id = 'own-id'")
        worse = repo.check()

    assert (report.ok, [note.kind for note in report.notes]) == (True, ["type", "type"])
    assert [(problem.kind, problem.where) for problem in worse.problems] == [
        ("variable", "variable 'own-id' of session 's'")
    ]


def test_more_problems_than_anyone_reads_are_counted_and_not_all_kept(path, monkeypatch):
    monkeypatch.setattr("snakestore.repository.store.check_rows.MAX_FINDINGS", 3)
    with SessionRepository.open(path) as repo:
        for number in range(20):
            repo.put_program("s", f"n{number}", number)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE programs SET program = 'x' WHERE id LIKE 'n%'")

        report = repo.check()

    assert (report.problem_count, len(report.problems)) == (20, 3)
