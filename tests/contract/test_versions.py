"""Versions: each update adds one, a put keeps or raises, and what was expected must hold."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from snakestore import SnakeStoreError, ValidationError, Variable, VersionConflictError

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LAST_VERSION = 2**63 - 1


def a_variable(**fields):
    given = {"id": "var_1", "name": "x", "type": "integer", "value": 1, "created_at": LONG_AGO}
    return Variable(**(given | fields))


# --- update


def test_a_variable_starts_at_0_and_each_update_adds_one(repo, sid):
    made = repo.register_variable(sid, "x", "integer", 10)

    versions = [made.version] + [
        repo.update_variable(sid, "x", value).version for value in (11, 12, 13)
    ]

    assert versions == [0, 1, 2, 3]
    assert repo.get_variable(sid, "x").version == 3


def test_an_update_to_an_equal_value_adds_one_too(repo, sid):
    repo.register_variable(sid, "x", "integer", 10)

    assert repo.update_variable(sid, "x", 10).version == 1


def test_an_update_returns_the_variable_as_it_is_stored(repo, sid):
    repo.register_variable(sid, "x", "float", 0.5)

    updated = repo.update_variable(sid, "x", 1)

    assert type(updated.value) is float
    assert updated == repo.get_variable(sid, "x")


def test_an_update_moves_last_updated_at_and_leaves_created_at(repo, sid, clock):
    made = repo.register_variable(sid, "x", "integer", 1)
    clock.advance(5)

    updated = repo.update_variable(sid, "x", 2)

    assert updated.last_updated_at == clock()
    assert updated.created_at == made.created_at == clock() - timedelta(seconds=5)


def test_an_update_merges_metadata_one_level_deep_and_notes_source_and_time(repo, sid, clock):
    repo.register_variable(
        sid, "x", "integer", 1, metadata={"kept": 1, "replaced": {"a": 1}, "source": "old"}
    )
    clock.advance(5)

    metadata = dict(
        repo.update_variable(sid, "x", 2, metadata={"replaced": {"b": 2}, "added": [3]}).metadata
    )

    assert datetime.fromisoformat(metadata.pop("updated_at")) == clock()
    assert metadata == {"kept": 1, "replaced": {"b": 2}, "added": [3], "source": "python"}


def test_the_source_of_an_update_is_what_the_caller_says(repo, sid):
    repo.register_variable(sid, "x", "integer", 1)

    assert repo.update_variable(sid, "x", 2, source="elixir").metadata["source"] == "elixir"


def test_source_and_time_stand_above_metadata_given(repo, sid, clock):
    repo.register_variable(sid, "x", "integer", 1)

    metadata = repo.update_variable(
        sid, "x", 2, metadata={"source": "me", "updated_at": "never"}
    ).metadata

    assert metadata["source"] == "python"
    assert datetime.fromisoformat(metadata["updated_at"]) == clock()


def test_an_update_keeps_id_name_type_constraints_and_access_rules(repo, sid):
    given = a_variable(constraints={"min": 0}, access_rules=({"role": "r"},))
    repo.put_variable(sid, given)

    updated = repo.update_variable(sid, "x", 2)

    for field in ("id", "name", "type", "constraints", "access_rules", "created_at"):
        assert getattr(updated, field) == getattr(given, field)


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": "two"},
        {"value": 11},
        {"value": 2, "metadata": {"when": LONG_AGO}},
        {"value": 2, "metadata": {1: 2}},
        {"value": 2, "metadata": ["no", "object"]},
    ],
)
def test_a_refused_update_changes_nothing(repo, sid, unchanged, arguments):
    repo.register_variable(sid, "x", "integer", 1, constraints={"max": 10})

    with unchanged(), pytest.raises(ValidationError):
        repo.update_variable(sid, "x", **arguments)


@pytest.mark.parametrize(
    "write",
    [
        lambda repo, sid: repo.update_variable(sid, "x", 2),
        lambda repo, sid: repo.modify_variable(sid, "x", lambda value: value),
        lambda repo, sid: repo.put_variable(sid, a_variable(value=2)),
        lambda repo, sid: repo.update_variables(sid, {"x": 2}),
    ],
)
def test_no_version_follows_the_last(repo, sid, unchanged, write):
    repo.put_variable(sid, a_variable(version=LAST_VERSION))

    with unchanged(), pytest.raises(SnakeStoreError):
        write(repo, sid)

    assert repo.get_variable(sid, "x").version == LAST_VERSION


# --- put


@pytest.mark.parametrize("version", [0, 1, 7, LAST_VERSION])
def test_a_new_variable_has_the_version_it_is_put_with(repo, sid, version):
    repo.put_variable(sid, a_variable(version=version))

    assert repo.get_variable(sid, "x").version == version


@pytest.mark.parametrize(
    ("given", "value", "stored"),
    [
        (9, 1, 9),  # greater: kept, whether the value is the same
        (9, 2, 9),  # ... or not
        (5, 1, 5),  # the same version and value: stays
        (5, 2, 6),  # the same version for another value: rises
        (0, 1, 5),  # an old version with the value of today: stays
        (0, 2, 6),  # an old version with another value: rises
    ],
)
def test_put_keeps_a_greater_version_and_else_raises_the_stored_one_only_for_another_value(
    repo, sid, given, value, stored
):
    repo.put_variable(sid, a_variable(version=5))

    repo.put_variable(sid, a_variable(version=given, value=value))

    found = repo.get_variable(sid, "x")
    assert (found.version, found.value) == (stored, value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("integer", 1), ("json", 1)),
        (("string", "a"), ("choice", "a")),
        (("json", 1), ("json", 1.0)),
        (("json", True), ("json", 1)),
        (("json", {"a": 1, "b": 2}), ("json", {"b": 2, "a": 1})),
        (("float", 0.0), ("float", -0.0)),
    ],
)
def test_another_type_or_another_text_is_another_value(repo, sid, old, new):
    repo.put_variable(sid, a_variable(type=old[0], value=old[1]))

    repo.put_variable(sid, a_variable(type=new[0], value=new[1]))

    assert repo.get_variable(sid, "x").version == 1


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("float", float("nan")),
        ("json", {"a": [None]}),
        ("string", "é\0"),
        ("embedding", [0.5, 1.0]),
        ("bytes", b"a"),
    ],
)
def test_a_put_of_the_very_same_value_keeps_the_version(repo, sid, type_name, value):
    repo.put_variable(sid, a_variable(type=type_name, value=value))

    repo.put_variable(sid, a_variable(type=type_name, value=value))

    assert repo.get_variable(sid, "x").version == 0


def test_a_value_that_normalises_to_the_stored_one_is_the_same(repo, sid):
    repo.put_variable(sid, a_variable(type="float", value=2.0))

    repo.put_variable(sid, a_variable(type="float", value=2))

    assert repo.get_variable(sid, "x").version == 0


def test_a_put_of_the_same_value_still_replaces_all_else(repo, sid):
    repo.put_variable(sid, a_variable(metadata={"old": 1}))
    later = a_variable(
        name="y",
        constraints={"min": 0},
        metadata={"new": 2},
        access_rules=({"a": 1},),
        last_updated_at=LONG_AGO + timedelta(1),
    )

    stored = repo.put_variable(sid, later)

    assert stored == later
    assert repo.get_variable(sid, "var_1") == later


def test_a_put_back_of_what_was_read_changes_no_version(repo, sid):
    repo.register_variable(sid, "x", "integer", 1)
    updated = repo.update_variable(sid, "x", 2)

    assert repo.put_variable(sid, repo.get_variable(sid, "x")) == updated


def test_a_put_of_a_changed_copy_has_the_version_the_copy_says(repo, sid):
    repo.register_variable(sid, "x", "integer", 1)

    repo.put_variable(sid, repo.get_variable(sid, "x").update_value(2))

    found = repo.get_variable(sid, "x")
    assert (found.version, found.value) == (1, 2)


def test_a_put_of_a_stale_copy_takes_no_version_that_was_used(repo, sid):
    repo.register_variable(sid, "x", "integer", 1)
    stale = repo.get_variable(sid, "x")
    repo.update_variable(sid, "x", 2)

    stored = repo.put_variable(sid, stale.update_value(3))

    assert (stored.version, stored.value) == (2, 3)
    assert repo.get_variable_version(sid, "x", 1).value == 2


def test_one_version_number_names_one_value_through_every_kind_of_write(repo, sid):
    seen: dict[int, set[int]] = {}

    def note(variable):
        seen.setdefault(variable.version, set()).add(variable.value)

    note(repo.register_variable(sid, "x", "integer", 0, id="var_1"))
    note(repo.update_variable(sid, "x", 1))
    note(repo.put_variable(sid, a_variable(value=2)))
    note(repo.put_variable(sid, a_variable(value=3, version=2)))
    note(repo.put_variable(sid, a_variable(value=3, version=1)))
    note(repo.modify_variable(sid, "x", lambda value: value + 1))
    note(repo.update_variables(sid, {"x": 5})["x"])
    note(repo.rollback_variable(sid, "x", 1))
    note(repo.put_variable(sid, a_variable(value=6, version=5)))

    assert all(len(values) == 1 for values in seen.values())
    assert sorted(seen) == list(range(len(seen)))


# --- expected_version


def test_the_version_that_was_expected_lets_the_write_through(repo, sid):
    repo.register_variable(sid, "x", "integer", 1, id="var_1")

    updated = repo.update_variable(sid, "x", 2, expected_version=0)
    put = repo.put_variable(sid, a_variable(value=3), expected_version=1)
    back = repo.rollback_variable(sid, "x", 0, expected_version=2)

    assert [updated.version, put.version, back.version] == [1, 2, 3]


WRITES = {
    "update": lambda repo, sid, expected: repo.update_variable(
        sid, "x", 5, expected_version=expected
    ),
    "put": lambda repo, sid, expected: repo.put_variable(
        sid, a_variable(value=5), expected_version=expected
    ),
    "put of the same": lambda repo, sid, expected: repo.put_variable(
        sid, a_variable(value=2), expected_version=expected
    ),
    "put of a greater version": lambda repo, sid, expected: repo.put_variable(
        sid, a_variable(value=5, version=9), expected_version=expected
    ),
    "rollback": lambda repo, sid, expected: repo.rollback_variable(
        sid, "x", 0, expected_version=expected
    ),
}


@pytest.mark.parametrize("expected", [0, 2, LAST_VERSION])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_version_that_was_not_expected_changes_nothing_at_all(
    repo, sid, unchanged, write, expected
):
    repo.register_variable(sid, "x", "integer", 1, id="var_1")
    repo.update_variable(sid, "x", 2)

    with unchanged(), pytest.raises(VersionConflictError) as caught:
        write(repo, sid, expected)

    assert (caught.value.session_id, caught.value.expected, caught.value.actual) == (
        sid,
        expected,
        1,
    )
    assert [past.version for past in repo.variable_history(sid, "x")] == [0]


def test_a_put_that_expects_a_version_of_a_variable_that_is_not_there_is_a_conflict(repo, sid):
    with pytest.raises(VersionConflictError) as caught:
        repo.put_variable(sid, a_variable(), expected_version=0)

    assert (caught.value.expected, caught.value.actual) == (0, None)
    assert repo.variable_names(sid) == []


def test_the_conflict_is_refused_before_a_bad_value_and_a_taken_name(repo, sid):
    repo.register_variable(sid, "x", "integer", 1, id="var_1")
    repo.register_variable(sid, "taken", "integer", 1)

    for write in (
        lambda: repo.update_variable(sid, "x", "bad", expected_version=3),
        lambda: repo.put_variable(sid, a_variable(value="bad"), expected_version=3),
        lambda: repo.put_variable(sid, a_variable(name="taken"), expected_version=3),
    ):
        with pytest.raises(VersionConflictError):
            write()


def test_a_lost_update_is_noticed(repo, sid):
    repo.register_variable(sid, "x", "integer", 1)
    mine, theirs = repo.get_variable(sid, "x"), repo.get_variable(sid, "x")
    repo.update_variable(sid, "x", theirs.value + 1, expected_version=theirs.version)

    with pytest.raises(VersionConflictError):
        repo.update_variable(sid, "x", mine.value + 1, expected_version=mine.version)

    assert repo.get_value(sid, "x") == 2


def test_replacing_a_variable_never_takes_its_version_back(repo, sid):
    repo.put_variable(sid, a_variable(version=40))

    replaced = repo.put_variable(sid, dataclasses.replace(a_variable(), value=2, version=0))

    assert replaced.version == 41
