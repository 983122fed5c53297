"""History: every value that a variable had."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

import pytest

from snakestore import (
    SessionNotFoundError,
    ValidationError,
    VariableNotFoundError,
    VersionConflictError,
    VersionNotFoundError,
)
from tests.contract.history.past import WRITES, values, versions

# --- what goes into it


def test_a_variable_that_was_never_updated_has_no_past(repo, sid):
    repo.register_variable(sid, "x", "integer", 0)

    assert repo.variable_history(sid, "x") == []


@pytest.mark.parametrize("identifier", ["x", "id-x"])
def test_past_values_come_newest_first(repo, updated, identifier):
    assert versions(repo, updated, identifier) == [2, 1, 0]
    assert values(repo, updated, identifier) == [20, 10, 0]


def test_a_past_variable_has_value_metadata_and_time_of_then(repo, updated, clock):
    past = repo.variable_history(updated, "x")[0]

    assert (past.version, past.value, past.type) == (2, 20, "integer")
    assert past.last_updated_at == clock() - timedelta(seconds=10)
    assert {key: past.metadata[key] for key in ("first", "told", "source")} == {
        "first": True,
        "told": 20,
        "source": "s20",
    }
    assert datetime.fromisoformat(past.metadata["updated_at"]) == past.last_updated_at


def test_the_first_value_was_written_when_the_variable_was_made(repo, updated):
    first = repo.variable_history(updated, "x")[-1]

    assert first.metadata == {"first": True}
    assert first.last_updated_at == first.created_at == repo.get_variable(updated, "x").created_at


def test_a_past_variable_has_id_name_constraints_and_rules_of_today(repo, updated):
    today = dataclasses.replace(
        repo.get_variable(updated, "x"),
        name="y",
        constraints={"min": 0},
        access_rules=({"role": "r"},),
    )
    repo.put_variable(updated, today)

    past = repo.variable_history(updated, "y")[0]

    for field in ("id", "name", "constraints", "access_rules", "created_at"):
        assert getattr(past, field) == getattr(today, field)


def test_a_past_variable_has_the_type_of_then(repo, updated):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), type="string", value="thirty")
    )

    newest = repo.variable_history(updated, "x")[0]

    assert (newest.type, newest.value, newest.version) == ("integer", 30, 3)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_change_of_the_version_keeps_the_value_it_replaced(repo, updated, write):
    replaced = repo.get_variable(updated, "x")

    write(repo, updated)

    assert values(repo, updated) == [30, 20, 10, 0]
    assert repo.variable_history(updated, "x")[0].metadata == replaced.metadata


def test_what_keeps_the_version_adds_no_past(repo, updated):
    repo.put_variable(
        updated,
        dataclasses.replace(
            repo.get_variable(updated, "x"), name="x", metadata={"other": 1}, constraints={"min": 0}
        ),
    )
    repo.update_constraints(updated, "x", {"max": 100})
    repo.start_optimization(updated, "x", "opt")
    repo.end_optimization(updated, "x")

    assert versions(repo, updated) == [2, 1, 0]


def test_a_refused_write_adds_no_past(repo, updated):
    with pytest.raises(ValidationError):
        repo.update_variable(updated, "x", "bad")
    with pytest.raises(VersionConflictError):
        repo.update_variable(updated, "x", 99, expected_version=0)

    assert versions(repo, updated) == [2, 1, 0]


def test_versions_that_were_jumped_over_are_no_part_of_it(repo, updated):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), value=99, version=50)
    )
    repo.update_variable(updated, "x", 100)

    assert versions(repo, updated) == [50, 3, 2, 1, 0]


def test_each_variable_has_a_history_of_its_own(repo, updated):
    repo.register_variable(updated, "y", "integer", 0)
    other = repo.create_session("other").id
    repo.register_variable(other, "x", "integer", 7, id="id-x")
    repo.update_variable(other, "x", 8)

    assert values(repo, updated) == [20, 10, 0]
    assert repo.variable_history(updated, "y") == []
    assert values(repo, other) == [7]


def test_past_values_handed_out_are_the_callers_own(repo, sid):
    repo.register_variable(sid, "doc", "json", {"a": [1]}, metadata={"m": [1]})
    repo.update_variable(sid, "doc", None)

    past = repo.variable_history(sid, "doc")[0]
    past.value["a"].append(2)
    past.metadata["m"].append(2)

    again = repo.variable_history(sid, "doc")[0]
    assert (again.value, again.metadata) == ({"a": [1]}, {"m": [1]})


# --- reading it


@pytest.mark.parametrize(
    ("limit", "seen"),
    [(None, [2, 1, 0]), (0, []), (1, [2]), (2, [2, 1]), (3, [2, 1, 0]), (10**9, [2, 1, 0])],
)
def test_a_limit_takes_the_newest(repo, updated, limit, seen):
    assert [past.version for past in repo.variable_history(updated, "x", limit=limit)] == seen


@pytest.mark.parametrize("limit", [-1, 1.5, "1", True])
def test_a_limit_is_a_count(repo, updated, limit):
    with pytest.raises(ValidationError):
        repo.variable_history(updated, "x", limit=limit)


def test_one_version_is_read_alone_the_present_one_too(repo, updated):
    past = {variable.version: variable for variable in repo.variable_history(updated, "x")}

    assert [repo.get_variable_version(updated, "x", version) for version in (0, 1, 2)] == [
        past[0],
        past[1],
        past[2],
    ]
    assert repo.get_variable_version(updated, "id-x", 3) == repo.get_variable(updated, "x")


@pytest.mark.parametrize("version", [4, 2**63 - 1])
def test_a_version_that_never_was_is_not_found(repo, updated, version):
    for read in (repo.get_variable_version, repo.rollback_variable):
        with pytest.raises(VersionNotFoundError) as caught:
            read(updated, "x", version)
        assert (caught.value.session_id, caught.value.identifier, caught.value.version) == (
            updated,
            "x",
            version,
        )


def test_there_must_be_a_variable_to_have_a_past(repo, updated):
    for read in (
        repo.variable_history,
        lambda sid, name: repo.get_variable_version(sid, name, 0),
        lambda sid, name: repo.rollback_variable(sid, name, 0),
    ):
        with pytest.raises(VariableNotFoundError):
            read(updated, "absent")
        with pytest.raises(SessionNotFoundError):
            read("nobody", "x")
