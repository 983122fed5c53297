"""float, integer and boolean: which values they accept, refuse and return."""

from __future__ import annotations

import decimal
import enum
import fractions
import json
import math
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from snakestore import ConstraintError, ValidationError, types
from tests.types.support import exact, there_and_back


class Colour(enum.IntEnum):
    RED = 7


class Loud(float):
    """A float that says something else than it holds."""

    def __eq__(self, other):
        return False

    __hash__ = float.__hash__


BIG = 10**4300


@pytest.mark.parametrize(
    ("given_value", "becomes"),
    [
        (3, 3.0),
        (2**53, 2.0**53),
        (2**60, 2.0**60),
        (10**22, 1e22),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (1e308, 1e308),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (math.nan, math.nan),
        (Colour.RED, 7.0),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), 0.10000000149011612),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.25), 0.25),
        (np.float64("nan"), math.nan),
        (np.int8(-3), -3.0),
        (np.uint64(2**53), 2.0**53),
    ],
)
def test_a_float_accepts_what_a_float_represents_exactly(given_value, becomes):
    assert exact(there_and_back("float", given_value)) == exact(becomes)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (True, "boolean"),
        (np.True_, "boolean"),
        ("0.7", "float(...)"),
        (b"1", "float(...)"),
        (None, "json"),
        (2**53 + 1, "round"),
        (-(2**53) - 1, "round"),
        pytest.param(BIG, "round", id="4301 digits"),
        (10**400, "round"),
        (np.int64(2**53 + 1), "round"),
        (decimal.Decimal("0.5"), "float(...)"),
        (fractions.Fraction(1, 2), "float(...)"),
        (1j, "float(...)"),
        ([1.0], "float(...)"),
        (np.array(1.0), "float(...)"),
        (np.timedelta64(5, "ns"), "float(...)"),
        (np.longdouble(1) / 3, "float(...)"),
        (datetime(2030, 1, 1, tzinfo=UTC), ".timestamp()"),
        (timedelta(1), ".total_seconds()"),
        ({"a": 1}, "type json"),
        (Loud(1.5), "float(...)"),
        (object(), "float(...)"),
    ],
)
def test_a_float_refuses_everything_else_and_says_what_to_do(value, advice):
    with pytest.raises(ValidationError) as caught:
        types.validate(value, "float")

    assert advice in str(caught.value)
    assert caught.value.type == "float"
    assert not isinstance(caught.value, ConstraintError)


@given(some.floats())
def test_every_float_comes_back_bit_for_bit(value):
    assert exact(there_and_back("float", value)) == exact(value)


@given(some.floats())
def test_a_stored_float_is_readable_json(value):
    text, blob = types.get("float").encode(value)

    assert blob is None
    read = json.loads(text)
    assert read == value if math.isfinite(value) else read in ("NaN", "Infinity", "-Infinity")


@pytest.mark.parametrize(
    "value",
    [1, -5, 0, 3.0, -0.0, 1e300, 10**22, Colour.RED, np.int64(9), np.uint8(255), np.float32(3.0)],
)
def test_an_integer_accepts_ints_and_whole_floats(value):
    read = there_and_back("integer", value)

    assert type(read) is int
    assert read == value


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (True, "boolean"),
        (np.False_, "boolean"),
        ("3", "int(...)"),
        (None, "json"),
        (1.5, "round"),
        (5e-324, "round"),
        (math.nan, "round"),
        (math.inf, "round"),
        (np.float32(0.5), "round"),
        pytest.param(BIG, "digits", id="4301 digits"),
        pytest.param(-BIG, "digits", id="minus 4301 digits"),
        (decimal.Decimal(3), "int(...)"),
        (np.datetime64(5, "ns"), "int(...)"),
        ([3], "int(...)"),
    ],
)
def test_an_integer_refuses_everything_else_and_says_what_to_do(value, advice):
    with pytest.raises(ValidationError) as caught:
        types.validate(value, "integer")

    assert advice in str(caught.value)
    assert caught.value.type == "integer"


