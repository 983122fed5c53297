"""Damaged sessions, programs, logs and tables: errors that name the row, and a way to go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from snakestore import CorruptStoreError, SessionRepository, StoreError
from tests.contract.damage.contents import NO_JSON, NO_OBJECT, NO_TIME

DAMAGED_SESSIONS = [
    *[("metadata", content) for content in [*NO_JSON, *NO_OBJECT]],
    *[("created_at", content) for content in NO_TIME],
    *[("last_accessed", content) for content in NO_TIME],
    ("ttl", "long"),
    ("variable_count", "many"),
]


@pytest.mark.parametrize(("column", "content"), DAMAGED_SESSIONS)
def test_a_damaged_session_is_reported_and_may_be_deleted(repo, damage, column, content):
    damage(f"UPDATE sessions SET {column} = ? WHERE id = 's'", content)

    with pytest.raises(CorruptStoreError) as caught:
        repo.get_session("s")
    assert "'s'" in str(caught.value)
    assert f" {column}" in str(caught.value)

    assert repo.delete_session("s") is True
    assert repo.list_sessions() == []


@pytest.mark.parametrize(("column", "content"), [*DAMAGED_SESSIONS, ("ttl", -1.0), ("ttl", 9e999)])
def test_listing_omits_a_damaged_session_and_logs_it(repo, damage, caplog, column, content):
    repo.create_session("a")
    repo.create_session("z")
    damage(f"UPDATE sessions SET {column} = ? WHERE id = 's'", content)

    for listed in (repo.list_sessions(), repo.list_sessions(limit=2, include_expired=True)):
        assert [session.id for session in listed] == ["a", "z"]

    assert {record.name for record in caplog.records} == {"snakestore.sessions"}
    assert {record.getMessage() for record in caplog.records} == {
        "omitted the session 's', which is damaged: see check()"
    }
    assert any("'s'" in problem.where for problem in repo.check().problems)
    caplog.clear()
    assert [session.id for session in repo.list_sessions("a*")] == ["a"]
    assert caplog.records == []


@pytest.mark.parametrize("column", ["last_accessed", "ttl", "last_worker_id", "metadata"])
def test_text_that_is_not_utf_8_keeps_no_other_session_from_a_list_or_a_sweep(repo, damage, column):
    for name in ("a", "b", "c"):
        repo.create_session(name, ttl=1)
        damage(
            "UPDATE sessions SET last_accessed = '2020-01-01T00:00:00.000000Z',"
            " expires_at = '2020-01-01T00:00:01.000000Z' WHERE id = ?",
            name,
        )
    damage(f"UPDATE sessions SET {column} = CAST(x'ff' AS TEXT) WHERE id = 'a'")

    assert [session.id for session in repo.list_expired()] == ["b", "c"]
    assert [session.id for session in repo.list_sessions(include_expired=True)] == ["b", "c", "s"]
    assert repo.delete_expired() == (2 if column in {"last_accessed", "ttl"} else 3)
    assert repo.get_session("s").metadata == {"a": 1}


DAMAGED_TIMES = [
    *[("last_accessed", content) for content in NO_TIME],
    *[("ttl", content) for content in ["long", -1.0, 0.0, 9e999, b"\x00", ""]],
]


@pytest.mark.parametrize(("column", "content"), DAMAGED_TIMES)
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_a_sweep_passes_damaged_sessions_and_logs_them(
    repo, damage, caplog, column, content, batch_size
):
    for name in ("a", "b", "c", "d", "e"):
        repo.create_session(name, ttl=1)
        damage(
            "UPDATE sessions SET last_accessed = '2020-01-01T00:00:00.000000Z',"
            " expires_at = '2020-01-01T00:00:01.000000Z' WHERE id = ?",
            name,
        )
    for name in ("a", "b", "d"):
        damage(f"UPDATE sessions SET {column} = ? WHERE id = ?", content, name)

    assert [session.id for session in repo.list_expired()] == ["c", "e"]
    assert [session.id for session in repo.list_expired(1)] == ["c"]
    assert repo.delete_expired(1, batch_size=batch_size) == 1
    caplog.clear()
    assert repo.delete_expired(batch_size=batch_size) == 1
    assert repo.delete_expired(batch_size=batch_size) == 0

    assert [session.id for session in repo.list_sessions(include_expired=True)] == ["s"]
    found = [record.getMessage() for record in caplog.records if record.name == "snakestore.sweep"]
    assert found[:3] == [
        f"did not delete the session '{name}', which is damaged: see check()" for name in "abd"
    ]
    problems = repo.check().problems
    assert [any(f"'{name}'" in each.where for each in problems) for name in "abd"] == [True] * 3
    assert repo.delete_session("a") is True


def test_a_sweep_logs_what_it_deleted(repo, damage, caplog):
    caplog.set_level("INFO", "snakestore.sweep")
    damage(
        "UPDATE sessions SET ttl = 1.0, last_accessed = '2020-01-01T00:00:00.000000Z',"
        " expires_at = '2020-01-01T00:00:01.000000Z' WHERE id = 's'"
    )

    repo.delete_expired()

    assert [record.getMessage() for record in caplog.records] == ["deleted 1 expired sessions"]


@pytest.mark.parametrize("content", NO_JSON)
def test_a_damaged_program_is_reported_and_may_be_deleted(repo, damage, content):
    damage("UPDATE programs SET program = ?", content)

    for read in (
        lambda: repo.get_program("s", "program"),
        lambda: repo.list_programs("s"),
        lambda: repo.get_programs("s"),
    ):
        with pytest.raises(CorruptStoreError) as caught:
            read()
        assert "program" in str(caught.value)

    assert repo.program_ids("s") == ["program"]
    assert repo.has_program("s", "program")
    assert repo.delete_program("s", "program") is True


@pytest.mark.parametrize("content", NO_JSON)
def test_a_damaged_entry_is_reported_and_the_others_are_read(repo, damage, content):
    damage("UPDATE log_entries SET entry = ? WHERE position = 1", content)

    for read in (lambda: repo.read_log("s", "log"), lambda: list(repo.log("s", "log"))):
        with pytest.raises(CorruptStoreError) as caught:
            read()
        assert "log" in str(caught.value)

    assert [entry.value for entry in repo.read_log("s", "log", last=1)] == ["three"]
    assert repo.append_log("s", "log", ["four"]) == 4
    assert repo.trim_log("s", "log", before=2) == 2
    assert list(repo.log("s", "log")) == ["three", "four"]


@pytest.mark.parametrize("content", NO_TIME)
def test_a_damaged_time_of_an_entry_is_reported(repo, damage, content):
    damage("UPDATE log_entries SET created_at = ? WHERE position = 2", content)

    for read in (
        lambda: repo.read_log("s", "log", last=1),
        lambda: repo.pop_log("s", "log"),
    ):
        with pytest.raises(CorruptStoreError):
            read()
    assert [entry.value for entry in repo.read_log("s", "log", limit=2)] == ["one", "two"]


@pytest.mark.parametrize("position", ["'third'", "x'00'", "2.5"])
def test_a_damaged_position_is_reported_by_check(repo, damage, position):
    damage(f"UPDATE log_entries SET position = {position} WHERE position = 2")

    report = repo.check(repair=True)

    assert [finding.kind for finding in report.problems] == ["key"]
    assert repo.log_length("s", "log") == 3


@pytest.mark.parametrize(
    "damaged", ["length = 'many'", "length = -1", "next_position = 2", "next_position = x'00'"]
)
def test_a_log_whose_counts_are_damaged_is_reported_and_may_be_repaired_or_deleted(
    repo, damage, damaged
):
    damage(f"UPDATE logs SET {damaged}")

    for call in (
        lambda: repo.log_length("s", "log"),
        lambda: repo.append_log("s", "log", ["four"]),
        lambda: repo.trim_log("s", "log", keep_last=0),
    ):
        with pytest.raises(CorruptStoreError, match="repair=True"):
            call()

    assert (repo.has_log("s", "log"), repo.list_logs("s")) == (True, ["log"])
    assert repo.check(repair=True).repaired == 1
    assert repo.append_log("s", "log", ["four"]) == 4
    assert repo.delete_log("s", "log") is True


@pytest.mark.parametrize(
    "table", ["variables", "sessions", "programs", "variable_versions", "logs"]
)
def test_a_dropped_table_is_an_error_of_snakestore(repo, path, table):
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("PRAGMA foreign_keys = OFF")
        file.execute(f"ALTER TABLE {table} RENAME TO somewhere_else")

    def read():
        return (
            repo.variable_history("s", "number"),
            repo.get_programs("s"),
            repo.list_logs("s"),
        )

    with pytest.raises(StoreError):
        read()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE variables SET metadata = '{' WHERE name = 'number'",
        "UPDATE variables SET value = 'text' WHERE name = 'number'",
        "UPDATE sessions SET last_accessed = 'yesterday' WHERE id = 's'",
        "UPDATE programs SET program = '{'",
        "UPDATE programs SET metadata = '[1]'",
        "UPDATE sessions SET ttl = -1.0 WHERE id = 's'",
        "UPDATE variables SET constraints = '[]' WHERE name = 'number'",
        # above the constraint max, and not above the version of its history
        "UPDATE variables SET value = '11' WHERE name = 'number'",
        "UPDATE variables SET version = 0 WHERE name = 'number'",
        "UPDATE variables SET name = '' WHERE name = 'number'",
        # not below the next position
        "UPDATE log_entries SET position = 50 WHERE position = 2",
    ],
)
def test_an_export_omits_a_damaged_session_and_logs_it(repo, damage, caplog, statement):
    repo.create_session("t")
    damage(statement)

    with caplog.at_level("WARNING", "snakestore"):
        records = list(repo.export_sessions())

    assert [record["id"] for record in records if record["kind"] == "session"] == ["t"]
    assert "'s'" in caplog.text
    with SessionRepository.open("sqlite://") as target:
        assert target.import_sessions(records).imported == 1
