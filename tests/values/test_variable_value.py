"""Variable and OptimizationStatus are frozen values."""

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

NAIVE = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)
HIGHEST = 2**63 - 1


class Knob(enum.Enum):
    TEMPERATURE = "temperature"
    TOP_P = 1


@pytest.fixture
def make(clock):
    """``make(**fields)``: a Variable of which only the named fields matter."""
    return lambda **fields: Variable(
        **{"id": "v", "name": "n", "type": "float", "value": 1.0, "created_at": clock(), **fields}
    )


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


# --- update_value


def test_an_update_returns_a_new_variable_with_the_next_version(make, clock):
    variable = make(version=4)

    updated = variable.update_value(2.0, now=clock.advance(1))

    assert (updated.value, updated.version, updated.last_updated_at) == (2.0, 5, clock())
    assert (variable.value, variable.version, variable.metadata) == (1.0, 4, {})


def test_an_update_to_an_equal_value_raises_the_version(make):
    assert make().update_value(1.0).version == 1


def test_an_update_keeps_everything_else(make, clock):
    status = OptimizationStatus(optimizing=True, optimizer_id="opt", started_at=clock())
    variable = make(
        constraints={"min": 0}, optimization_status=status, access_rules=({"may": "read"},)
    )

    updated = variable.update_value(2.0)

    for name in (
        "id",
        "name",
        "type",
        "created_at",
        "constraints",
        "optimization_status",
        "access_rules",
    ):
        assert getattr(updated, name) == getattr(variable, name)


def test_metadata_is_merged_one_level_deep(make, clock):
    variable = make(metadata={"a": {"x": 1}, "b": 2})

    updated = variable.update_value(2.0, metadata={"a": {"y": 3}, "c": 4}, now=clock())

    assert {key: updated.metadata[key] for key in "abc"} == {"a": {"y": 3}, "b": 2, "c": 4}
    assert variable.metadata == {"a": {"x": 1}, "b": 2}


def test_an_update_stores_its_source_and_time_in_the_metadata(make, clock):
    updated = make().update_value(2.0, source="elixir", now=clock())

    assert updated.metadata.keys() == {"source", "updated_at"}
    assert updated.metadata["source"] == "elixir"
    assert datetime.fromisoformat(updated.metadata["updated_at"]) == clock()


def test_source_and_time_replace_given_and_old_metadata(make, clock):
    variable = make(metadata={"source": "old", "updated_at": "old"})

    updated = variable.update_value(
        2.0, metadata={"source": "given", "updated_at": "given"}, now=clock()
    )

    assert updated.metadata["source"] == "python"
    assert datetime.fromisoformat(updated.metadata["updated_at"]) == clock()


def test_an_update_gets_the_current_time_by_default(make):
    before = datetime.now(UTC)

    updated = make().update_value(2.0)

    assert before <= updated.last_updated_at <= datetime.now(UTC)


def test_an_update_does_not_check_the_value(make):
    assert make(type="float", constraints={"max": 1}).update_value("no float").value == "no float"


def test_the_highest_version_cannot_be_updated(make):
    with pytest.raises(ValidationError):
        make(version=HIGHEST).update_value(2.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda variable: variable.update_value(2.0, now=NAIVE),
        lambda variable: variable.start_optimization("opt", now=NAIVE),
        lambda variable: variable.age(NAIVE),
        lambda variable: variable.time_since_update(NAIVE),
    ],
    ids=["update_value", "start_optimization", "age", "time_since_update"],
)
def test_a_naive_now_is_refused(make, call):
    with pytest.raises(ValueError, match="aware"):
        call(make())


# --- optimisation


def test_an_optimisation_starts_and_ends(make, clock):
    variable = make(version=3)

    started = variable.start_optimization("opt", 4711, now=clock())
    ended = started.end_optimization()

    assert started.optimization_status == OptimizationStatus(
        optimizing=True, optimizer_id="opt", optimizer_pid=4711, started_at=clock()
    )
    assert (variable.optimizing, started.optimizing, ended.optimizing) == (False, True, False)
    assert ended == variable


def test_an_optimisation_changes_neither_value_nor_version_nor_times(make, clock):
    variable = make(version=3)

    started = variable.start_optimization("opt", now=clock.advance(5))

    assert (started.value, started.version, started.last_updated_at) == (
        variable.value,
        3,
        variable.last_updated_at,
    )


@pytest.mark.parametrize("optimizer_id", ["", "x" * 256, "\0", 5, None], ids=ascii)
def test_an_optimiser_needs_a_name(make, optimizer_id):
    with pytest.raises(InvalidNameError):
        make().start_optimization(optimizer_id)


def test_nothing_is_optimised_by_default():
    status = OptimizationStatus()

    assert (
        status.optimizing,
        status.optimizer_id,
        status.optimizer_pid,
        status.started_at,
        status.expires_at,
    ) == (False, None, None, None, None)


def test_an_optimisation_status_takes_its_fields_by_position_too(clock):
    assert OptimizationStatus(True, "opt", 7, clock(), None) == OptimizationStatus(
        optimizing=True, optimizer_id="opt", optimizer_pid=7, started_at=clock(), expires_at=None
    )


def test_an_optimisation_status_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        OptimizationStatus().optimizing = True


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
