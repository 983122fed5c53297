"""A rollback makes a past value the present one again."""

from __future__ import annotations

import dataclasses

import pytest

from snakestore import ConstraintError, ValidationError, VersionConflictError, VersionNotFoundError
from tests.contract.history.past import values, versions


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_rollback_is_the_old_value_as_a_new_version(repo, updated, clock, version):
    clock.advance(10)

    back = repo.rollback_variable(updated, "x", version)

    assert back == repo.get_variable(updated, "x")
    assert (back.value, back.version, back.last_updated_at) == (version * 10, 4, clock())
    assert versions(repo, updated) == [3, 2, 1, 0]
    assert repo.get_stats(updated).total_variable_updates == 5


def test_a_rollback_keeps_the_metadata_of_today_and_says_where_to_and_why(repo, updated):
    back = repo.rollback_variable(updated, "x", 1, reason="it got worse")

    assert {key: value for key, value in back.metadata.items() if key != "updated_at"} == {
        "first": True,
        "told": 30,
        "rolled_back_to": 1,
        "reason": "it got worse",
        "source": "rollback",
    }


def test_a_rollback_without_a_reason_gives_none(repo, updated):
    assert "reason" not in repo.rollback_variable(updated, "x", 1).metadata


def test_a_rollback_may_be_rolled_back(repo, updated):
    repo.rollback_variable(updated, "x", 0)

    assert repo.rollback_variable(updated, "x", 3).value == 30
    assert values(repo, updated) == [0, 30, 20, 10, 0]


def test_a_rollback_is_checked_against_the_constraints_of_today(repo, updated, unchanged):
    repo.update_constraints(updated, "x", {"min": 10})

    with unchanged(), pytest.raises(ConstraintError):
        repo.rollback_variable(updated, "x", 0)

    assert repo.rollback_variable(updated, "x", 1).value == 10


def test_a_rollback_is_checked_against_the_type_of_today(repo, updated, unchanged):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), type="string", value="thirty")
    )

    with unchanged(), pytest.raises(ValidationError):
        repo.rollback_variable(updated, "x", 0)


def test_a_rollback_takes_the_form_that_the_type_of_today_gives(repo, updated):
    repo.put_variable(
        updated, dataclasses.replace(repo.get_variable(updated, "x"), type="float", value=0.5)
    )

    back = repo.rollback_variable(updated, "x", 1)

    assert (back.type, back.value) == ("float", 10.0)
    assert type(back.value) is float


def test_a_rollback_that_expects_another_version_changes_nothing(repo, updated, unchanged):
    with unchanged(), pytest.raises(VersionConflictError) as caught:
        repo.rollback_variable(updated, "x", 0, expected_version=2)

    assert (caught.value.expected, caught.value.actual) == (2, 3)


def test_a_rollback_to_what_is_not_there_changes_nothing(repo, updated, unchanged):
    with unchanged(), pytest.raises(VersionNotFoundError):
        repo.rollback_variable(updated, "x", 77)
