"""A changed Variable is a new value: updates and optimisation."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from snakestore import InvalidNameError, OptimizationStatus, ValidationError
from tests.values.extremes import HIGHEST, NAIVE

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
