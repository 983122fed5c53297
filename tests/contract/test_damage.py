"""A file that was damaged by hand: errors that name the row, and a way to go on."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from snakestore import CorruptStoreError, SessionRepository, StoreError, UnknownTypeError


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """A file with a session ``s``: a variable of each form of storage, a program, and ``fine``."""
    path = tmp_path_factory.mktemp("healthy") / "store.db"
    with SessionRepository.open(path) as repo:
        repo.create_session("s", ttl=None, metadata={"a": 1})
        repo.register_variable("s", "number", "integer", 1, id="id-number", constraints={"max": 10})
        repo.update_variable("s", "number", 2)
        repo.register_variable("s", "array", "embedding", [0.5, 1.0], id="id-array")
        repo.register_variable("s", "fine", "integer", 7)
        repo.put_program("s", "program", {"steps": []})
        repo.append_log("s", "log", ["one", "two", "three"])
    return path


@pytest.fixture
def path(healthy, tmp_path):
    """A copy of it."""
    return Path(shutil.copy(healthy, tmp_path))


@pytest.fixture
def damage(path):
    """Runs statements on the file, past the checks that guard it."""

    def run(statement, *values):
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("PRAGMA ignore_check_constraints = ON")
            assert file.execute(statement, values).rowcount == 1

    return run


@pytest.fixture
def repo(path):
    with SessionRepository.open(path) as repo:
        yield repo


NO_JSON = ["{oops", "", "[1, 2", "NaN,", b"\xff\xfe"]
NO_OBJECT = ["[1]", "5", "null", '"text"']
NO_TIME = [
    "yesterday",
    "",
    "2021-01-01T00:00:00",
    5,
    b"\xff",
    "2021-13-45T00:00:00.000000Z",
    "2021-01-01T24:00:00.000000Z",
    "2021-W01-1T00:00:00.000000Z",
    "2021-01-01T00:00:00.000000+00:00",
    "2021-01-01T05:30:00.000000+05:30",
    "2021-01-01 00:00:00.000000Z",
    "2021-01-01T00:00:00.000000z",
    "2021-01-01T00:00:00.000000Z ",
]
DAMAGED = [
    *[
        ("number", "value", content)
        for content in [*NO_JSON, '"text"', "null", "1.5", "[1]", "true"]
    ],
    *[("number", "metadata", content) for content in [*NO_JSON, *NO_OBJECT]],
    *[("number", "constraints", content) for content in [*NO_JSON, *NO_OBJECT]],
    *[("number", "access_rules", content) for content in [*NO_JSON, "5", "null", '"text"']],
    *[("number", "version", content) for content in [-1, "one", 1.5]],
    ("number", "value", None),
    ("number", "type", "embedding"),
    ("number", "type", "boolean"),
    ("number", "type", "bytes"),
    *[("array", "value_blob", content) for content in [None, b"", b"\x00", b"\xff" * 30, "text"]],
    ("array", "type", "integer"),
    ("array", "type", "json"),
    *[
        ("number", column, content)
        for column in ("created_at", "last_updated_at")
        for content in NO_TIME
    ],
]


@pytest.mark.parametrize(("name", "column", "content"), DAMAGED)
def test_reading_a_damaged_variable_names_the_row_and_the_column(
    repo, damage, name, column, content
):
    damage(f"UPDATE variables SET {column} = ? WHERE name = ?", content, name)

    for read in (
        lambda: repo.get_variable("s", name),
        lambda: repo.list_variables("s"),
        lambda: repo.get_variables("s", [name, "fine"]),
    ):
        with pytest.raises(CorruptStoreError) as caught:
            read()
        assert f"id-{name}" in str(caught.value) or repr(name) in str(caught.value)
        assert "'s'" in str(caught.value)
        assert f" {column}" in str(caught.value) or column == "type"  # then it is the value


@pytest.mark.parametrize(("name", "column", "content"), DAMAGED)
def test_what_does_not_need_the_damage_still_works(repo, damage, name, column, content):
    damage(f"UPDATE variables SET {column} = ? WHERE name = ?", content, name)

    assert repo.variable_names("s") == ["array", "fine", "number"]
    assert repo.has_variable("s", name)
    assert repo.get_value("s", "fine") == 7
    assert repo.update_variable("s", "fine", 8).value == 8
    assert repo.get_stats("s").variable_count == 3
    assert repo.delete_variable("s", name) is True
    assert [variable.name for variable in repo.list_variables("s")] == [
        other for other in ("number", "array", "fine") if other != name
    ]
    assert repo.delete_session("s") is True


@pytest.mark.parametrize(
    ("name", "column", "content"),
    [*DAMAGED, ("number", "type", "no such type"), ("array", "type", "no such type")],
)
def test_a_view_deletes_what_is_damaged(repo, damage, name, column, content):
    damage(f"UPDATE variables SET {column} = ? WHERE name = ?", content, name)
    view = repo.session("s")

    del view[name]

    assert name not in view
    assert len(view) == 2
    assert view["fine"] == 7


@pytest.mark.parametrize("name", ["number", "array"])
def test_an_unregistered_type_is_reported_with_its_variable(repo, damage, name):
    damage("UPDATE variables SET type = 'no such type' WHERE name = ?", name)

    for read in (
        lambda: repo.get_variable("s", name),
        lambda: repo.get_value("s", f"id-{name}"),
        lambda: repo.list_variables("s"),
    ):
        with pytest.raises(UnknownTypeError) as caught:
            read()
        assert caught.value.type == "no such type"
        assert f"id-{name}" in str(caught.value) or repr(name) in str(caught.value)

    assert repo.variable_names("s") == ["array", "fine", "number"]
    assert repo.has_variable("s", name)
    assert repo.get_value("s", "fine") == 7
    assert repo.delete_variable("s", name) is True
    assert len(repo.list_variables("s")) == 2


@pytest.mark.parametrize("content", [*NO_JSON, '"text"', None])
def test_a_damaged_variable_is_not_changed_by_a_write_that_cannot_read_it(
    repo, damage, content, path
):
    damage("UPDATE variables SET value = ? WHERE name = 'number'", content)

    with pytest.raises(CorruptStoreError):
        repo.modify_variable("s", "number", lambda value: 5)

    with closing(sqlite3.connect(path)) as file:
        assert file.execute(
            "SELECT value, version FROM variables WHERE name = 'number'"
        ).fetchone() == (content, 1)


@pytest.mark.parametrize(("name", "column", "content"), DAMAGED)
def test_a_page_and_a_deletion_of_several_do_not_need_the_damage(
    repo, damage, name, column, content
):
    damage(f"UPDATE variables SET {column} = ? WHERE name = ?", content, name)

    assert [each.name for each in repo.list_variables("s", prefix="f", limit=1)] == ["fine"]
    assert repo.set_value("s", "fine", 8).version == 1
    assert repo.delete_variables("s", [name, "fine"]) == 2


def test_a_damaged_name_is_reported_by_a_page(repo, damage):
    damage("UPDATE variables SET name = ? WHERE name = 'number'", b"number")

    for list_page in (
        lambda: repo.list_variables("s", prefix="f", limit=1),
        lambda: repo.list_variables("s", "*n*", limit=300, reverse=True),
        lambda: repo.list_variables("s", limit=3),
    ):
        with pytest.raises(CorruptStoreError, match="name"):
            list_page()


@pytest.mark.parametrize(
    ("column", "content"),
    [
        *[("value", content) for content in [*NO_JSON, '"text"', None]],
        *[("metadata", content) for content in [*NO_JSON, *NO_OBJECT]],
        *[("created_at", content) for content in NO_TIME],
        ("type", "embedding"),
    ],
)
def test_a_damaged_past_leaves_the_present_alone(repo, damage, column, content):
    damage(f"UPDATE variable_versions SET {column} = ?", content)

    for read in (
        lambda: repo.variable_history("s", "number"),
        lambda: repo.get_variable_version("s", "number", 0),
    ):
        with pytest.raises(CorruptStoreError) as caught:
            read()
        assert "number" in str(caught.value)

    assert repo.get_value("s", "number") == 2
    assert repo.update_variable("s", "number", 3).version == 2
    assert repo.delete_variable("s", "number") is True


@pytest.mark.parametrize("content", [*NO_JSON, '"text"', None])
def test_a_rollback_to_a_damaged_value_changes_nothing(repo, damage, content):
    damage("UPDATE variable_versions SET value = ?", content)
    before = repo.get_variable("s", "number")

    with pytest.raises(CorruptStoreError):
        repo.rollback_variable("s", "number", 0)

    assert repo.get_variable("s", "number") == before


def test_a_past_value_of_an_unregistered_type_is_reported(repo, damage):
    damage("UPDATE variable_versions SET type = 'no such type'")

    with pytest.raises(UnknownTypeError) as caught:
        repo.variable_history("s", "number")

    assert caught.value.type == "no such type"
    assert "number" in str(caught.value)
    assert repo.get_value("s", "number") == 2


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
