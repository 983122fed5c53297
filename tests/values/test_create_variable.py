"""create_variable checks and normalises a value, or refuses it, without a database."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from snakestore import (
    ConstraintError,
    InvalidNameError,
    UnknownTypeError,
    ValidationError,
    Variable,
    create_variable,
)
from tests.values.extremes import NAIVE


def test_a_created_variable_is_validated_and_normalised():
    variable = create_variable(
        name="n", type="float", value=1, constraints={"min": 0}, metadata={"a": 1}
    )

    assert (
        variable.name,
        variable.type,
        variable.constraints,
        variable.metadata,
        variable.version,
    ) == ("n", "float", {"min": 0}, {"a": 1}, 0)
    assert type(variable.value) is float


def test_a_created_variable_is_frozen_and_has_slots_alone():
    variable = create_variable(name="n", type="float", value=1.0)

    assert type(variable) is Variable
    assert not hasattr(variable, "__dict__")
    with pytest.raises(FrozenInstanceError):
        variable.value = 2.0


def test_a_created_variable_gets_an_id_with_its_name():
    one, other = (create_variable(name="temperature", type="float", value=1.0) for _ in range(2))

    assert one.id.startswith("var_temperature_")
    assert one.id != other.id


@pytest.mark.parametrize("name", ["x" * 255, "😀" * 255], ids=ascii)
def test_the_id_of_a_long_name_contains_200_characters_of_it(name):
    variable = create_variable(name=name, type="float", value=1.0)

    assert variable.id.startswith(f"var_{name[:200]}_")
    assert len(variable.id) <= 255


def test_a_created_variable_keeps_a_given_id_and_time(clock):
    variable = create_variable(name="n", type="float", value=1.0, id="v", created_at=clock())

    assert (variable.id, variable.created_at, variable.last_updated_at) == ("v", clock(), clock())


def test_a_created_variable_gets_the_current_time():
    before = datetime.now(UTC)

    variable = create_variable(name="n", type="float", value=1.0)

    assert before <= variable.created_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"value": "hot"}, ValidationError),
        ({"value": True}, ValidationError),
        ({"value": None}, ValidationError),
        ({"type": "nothing"}, UnknownTypeError),
        ({"value": 2.0, "constraints": {"max": 1}}, ConstraintError),
        ({"constraints": {"maximum": 1}}, ValidationError),
        ({"constraints": [1]}, ValidationError),
        ({"name": ""}, InvalidNameError),
        ({"id": "x" * 256}, InvalidNameError),
        ({"metadata": {"a": object()}}, ValidationError),
        ({"created_at": NAIVE}, ValidationError),
    ],
    ids=[
        "text",
        "bool",
        "None",
        "type",
        "constraint",
        "unknown-constraint",
        "constraints",
        "name",
        "id",
        "metadata",
        "naive",
    ],
)
def test_an_invalid_variable_is_not_created(fields, error):
    with pytest.raises(error):
        create_variable(**{"name": "n", "type": "float", "value": 1.0, **fields})


def test_create_variable_is_keyword_only():
    with pytest.raises(TypeError):
        create_variable("n", "float", 1.0)
