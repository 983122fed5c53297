"""The variables of a session as they were at a moment."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest

from snakestore import ValidationError, VersionNotFoundError


def test_values_are_read_as_they_were_at_a_moment(repo, updated, clock):
    now = clock()

    seen = {
        ago: repo.get_variables(updated, ["x"], at=now - timedelta(seconds=ago)).found["x"].value
        for ago in (30, 25, 20, 15, 10, 5, 0, -99)
    }

    assert seen == {30: 0, 25: 0, 20: 10, 15: 10, 10: 20, 5: 20, 0: 30, -99: 30}


def test_all_variables_are_listed_as_they_were_at_a_moment(repo, updated, clock):
    repo.register_variable(updated, "y", "string", "new")

    then = repo.list_variables(updated, at=clock() - timedelta(seconds=15))
    now = repo.list_variables(updated, at=clock())

    assert then == [repo.get_variable_version(updated, "x", 1)]
    assert now == repo.list_variables(updated)


def test_a_pattern_narrows_what_is_listed_then(repo, updated, clock):
    repo.register_variable(updated, "y", "integer", 1)

    assert [variable.name for variable in repo.list_variables(updated, "y*", at=clock())] == ["y"]


def test_a_variable_is_missing_before_it_was_made(repo, updated, clock):
    before = clock() - timedelta(seconds=31)

    batch = repo.get_variables(updated, ["x", "absent"], at=before)

    assert (batch.found, batch.missing) == ({}, ["x", "absent"])
    assert repo.list_variables(updated, at=before) == []


def test_a_variable_deleted_since_is_not_shown_then(repo, updated, clock):
    then = clock() - timedelta(seconds=5)
    repo.delete_variable(updated, "x")

    assert repo.get_variables(updated, ["x"], at=then).missing == ["x"]
    assert repo.list_variables(updated, at=then) == []


def test_a_variable_is_found_then_by_its_name_of_today(repo, updated, clock):
    repo.put_variable(updated, dataclasses.replace(repo.get_variable(updated, "x"), name="y"))

    batch = repo.get_variables(updated, ["x", "y", "id-x"], at=clock() - timedelta(seconds=15))

    assert {key: variable.value for key, variable in batch.found.items()} == {"y": 10, "id-x": 10}
    assert batch.missing == ["x"]


def test_a_moment_whose_value_was_pruned_is_refused(repo, updated, clock):
    repo.register_variable(updated, "y", "integer", 1)
    repo.update_session(updated, history=1)
    repo.update_variable(updated, "x", 40)
    pruned, kept = clock() - timedelta(seconds=15), clock()

    with pytest.raises(VersionNotFoundError) as caught:
        repo.get_variables(updated, ["x", "y"], at=pruned)
    with pytest.raises(VersionNotFoundError):
        repo.list_variables(updated, at=pruned)

    assert caught.value.session_id == updated
    assert "x" in str(caught.value)
    assert [variable.value for variable in repo.list_variables(updated, at=kept)] == [40, 1]


def test_what_is_not_asked_for_may_be_pruned(repo, updated, clock):
    repo.register_variable(updated, "y", "integer", 1)
    repo.update_session(updated, history=0)
    clock.advance(10)
    repo.update_variable(updated, "x", 40)
    then = clock() - timedelta(seconds=5)

    assert repo.get_variables(updated, ["y"], at=then).found["y"].value == 1
    assert [variable.value for variable in repo.list_variables(updated, "y", at=then)] == [1]


def test_a_moment_is_the_same_in_every_zone(repo, updated, clock):
    moment = (clock() - timedelta(seconds=15)).astimezone(timezone(timedelta(hours=-7)))

    assert repo.get_variables(updated, ["x"], at=moment).found["x"].value == 10


@pytest.mark.parametrize("moment", [datetime(2021, 1, 1), "2021-01-01", 5])  # noqa: DTZ001 - the point
def test_a_moment_is_an_aware_datetime(repo, updated, moment):
    with pytest.raises(ValidationError):
        repo.get_variables(updated, ["x"], at=moment)
    with pytest.raises(ValidationError):
        repo.list_variables(updated, at=moment)


def test_the_time_of_a_version_finds_that_version(repo, updated):
    for past in [repo.get_variable(updated, "x"), *repo.variable_history(updated, "x")]:
        assert (
            repo.get_variables(updated, ["x"], at=past.last_updated_at).found["x"].version
            == past.version
        )
