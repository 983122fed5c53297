"""put_variable stores a whole Variable."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime, timedelta, timezone

import pytest

import snakestore
from snakestore import ConstraintError, UnknownTypeError, ValidationError
from tests.contract.samples import LONG_AGO, Key, a_variable


class Name(enum.StrEnum):
    """Members that are text themselves."""

    TEMPERATURE = "temperature"


def test_a_put_variable_is_got_back_by_id_by_name_and_by_enum_member(repo, sid):
    repo.put_variable(sid, a_variable())

    for identifier in ("var_1", "temperature", Key.TEMPERATURE, Name.TEMPERATURE):
        assert repo.get_variable(sid, identifier) == a_variable()


def test_an_enum_member_whose_value_is_no_text_stands_for_its_name(repo, sid):
    repo.register_variable(sid, Key.top_p, "float", 0.9)

    assert repo.variable_names(sid) == ["top_p"]
    assert repo.get_value(sid, Key.top_p) == 0.9


def test_put_returns_the_variable_as_it_is_stored(repo, sid):
    stored = repo.put_variable(sid, a_variable(value=1))

    assert type(stored.value) is float
    assert stored == repo.get_variable(sid, "var_1")


def test_every_field_of_a_new_variable_is_taken_as_given(repo, sid):
    given = a_variable(
        constraints={"min": 0, "max": 2},
        metadata={"who": "me", "deep": {"a": [1, None]}},
        version=7,
        last_updated_at=LONG_AGO + timedelta(days=3),
        access_rules=({"role": "reader"}, {"role": "writer", "hours": [9, 17]}),
    )

    repo.put_variable(sid, given)

    assert repo.get_variable(sid, "temperature") == given


def test_times_given_in_another_zone_come_back_as_the_same_instant_in_utc(repo, sid):
    tokyo = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=timezone(timedelta(hours=9)))

    repo.put_variable(sid, a_variable(created_at=tokyo, last_updated_at=tokyo))

    found = repo.get_variable(sid, "var_1")
    assert found.created_at == tokyo
    assert found.created_at.utcoffset() == timedelta(0)
    assert found.created_at.microsecond == 123456


def test_putting_over_a_variable_replaces_all_of_it(repo, sid):
    repo.put_variable(
        sid, a_variable(constraints={"min": 0}, metadata={"old": 1}, access_rules=({"a": 1},))
    )
    later = a_variable(
        name="heat",
        type="integer",
        value=3,
        metadata={"new": 2},
        created_at=LONG_AGO + timedelta(days=1),
    )

    repo.put_variable(sid, later)

    assert repo.get_variable(sid, "var_1") == dataclasses.replace(later, version=1)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"value": "warm"}, ValidationError),
        ({"value": True}, ValidationError),
        ({"value": None}, ValidationError),
        ({"value": 3.0, "constraints": {"max": 2}}, ConstraintError),
        ({"constraints": {"minimum": 0}}, ConstraintError),
        ({"constraints": {"min": 2, "max": 1}}, ConstraintError),
        ({"type": "no such type"}, UnknownTypeError),
        ({"metadata": {"when": LONG_AGO}}, ValidationError),
        ({"metadata": {1: "int key"}}, ValidationError),
        ({"metadata": {"x": float("nan")}}, ValidationError),
        ({"access_rules": ({"who": {1, 2}},)}, ValidationError),
    ],
)
def test_a_refused_put_stores_nothing(repo, sid, unchanged, fields, error):
    with unchanged(), pytest.raises(error):
        repo.put_variable(sid, a_variable(**fields))


def test_a_refused_put_over_a_variable_leaves_it_as_it_was(repo, sid, unchanged):
    repo.put_variable(sid, a_variable())

    with unchanged(), pytest.raises(ValidationError):
        repo.put_variable(sid, a_variable(value="warm", name="other"))


def test_a_variable_made_by_create_variable_is_put_and_found(repo, sid):
    made = snakestore.create_variable(
        name="k", type="integer", value=4.0, constraints={"min": 1}, metadata={"a": 1}
    )

    repo.put_variable(sid, made)

    assert repo.get_variable(sid, "k") == made
    assert repo.get_value(sid, made.id) == 4


def test_the_same_variable_may_live_in_two_sessions(repo, sid):
    other = repo.create_session("other").id
    repo.put_variable(sid, a_variable())
    repo.put_variable(other, a_variable())

    repo.update_variable(sid, "temperature", 0.1)

    assert repo.get_value(other, "temperature") == 0.7
