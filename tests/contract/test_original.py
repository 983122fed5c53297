"""The ten tests of the Elixir original, written again."""

from __future__ import annotations

import enum
from datetime import timedelta

import pytest

from snakestore import MissingFieldsError, Variable, VariableNotFoundError, create_variable


class Knob(enum.Enum):
    TEMPERATURE = "temperature"
    top_p = 1


@pytest.fixture
def variable(clock):
    return Variable(id="var_1", name="temperature", type="float", value=0.7, created_at=clock())


def test_a_variable_is_new_with_its_required_fields(clock):
    variable = Variable.new(
        id="var_1", name="temperature", type="float", value=0.7, created_at=clock()
    )

    assert (variable.id, variable.name, variable.type, variable.value) == (
        "var_1",
        "temperature",
        "float",
        0.7,
    )
    assert (variable.version, variable.created_at, variable.last_updated_at) == (
        0,
        clock(),
        clock(),
    )


def test_missing_fields_are_named():
    with pytest.raises(
        MissingFieldsError,
        match=r"Missing required fields: \['id', 'type', 'value', 'created_at'\]",
    ) as refused:
        Variable.new({"name": "temperature"})

    assert refused.value.fields == ["id", "type", "value", "created_at"]


def test_an_update_bumps_the_version_and_then_again(variable):
    once = variable.update_value(0.8)
    twice = once.update_value(0.9)

    assert [(v.value, v.version) for v in (variable, once, twice)] == [(0.7, 0), (0.8, 1), (0.9, 2)]


def test_an_update_has_a_later_timestamp(variable, clock):
    updated = variable.update_value(0.8, now=clock.advance(1))

    assert updated.last_updated_at == variable.last_updated_at + timedelta(seconds=1)
    assert updated.created_at == variable.created_at


def test_an_update_merges_metadata_and_adds_its_source(variable, clock):
    described = variable.update_value(
        0.8, metadata={"reason": "too cold", "by": "me"}, source="elixir", now=clock()
    )
    updated = described.update_value(0.9, metadata={"reason": "too hot"}, now=clock())

    assert described.metadata == {
        "reason": "too cold",
        "by": "me",
        "source": "elixir",
        "updated_at": updated.metadata["updated_at"],
    }
    assert (updated.metadata["reason"], updated.metadata["by"], updated.metadata["source"]) == (
        "too hot",
        "me",
        "python",
    )


def test_a_variable_put_is_got_by_id_by_name_and_by_enum_member(repo, sid, variable):
    stored = repo.put_variable(sid, variable)

    assert stored == variable
    assert repo.get_variable(sid, "var_1") == variable
    assert repo.get_variable(sid, "temperature") == variable
    assert repo.get_variable(sid, Knob.TEMPERATURE) == variable


def test_an_enum_member_without_text_is_found_by_its_name(repo, sid):
    repo.put_variable(sid, create_variable(name="top_p", type="float", value=0.9))

    assert repo.get_value(sid, Knob.top_p) == 0.9


def test_a_variable_that_is_not_there_is_not_found(repo, sid):
    with pytest.raises(VariableNotFoundError) as refused:
        repo.get_variable(sid, "nothing")

    assert (refused.value.session_id, refused.value.identifier) == (sid, "nothing")


def test_variables_are_listed_in_the_order_they_were_made(repo, sid, clock):
    for name in ["zebra", "apple", "mango"]:
        repo.put_variable(
            sid, create_variable(name=name, type="integer", value=1, created_at=clock.advance(1))
        )

    assert [variable.name for variable in repo.list_variables(sid)] == ["zebra", "apple", "mango"]


def test_a_pattern_finds_two_of_three(repo, sid):
    for name in ["temp_low", "temp_high", "pressure"]:
        repo.register_variable(sid, name, "float", 1.0)

    assert {variable.name for variable in repo.list_variables(sid, "temp_*")} == {
        "temp_low",
        "temp_high",
    }
    assert repo.variable_names(sid, "temp_*") == ["temp_high", "temp_low"]


def test_stats_go_from_nothing_to_one_and_count_updates(repo, sid, variable):
    def counts():
        stats = repo.get_stats(sid)
        return stats.variable_count, stats.total_variable_updates

    empty = counts()
    repo.put_variable(sid, variable)
    put = counts()
    repo.update_variable(sid, "temperature", 0.8)

    assert [empty, put, counts()] == [(0, 0), (1, 1), (1, 2)]


# The slips of the original are not repeated.


def test_a_rename_leaves_no_old_name_behind(repo, sid, variable):
    repo.put_variable(sid, variable)

    repo.put_variable(
        sid,
        Variable(id="var_1", name="heat", type="float", value=0.7, created_at=variable.created_at),
    )

    assert repo.variable_names(sid) == ["heat"]
    assert not repo.has_variable(sid, "temperature")


def test_a_pattern_is_anchored_and_its_dot_is_a_dot(repo, sid):
    for name in ["temp_x", "my_temp_x", "a.b", "axb"]:
        repo.register_variable(sid, name, "integer", 1)

    assert repo.variable_names(sid, "temp_*") == ["temp_x"]
    assert repo.variable_names(sid, "a.b") == ["a.b"]


def test_a_none_program_is_a_program(repo, sid):
    repo.put_program(sid, "p", None)

    assert repo.has_program(sid, "p")
    assert repo.get_program(sid, "p", "a default") is None
    assert repo.get_stats(sid).program_count == 1
