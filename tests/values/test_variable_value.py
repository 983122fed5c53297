"""Variable is a frozen value."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from snakestore import (
    InvalidNameError,
    MissingFieldsError,
    OptimizationStatus,
    ValidationError,
    Variable,
)
from tests.values.extremes import HIGHEST, NAIVE


class Knob(enum.Enum):
    TEMPERATURE = "temperature"
    TOP_P = 1


# --- making one


def test_omitted_fields_have_defaults(make, clock):
    variable = make()

    assert (variable.constraints, variable.metadata, variable.version, variable.access_rules) == (
        {},
        {},
        0,
        (),
    )
    assert variable.last_updated_at == variable.created_at == clock()
    assert variable.optimization_status == OptimizationStatus()
    assert not variable.optimizing


def test_given_fields_are_kept(make, clock):
    given = {
        "constraints": {"min": 0},
        "metadata": {"a": [1]},
        "version": 7,
        "last_updated_at": clock() + timedelta(seconds=5),
        "optimization_status": OptimizationStatus(
            optimizing=True, optimizer_id="opt", started_at=clock()
        ),
        "access_rules": ({"may": "read"},),
    }

    variable = make(**given)

    assert {name: getattr(variable, name) for name in given} == given


def test_two_variables_share_no_default(make):
    make().metadata["a"] = 1
    make().constraints["min"] = 1

    assert (make().metadata, make().constraints) == ({}, {})


def test_a_variable_is_frozen(make):
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().value = 2.0


def test_a_variable_has_slots_alone(make):
    assert not hasattr(make(), "__dict__")


def test_a_variable_is_keyword_only(clock):
    with pytest.raises(TypeError):
        Variable("v", "n", "float", 1.0, clock())


def test_variables_are_equal_by_value(make):
    assert make() == make()
    assert make() != make(value=2.0)
    assert make() != make(version=1)


@pytest.mark.parametrize(
    ("given", "text"),
    [(Knob.TEMPERATURE, "temperature"), (Knob.TOP_P, "TOP_P"), ("plain", "plain")],
)
@pytest.mark.parametrize("field", ["id", "name"])
def test_names_and_ids_are_text_or_enum_members(make, field, given, text):
    assert getattr(make(**{field: given}), field) == text


@pytest.mark.parametrize("name", ["", "x" * 256, "a\0b", "\ud800", 5, None, b"n"], ids=ascii)
@pytest.mark.parametrize("field", ["id", "name"])
def test_an_invalid_name_or_id_is_refused(make, field, name):
    with pytest.raises(InvalidNameError):
        make(**{field: name})


@pytest.mark.parametrize("name", ["x", "x" * 255, " ", "é\n😀"], ids=ascii)
@pytest.mark.parametrize("field", ["id", "name"])
def test_any_other_text_is_a_valid_name_or_id(make, field, name):
    assert getattr(make(**{field: name}), field) == name


@pytest.mark.parametrize("field", ["created_at", "last_updated_at"])
@pytest.mark.parametrize("moment", [NAIVE, "2030-01-01T00:00:00Z", 5], ids=repr)
def test_a_time_that_is_not_an_aware_datetime_is_refused(make, field, moment):
    with pytest.raises(ValueError, match="aware"):
        make(**{field: moment})


def test_times_of_another_zone_become_utc(make):
    moment = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    variable = make(created_at=moment, last_updated_at=moment)

    assert variable.created_at == variable.last_updated_at == datetime(2030, 1, 1, 10, tzinfo=UTC)
    assert variable.created_at.utcoffset() == variable.last_updated_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("version", [0, 1, HIGHEST])
def test_a_version_is_a_64_bit_count(make, version):
    assert make(version=version).version == version


@pytest.mark.parametrize(
    "version",
    [-1, HIGHEST + 1, 10**400, 1.0, True, "1", None],
    ids=lambda version: repr(version)[:20],
)
def test_any_other_version_is_refused(make, version):
    with pytest.raises(ValidationError):
        make(version=version)


def test_values_are_not_checked_by_the_variable_itself(make):
    assert make(type="float", value="anything", constraints={"min": 0}).value == "anything"


# --- new


REQUIRED = ["id", "name", "type", "value", "created_at"]


def test_new_takes_a_mapping_or_keywords_or_both(clock):
    fields = {"id": "v", "name": "n", "type": "float", "value": 1.0, "created_at": clock()}
    some = {"id": "v", "name": "n"}
    rest = {"type": "float", "value": 1.0, "created_at": clock()}

    assert (
        Variable.new(fields)
        == Variable.new(**fields)
        == Variable.new(some, **rest)
        == Variable(**fields)
    )


@pytest.mark.parametrize("missing", REQUIRED)
def test_new_names_the_missing_field(clock, missing):
    fields = {"id": "v", "name": "n", "type": "float", "value": 1.0, "created_at": clock()}
    del fields[missing]

    with pytest.raises(MissingFieldsError) as refused:
        Variable.new(fields)

    assert refused.value.fields == [missing]
    assert str(refused.value) == f"Missing required fields: ['{missing}']"


@pytest.mark.parametrize(
    "call",
    [Variable.new, lambda: Variable.new({}), lambda: Variable.new(None)],
    ids=["nothing", "empty", "None"],
)
def test_new_without_fields_names_all_required_ones(call):
    with pytest.raises(MissingFieldsError) as refused:
        call()

    assert (
        str(refused.value)
        == "Missing required fields: ['id', 'name', 'type', 'value', 'created_at']"
    )
    assert refused.value.fields == REQUIRED


def test_a_none_value_is_not_missing(clock):
    assert Variable.new(id="v", name="n", type="json", value=None, created_at=clock()).value is None


# --- to_dict


def test_to_dict_is_ready_for_json(make, clock):
    variable = make(
        version=2,
        constraints={"min": 0},
        metadata={"a": None},
        last_updated_at=clock() + timedelta(seconds=1),
    )

    shown = variable.to_dict()

    assert json.loads(json.dumps(shown, allow_nan=False)) == {
        "id": "v",
        "name": "n",
        "type": "float",
        "value": 1.0,
        "constraints": {"min": 0},
        "metadata": {"a": None},
        "version": 2,
        "created_at": shown["created_at"],
        "last_updated_at": shown["last_updated_at"],
        "optimizing": False,
        "access_rules": [],
    }
    assert datetime.fromisoformat(shown["created_at"]) == clock()
    assert datetime.fromisoformat(shown["last_updated_at"]) == clock() + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (-0.0, -0.0), (0.1, 0.1)],
)
def test_to_dict_shows_non_finite_floats_as_text(make, value, shown):
    assert make(value=value).to_dict()["value"] == shown


def test_to_dict_shows_non_finite_floats_as_text_wherever_they_are(make):
    shown = make(value=[1.0, [math.nan, {"a": math.inf}]], metadata={"b": [-math.inf]}).to_dict()

    assert (shown["value"], shown["metadata"]) == (
        [1.0, ["NaN", {"a": "Infinity"}]],
        {"b": ["-Infinity"]},
    )


def test_to_dict_says_whether_the_variable_is_being_optimised(make):
    assert make().start_optimization("opt").to_dict()["optimizing"] is True


def test_changing_the_result_of_to_dict_does_not_change_the_variable(make):
    variable = make(value={"list": [1]}, metadata={"list": [1]}, constraints={"list": [1]})

    shown = variable.to_dict()
    for part in ("value", "metadata", "constraints"):
        shown[part]["list"].append(2)

    assert variable.value == variable.metadata == variable.constraints == {"list": [1]}


# --- age


def test_age_and_time_since_update_are_seconds(make, clock):
    variable = make(last_updated_at=clock() + timedelta(seconds=2))

    now = clock.advance(5.5)

    assert (variable.age(now), variable.time_since_update(now)) == (5.5, 3.5)


def test_age_is_never_negative(make, clock):
    variable = make()

    now = clock.advance(-5)

    assert (variable.age(now), variable.time_since_update(now)) == (0.0, 0.0)


def test_age_uses_the_current_time_by_default(make):
    assert make().age() > 0
    assert make().time_since_update() > 0
