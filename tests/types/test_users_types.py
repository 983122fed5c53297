"""Types of the user: what they inherit, override and must return."""

from __future__ import annotations

import datetime as dt
import json
import math

import pytest

from snakestore import ConstraintError, ValidationError, VariableType, register_type, types
from tests.types.support import named, there_and_back

pytestmark = pytest.mark.usefixtures("own_registry")


def test_a_duration_is_a_type_in_under_fifteen_lines():
    @register_type
    class Duration(VariableType):
        name = "duration"
        constraints = ("max_seconds",)

        def normalise(self, value):
            return (
                value
                if isinstance(value, dt.timedelta)
                else self.refuse("must be a datetime.timedelta", value)
            )

        def check(self, value, constraints):
            if value.total_seconds() > constraints.get("max_seconds", math.inf):
                self.refuse("is too long", value, constraint="max_seconds")

        def encode(self, value):
            return json.dumps([value.days, value.seconds, value.microseconds]), None

        def decode(self, text, blob):
            return dt.timedelta(*json.loads(text))

    long = dt.timedelta(days=3, microseconds=7)
    assert there_and_back("duration", long) == long
    assert types.encode_value("duration", long, {})[1] == "[3, 0, 7]"
    assert types.validate(long, "duration", {"max_seconds": 1e6}) == long
    with pytest.raises(ConstraintError) as caught:
        types.validate(long, "duration", {"max_seconds": 60})
    assert (caught.value.constraint, caught.value.type) == ("max_seconds", "duration")
    with pytest.raises(ValidationError, match=r"^duration: must be a datetime.timedelta") as caught:
        types.validate(5, "duration")
    assert caught.value.type == "duration"
    with pytest.raises(ConstraintError, match="max_seconds"):
        types.validate(long, "duration", {"min_seconds": 1})
    with pytest.raises(ValidationError, match="duration"):
        types.decode_value("duration", "[true, {}]", None)


def test_a_type_that_overrides_nothing_accepts_json_documents():
    register_type(named("mine"))

    assert there_and_back("mine", {"a": [1, 1.0, None]}) == {"a": [1, 1.0, None]}
    with pytest.raises(ValidationError) as caught:
        types.encode_value("mine", {"a": (1,)}, {})
    assert (caught.value.type, caught.value.path) == ("mine", "$.a")
    with pytest.raises(ConstraintError):
        types.check_constraints("mine", {"min": 1})


@pytest.mark.parametrize(
    "encoded",
    [
        None,
        "text",
        ("text",),
        (None, None),
        ("text", "text"),
        (b"bytes", None),
        (1, None),
        (None, bytearray(b"1")),
        ("a", None, None),
        ["text", None],
    ],
)
def test_an_encoded_form_that_cannot_be_stored_is_refused(encoded):
    register_type(named("mine", encode=lambda self, value: encoded))

    with pytest.raises(ValidationError, match=r"encode\(\) must return") as caught:
        types.encode_value("mine", 1, {})

    assert caught.value.type == "mine"


@pytest.mark.parametrize(
    ("text", "reason"), [("a\0b", "NUL at position 1"), ("é\ud800", "surrogate at position 1")]
)
def test_text_that_cannot_be_stored_is_refused(text, reason):
    register_type(named("mine", encode=lambda self, value: (text, None)))

    with pytest.raises(ValidationError, match=reason):
        types.encode_value("mine", 1, {})


@pytest.mark.parametrize(
    "encoded", [("text", None), (None, b"\0bytes"), ("é", b""), ("", None), (None, b"")]
)
def test_text_bytes_or_both_are_stored(encoded):
    register_type(
        named(
            "mine", encode=lambda self, value: encoded, decode=lambda self, text, blob: (text, blob)
        )
    )

    assert types.encode_value("mine", 1, {}) == (1, *encoded)
    assert types.decode_value("mine", *encoded) == encoded


@pytest.mark.parametrize(
    "problem", [KeyError("a"), ZeroDivisionError(), IndexError(), OverflowError()]
)
def test_any_error_while_decoding_is_a_validation_error(problem):
    def fail(self, text, blob):
        raise problem

    register_type(named("mine", decode=fail))

    with pytest.raises(ValidationError, match="mine") as caught:
        types.decode_value("mine", "1", None)
    assert caught.value.__cause__ is problem


def test_other_errors_of_a_type_are_raised_unchanged():
    def fail(self, value):
        raise ZeroDivisionError

    register_type(named("mine", normalise=fail))

    with pytest.raises(ZeroDivisionError):
        types.encode_value("mine", 1, {})


def test_every_method_of_a_subclass_of_a_built_in_type_is_called():
    class Percent(types.FloatType):
        name = "percent"

        def normalise(self, value):
            return super().normalise(value) * 100

        def encode(self, value):
            return f"{value!r}%", None

        def decode(self, text, blob):
            return float(text.removesuffix("%"))

    class Tagged(types.JsonType):
        name = "tagged"

        def normalise(self, value):
            return {"tag": (1, 2)}

    register_type(Percent)
    register_type(Tagged)

    assert types.encode_value("percent", 0.5, {"max": 50}) == (50.0, "50.0%", None)
    assert types.decode_value("percent", "50.0%", None) == 50.0
    with pytest.raises(ValidationError) as caught:
        types.encode_value("tagged", {}, {})
    assert caught.value.path == "$.tag"


def test_constraints_of_a_users_type_are_json():
    register_type(named("mine", constraints=("unit", "bounds")))

    assert types.check_constraints("mine", {"unit": "s", "bounds": [1, {"a": None}]}) == {
        "unit": "s",
        "bounds": [1, {"a": None}],
    }
    with pytest.raises(ConstraintError) as caught:
        types.check_constraints("mine", {"bounds": [1, (2,)]})
    assert (caught.value.constraint, caught.value.path) == ("bounds", "$[1]")
