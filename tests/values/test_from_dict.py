"""from_dict makes the Variable again of which to_dict made a dict."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import pytest

from snakestore import (
    MissingFieldsError,
    ValidationError,
    Variable,
    VariableType,
    create_variable,
    register_type,
    types,
)


class Delay(VariableType):
    """A timedelta, stored as text that is not JSON."""

    name = "delay"

    def encode(self, value):
        return f"{value.total_seconds()} s", None

    def decode(self, text, _blob):
        return timedelta(seconds=float((text or "").removesuffix(" s")))


VALUES = {
    "float": ("float", -0.0),
    "infinity": ("float", -math.inf),
    "whole-float": ("float", 2.0),
    "long-integer": ("integer", -(10**4299)),
    "text-like-a-number": ("string", "1.0"),
    "text-like-infinity": ("string", "Infinity"),
    "NUL": ("string", "a\0é"),
    "boolean": ("boolean", False),
    "choice": ("choice", "a"),
    "module": ("module", "os.path"),
    "embedding": ("embedding", [0.1, 1e-300, -0.0]),
    "tensor-of-ints": ("tensor", {"shape": [2, 1], "data": [[1], [2**62]]}),
    "tensor-of-floats": ("tensor", {"shape": [2], "data": [1.0, 0.5]}),
    "lone-number": ("tensor", {"shape": [], "data": 1}),
    "null": ("json", None),
    "document": ("json", {"a": ["Infinity", -0.0, 1.0, 1, {}], "": True}),
}


def sent(variable):
    """The dict of ``variable``, there and back through JSON."""
    return json.loads(json.dumps(variable.to_dict(), allow_nan=False))


@pytest.mark.parametrize(("type_name", "value"), VALUES.values(), ids=VALUES.keys())
def test_a_variable_sent_as_json_is_made_again(type_name, value):
    variable = create_variable(name="n", type=type_name, value=value, metadata={"a": [1, None]})

    again = Variable.from_dict(sent(variable))

    assert again == variable
    assert repr(again) == repr(variable)


def test_version_times_constraints_and_rules_are_kept(clock):
    variable = Variable(
        id="v",
        name="n",
        type="float",
        value=1.0,
        created_at=clock(),
        last_updated_at=clock() + timedelta(microseconds=1),
        constraints={"min": 0},
        version=2**63 - 1,
        access_rules=({"who": "all"},),
    )

    assert Variable.from_dict(sent(variable)) == variable


def test_a_value_of_a_users_type_is_made_again(monkeypatch):
    monkeypatch.setattr(types.registry, "_types", types.registry._types)
    register_type(Delay)
    variable = create_variable(name="n", type="delay", value=timedelta(minutes=5))

    assert Variable.from_dict(sent(variable)) == variable


@pytest.mark.parametrize(("type_name", "value"), [("float", "abc"), ("unknown", {"a": 1})])
def test_a_value_that_was_not_checked_is_taken_as_it_is(clock, type_name, value):
    variable = Variable(id="v", name="n", type=type_name, value=value, created_at=clock())

    assert Variable.from_dict(sent(variable)) == variable


def test_an_optimisation_is_not_restored(clock):
    variable = create_variable(name="n", type="float", value=1.0)
    held = variable.start_optimization("opt", now=clock())

    assert Variable.from_dict(held.to_dict()) == variable


def test_the_variable_shares_nothing_with_the_mapping():
    shown = create_variable(name="n", type="json", value=[1], metadata={"a": [1]}).to_dict()
    variable = Variable.from_dict(shown)

    shown["value"].append(2)
    shown["metadata"]["a"].append(2)

    assert (variable.value, variable.metadata) == ([1], {"a": [1]})


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"created_at": "yesterday"}, ValidationError, "created_at must be ISO 8601"),
        ({"created_at": "2030-01-01T00:00:00"}, ValidationError, "naive"),
        ({"version": -1}, ValidationError, "version"),
        ({"surplus": 1}, ValidationError, "Unknown fields"),
        ({"_blob": b""}, ValidationError, "Unknown fields"),
        ({"metadata": 1}, ValidationError, "metadata must be a dict"),
    ],
)
def test_a_dict_that_is_not_of_a_variable_is_refused(changed, error, words):
    shown = create_variable(name="n", type="float", value=1.0).to_dict()

    with pytest.raises(error, match=words):
        Variable.from_dict(shown | changed)


def test_missing_keys_are_named():
    with pytest.raises(MissingFieldsError) as caught:
        Variable.from_dict({"id": "v", "name": "n"})

    assert caught.value.fields == ["type", "value", "created_at"]


def test_what_is_not_a_mapping_is_refused():
    with pytest.raises(ValidationError, match="takes a mapping, not list"):
        Variable.from_dict([])
