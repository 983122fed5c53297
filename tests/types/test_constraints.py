"""Constraints are checked when they are given: each invalid one is refused by name, with a hint."""

from __future__ import annotations

import collections
import enum
import math
import types as builtin_types

import pytest

from snakestore import ConstraintError, UnknownTypeError, ValidationError, types


class Size(enum.IntEnum):
    TWO = 2


UNSOUND = [
    *[(of, {"minimum": 1}, "minimum") for of in types.supported_types()],
    *[
        (of, {name: bound}, name)
        for of in ("float", "integer")
        for name in ("min", "max")
        for bound in ("0", None, True, [1], math.nan, math.inf, Size.TWO)
    ],
    ("integer", {"min": 3.0}, "min"),
    pytest.param("integer", {"max": 10**4300}, "max", id="4301 digits"),
    ("float", {"min": 2, "max": 1.5}, "min"),
    ("integer", {"min": 2, "max": 1}, "min"),
    ("boolean", {"min": 0}, "min"),
    ("json", {"schema": {}}, "schema"),
    *[
        ("string", {name: bound}, name)
        for name in ("min_length", "max_length")
        for bound in (-1, 1.0, True, None, "1", Size.TWO)
    ],
    ("string", {"min_length": 3, "max_length": 2}, "min_length"),
    *[
        ("embedding", {"dimensions": bound}, "dimensions")
        for bound in (-1, 3.0, True, None, "3", [3])
    ],
    *[
        ("tensor", {"shape": bound}, "shape")
        for bound in (
            [-1],
            [3.0],
            [True],
            [None],
            ["3"],
            (3,),
            3,
            None,
            {"a": 1},
            [2**63],
            [1] * 65,
            [10**9, 0],
        )
    ],
    *[
        (of, {name: bound}, name)
        for of, name in (("string", "enum"), ("choice", "choices"), ("module", "allowed_modules"))
        for bound in (
            [],
            None,
            "ab",
            ("a",),
            {"a"},
            ["a", "a"],
            ["a", 1],
            ["a", None],
            [Size.TWO],
            ["\ud800"],
            {"a": 1},
        )
    ],
    ("string", {"pattern": "("}, "pattern"),
    ("string", {"pattern": 5}, "pattern"),
    ("string", {"pattern": None}, "pattern"),
    ("string", {"choices": ["a"]}, "choices"),
    ("choice", {"enum": ["a"]}, "enum"),
]


@pytest.mark.parametrize(("type_name", "constraints", "named"), UNSOUND)
def test_an_invalid_constraint_is_refused_by_name(type_name, constraints, named):
    for judge in (
        lambda: types.check_constraints(type_name, constraints),
        lambda: types.get(type_name).check_constraints(constraints),
        lambda: types.validate(object(), type_name, constraints),
    ):
        with pytest.raises(ConstraintError) as caught:
            judge()
        assert caught.value.constraint == named
        assert caught.value.type == type_name
        assert named in str(caught.value)


@pytest.mark.parametrize(
    "constraints",
    [
        [],
        [("min", 1)],
        "min",
        5,
        collections.OrderedDict(min=1),
        builtin_types.MappingProxyType({"min": 1}),
    ],
)
def test_constraints_are_a_dict_or_none(constraints):
    with pytest.raises(ValidationError) as caught:
        types.check_constraints("float", constraints)

    assert "dict" in str(caught.value)


def test_a_name_that_is_not_a_str_is_an_unknown_constraint():
    with pytest.raises(ConstraintError) as caught:
        types.check_constraints("float", {1: 2})

    assert caught.value.constraint == "1"


@pytest.mark.parametrize(
    ("type_name", "constraints"),
    [
        ("float", {"min": -1, "max": 10**400}),
        ("float", {"min": 0.5, "max": 0.5}),
        ("integer", {"min": -(10**4299), "max": 10**4299}),
        ("string", {"min_length": 0, "max_length": 0, "pattern": "", "enum": ["", "a", "é"]}),
        ("choice", {"choices": [""]}),
        ("module", {"allowed_modules": ["a", "A"]}),
        ("embedding", {"dimensions": 0}),
        ("tensor", {"shape": []}),
        ("tensor", {"shape": [0, 10**18]}),
        ("boolean", {}),
        ("json", {}),
    ],
)
def test_valid_constraints_are_returned_as_a_copy(type_name, constraints):
    copy = types.check_constraints(type_name, constraints)

    assert copy == constraints
    assert copy is not constraints
    for name, bound in constraints.items():
        assert type(copy[name]) is type(bound)
        assert not isinstance(bound, list) or copy[name] is not bound


def test_none_is_no_constraints():
    assert types.check_constraints("float", None) == {}
    assert types.validate(1, "float", None) == 1.0


def test_invalid_constraints_are_refused_before_the_value():
    with pytest.raises(ConstraintError) as caught:
        types.validate("no number", "float", {"min": 2, "max": 1})

    assert caught.value.constraint == "min"


def test_an_unknown_type_is_refused_with_the_registered_ones():
    for ask in (
        lambda: types.validate(1, "flout"),
        lambda: types.check_constraints("flout", None),
        lambda: types.get("flout"),
    ):
        with pytest.raises(UnknownTypeError) as caught:
            ask()
        assert caught.value.type == "flout"
        assert "float" in str(caught.value)


@pytest.mark.parametrize("name", [None, 5, [], {}, b"float"])
def test_a_value_that_is_not_a_name_is_an_unknown_type(name):
    with pytest.raises(UnknownTypeError):
        types.validate(1, name)
