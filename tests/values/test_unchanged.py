"""UNCHANGED is one object, and no value of any type."""

from __future__ import annotations

import copy
import pickle

import pytest

import snakestore
from snakestore import UNCHANGED, ValidationError, VariableType, register_type, types, validate


class Anything(VariableType):
    """A type that accepts every value."""

    name = "anything"

    def encode(self, value):
        return repr(value), None


def test_copies_are_the_object_itself():
    again = pickle.loads(pickle.dumps(UNCHANGED))  # noqa: S301 - our own

    assert again is copy.copy(UNCHANGED) is copy.deepcopy(UNCHANGED) is UNCHANGED
    assert repr(UNCHANGED) == "snakestore.UNCHANGED"
    assert snakestore.UNCHANGED is UNCHANGED


@pytest.mark.parametrize("type_name", snakestore.supported_types())
def test_no_type_accepts_it(type_name):
    with pytest.raises(ValidationError, match="fn of modify_variable"):
        validate(UNCHANGED, type_name)


def test_a_users_type_that_accepts_everything_does_not_accept_it(monkeypatch):
    monkeypatch.setattr(types.registry, "_types", types.registry._types)
    register_type(Anything)

    with pytest.raises(ValidationError, match="fn of modify_variable"):
        types.encode_value("anything", UNCHANGED, {})


def test_it_is_refused_inside_a_document():
    with pytest.raises(ValidationError, match="fn of modify_variable") as caught:
        validate({"a": [UNCHANGED]}, "json")

    assert caught.value.path == "$.a[0]"
