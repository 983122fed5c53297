"""string, choice and module: texts and their constraints."""

from __future__ import annotations

import enum
import json
import os
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from snakestore import ConstraintError, ValidationError, types
from tests.types.support import exact, there_and_back

TEXT_TYPES = ["string", "choice", "module"]


class Mode(enum.StrEnum):
    FAST = "fast"


class Atom(enum.Enum):
    FAST = "fast"


class Shouting(str):
    __slots__ = ()

    def __eq__(self, other):
        return other == str.__str__(self).upper()

    def __hash__(self):
        return str.__hash__(self)


@pytest.mark.parametrize("type_name", TEXT_TYPES)
@pytest.mark.parametrize(
    "value",
    [
        "",
        "a",
        "a\0b",
        "é😀",
        "e\u0301",
        "line\nbreak\r\n\u2028",
        "\x7f\x1f",
        '"\\/',
        "\uffff\U0010ffff",
        " padded ",
    ],
)
def test_a_text_comes_back_character_by_character(type_name, value):
    assert exact(there_and_back(type_name, value)) == exact(value)


@given(some.text())
def test_every_text_comes_back(value):
    assert exact(there_and_back("string", value)) == exact(value)


def test_a_text_of_ten_megabytes_comes_back():
    value = "a\0é😀\n" * 1_000_000

    assert there_and_back("string", value) == value


def test_a_stored_text_is_readable_json():
    assert types.encode_value("string", "é\0\n", {})[1] == '"é\\u0000\\n"'
    assert json.loads(types.encode_value("string", "é\0\n", {})[1]) == "é\0\n"


@pytest.mark.parametrize("type_name", TEXT_TYPES)
def test_a_subclass_of_str_is_converted_to_str(type_name):
    for value in (Mode.FAST, np.str_("fast")):
        assert exact(there_and_back(type_name, value)) == exact("fast")


@pytest.mark.parametrize("type_name", TEXT_TYPES)
@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (None, "json"),
        (1, "str(...)"),
        (True, "str(...), or use a variable of type boolean"),
        (b"a", ".decode()"),
        (Atom.FAST, ".value"),
        (pathlib.PurePath("a"), "str(...)"),
        (os, ".__name__"),
        (["a"], "list"),
        (Shouting("a"), "str(...)"),
        ("ab\ud800c", "position 2"),
    ],
)
def test_a_value_that_is_not_text_is_refused_with_a_hint(type_name, value, advice):
    with pytest.raises(ValidationError) as caught:
        types.validate(value, type_name)

    assert advice in str(caught.value)
    assert caught.value.type == type_name


@pytest.mark.parametrize(
    ("type_name", "value", "constraints", "broken"),
    [
        ("string", "ab", {"min_length": 2, "max_length": 2}, None),
        ("string", "😀e\u0301", {"min_length": 3, "max_length": 3}, None),
        ("string", "", {"max_length": 0}, None),
        ("string", "a", {"min_length": 2}, "min_length"),
        ("string", "abc", {"max_length": 2}, "max_length"),
        ("string", "xaby", {"pattern": "ab"}, None),
        ("string", "x", {"pattern": ""}, None),
        ("string", "xay", {"pattern": "^a"}, "pattern"),
        ("string", "a", {"enum": ["b", "a"]}, None),
        ("string", "A", {"enum": ["a"]}, "enum"),
        ("string", "a ", {"enum": ["a"]}, "enum"),
        ("string", "a" * 5, {"max_length": 3, "pattern": "b"}, "max_length"),
        ("choice", "anything", {}, None),
        ("choice", "a", {"choices": ["a", "b"]}, None),
        ("choice", "c", {"choices": ["a", "b"]}, "choices"),
        ("choice", "", {"choices": [""]}, None),
        ("choice", Mode.FAST, {"choices": ["fast"]}, None),
        ("module", "any thing at all", {}, None),
        ("module", "dspy.Predict", {"allowed_modules": ["dspy.Predict"]}, None),
        ("module", "os", {"allowed_modules": ["dspy.Predict"]}, "allowed_modules"),
    ],
)
def test_a_text_must_satisfy_its_constraints(type_name, value, constraints, broken):
    if broken is None:
        assert types.validate(value, type_name, constraints) == value
        return

    with pytest.raises(ConstraintError) as caught:
        types.validate(value, type_name, constraints)
    assert caught.value.constraint == broken
    assert caught.value.type == type_name


def test_a_refusal_shows_a_long_text_shortened():
    with pytest.raises(ConstraintError) as caught:
        types.validate("a" * 10_000_000, "string", {"max_length": 3})

    assert len(str(caught.value)) < 300
    assert len(caught.value.value) <= 80
    assert "10000000" in str(caught.value)


def test_a_module_is_never_imported(tmp_path, monkeypatch):
    (tmp_path / "booby_trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    assert (
        there_and_back("module", "booby_trap", {"allowed_modules": ["booby_trap"]}) == "booby_trap"
    )


@pytest.mark.parametrize("type_name", TEXT_TYPES)
@pytest.mark.parametrize(
    "text",
    ["a", "", "5", "null", "[]", '"a', '"a" "b"', '"\\ud800"', '"\\uD83D"', '"\n"', None, b'"a"'],
)
def test_damaged_text_is_a_validation_error(type_name, text):
    with pytest.raises(ValidationError):
        types.decode_value(type_name, text, None)


def test_escapes_written_by_hand_are_read():
    assert types.decode_value("string", '"\\u0041\\ud83d\\ude00"', None) == "A😀"
    assert types.decode_value("string", '"\\\\ud800"', None) == "\\ud800"