@given(some.integers() | some.integers(-(10**4299), 10**4299))
def test_every_integer_comes_back(value):
    assert exact(there_and_back("integer", value)) == exact(value)


@pytest.fixture
def few_digits():
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    yield
    sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    "value",
    [BIG - 1, 1 - BIG, 10**700, 10**1000 + 5, -(10**650), 10**640],
    ids=lambda value: f"{value.bit_length()} bits",
)
def test_long_integers_are_stored_whatever_the_limit_of_the_interpreter(few_digits, value):
    assert there_and_back("integer", value) == value
    assert there_and_back("json", {"a": [value, 1.5, "x"], "é": value}) == {
        "a": [value, 1.5, "x"],
        "é": value,
    }


def test_the_digits_written_under_a_low_limit_are_those_written_without():
    value = 10**4299 + 10**1000 + 7
    free = types.encode_value("integer", value, {})[1]
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        limited = types.encode_value("integer", value, {})[1]
    finally:
        sys.set_int_max_str_digits(before)

    assert limited == free


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_a_boolean_accepts_bools(value):
    read = there_and_back("boolean", value)

    assert type(read) is bool
    assert read == value


@pytest.mark.parametrize("value", [0, 1, 1.0, "true", None, [], np.int8(1)])
def test_a_boolean_refuses_everything_else(value):
    with pytest.raises(ValidationError) as caught:
        types.validate(value, "boolean")

    assert caught.value.type == "boolean"


@pytest.mark.parametrize(
    ("type_name", "value", "constraints", "broken"),
    [
        ("float", 0.5, {"min": 0.5, "max": 0.5}, None),
        ("float", 1, {"min": 0, "max": 1}, None),
        ("float", -0.0, {"min": 0}, None),
        ("float", 0.4, {"min": 0.5}, "min"),
        ("float", 0.6, {"max": 0.5}, "max"),
        ("float", math.nan, {"min": 0}, "min"),
        ("float", math.nan, {"max": 0}, "max"),
        ("float", math.inf, {"max": 10**400}, "max"),
        ("float", -math.inf, {"max": 0}, None),
        ("float", 2.0**53, {"max": 2**53 - 1}, "max"),
        ("integer", 5, {"min": 5, "max": 5}, None),
        ("integer", 4.0, {"min": 5}, "min"),
        ("integer", BIG - 1, {"max": BIG - 2}, "max"),
    ],
)
def test_bounds_are_inclusive_and_nan_fails_any(type_name, value, constraints, broken):
    if broken is None:
        types.validate(value, type_name, constraints)
        return

    with pytest.raises(ConstraintError) as caught:
        types.validate(value, type_name, constraints)
    assert caught.value.constraint == broken
    assert caught.value.type == type_name
    assert broken in str(caught.value)


@pytest.mark.parametrize(
    ("type_name", "text"),
    [
        ("float", '"nan"'),
        ("float", '"1.5"'),
        ("float", "NaN"),
        ("float", "Infinity"),
        ("float", "1e999"),
        ("float", "true"),
        ("float", "null"),
        ("float", "[1.5]"),
        ("float", str(2**53 + 1)),
        ("float", "1" + "0" * 400),
        ("float", "1_0"),
        ("integer", "1.0"),
        ("integer", "1.5"),
        ("integer", "false"),
        ("integer", '"1"'),
        ("integer", "1" * 5000),
        ("integer", "01"),
        ("boolean", "1"),
        ("boolean", '"true"'),
        ("boolean", "null"),
        ("boolean", "True"),
    ],
)
def test_damaged_text_is_a_validation_error(type_name, text):
    with pytest.raises(ValidationError) as caught:
        types.decode_value(type_name, text, None)

    assert caught.value.type == type_name


def test_a_number_edited_by_hand_is_read_as_what_it_says():
    assert exact(types.decode_value("float", "3", None)) == exact(3.0)
    assert exact(types.decode_value("float", " 0.5\n", None)) == exact(0.5)
    assert types.decode_value("integer", " 3 ", None) == 3
