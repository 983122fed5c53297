"""Damaged variables: errors that name the row, and a way to go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from snakestore import BatchError, CorruptStoreError, UnknownTypeError, VariableExistsError
from tests.contract.damage.contents import NO_JSON, NO_OBJECT, NO_TIME

INVALID_UTF8 = b"\xff\xfe"
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


@pytest.mark.parametrize(
    ("column", "content"), [("version", -1), ("created_at", "yesterday"), ("metadata", "{")]
)
def test_the_name_and_the_id_of_a_damaged_variable_are_taken(repo, damage, column, content):
    damage(f"UPDATE variables SET {column} = ? WHERE name = 'number'", content)

    with pytest.raises(VariableExistsError, match="id 'id-number'"):
        repo.register_variable("s", "number", "integer", 1)
    with pytest.raises(VariableExistsError, match="id of another variable \\('number'\\)"):
        repo.register_variable("s", "id-number", "integer", 1)


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


@pytest.mark.parametrize(
    ("column", "content"),
    [
        ("metadata", "{"),
        ("metadata", "[1]"),
        ("constraints", "5"),
        ("access_rules", "{}"),
        ("version", "one"),
        ("created_at", "yesterday"),
    ],
)
def test_an_update_of_several_reports_the_damage_of_one_and_changes_none(
    repo, damage, column, content
):
    damage(f"UPDATE variables SET {column} = ? WHERE name = 'number'", content)

    with pytest.raises(CorruptStoreError, match=rf"'s'.* {column}|column {column}"):
        repo.update_variables("s", {"fine": 8, "number": 9})

    assert repo.get_value("s", "fine") == 7


@pytest.mark.parametrize(
    ("column", "content"),
    [("created_at", "yesterday"), ("metadata", "{"), ("type", INVALID_UTF8), ("version", "one")],
)
@pytest.mark.parametrize("other", ["absent", "id-number"])
def test_an_update_of_as_many_as_there_are_ignores_the_damage_of_another(
    repo, damage, column, content, other
):
    damage(
        f"UPDATE variables SET {column} = CAST(? AS TEXT) WHERE name = 'array'",
        content,
    )

    with pytest.raises(BatchError) as refused:
        repo.update_variables("s", {"number": 9, "fine": 8, other: 1})

    expected = {"absent"} if other == "absent" else {"number", "id-number"}
    assert set(refused.value.errors) == expected


@pytest.mark.parametrize("content", ["yesterday", INVALID_UTF8])
def test_an_update_of_all_reports_the_damage_of_one(repo, damage, content):
    damage("UPDATE variables SET created_at = CAST(? AS TEXT) WHERE name = 'number'", content)

    with pytest.raises(CorruptStoreError):
        repo.update_variables("s", {"number": 9, "fine": 8, "array": [0.0]})

    assert repo.get_value("s", "fine") == 7


@pytest.mark.parametrize("content", [*NO_JSON, '"text"'])
def test_an_update_of_several_replaces_a_damaged_value(repo, damage, content):
    damage("UPDATE variables SET value = ? WHERE name = 'number'", content)

    repo.update_variables("s", {"fine": 8, "number": 9})

    assert repo.get_value("s", "number") == 9


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
