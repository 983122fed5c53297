"""The type bytes."""

from __future__ import annotations

import array
import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakestore import (
    ConstraintError,
    ValidationError,
    Variable,
    create_variable,
    types,
    validate,
)
from tests.types.support import there_and_back

np = pytest.importorskip("numpy")


class Tagged(bytes):
    """Bytes whose own methods tell something else."""

    def __bytes__(self):
        return b"other"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\0\xff",
        bytearray(b"ab"),
        memoryview(b"abc"),
        memoryview(b"abcd")[::-2],
        memoryview(np.arange(3, dtype=np.uint8)),
        Tagged(b"abc"),
        np.bytes_(b"abc"),
    ],
    ids=["empty", "bytes", "bytearray", "memoryview", "strided", "uint8", "subclass", "numpy"],
)
def test_bytes_of_any_kind_become_plain_bytes_that_equal_them(value):
    normalised = validate(value, "bytes")

    assert type(normalised) is bytes
    assert normalised == value
    assert there_and_back("bytes", value) == normalised


@given(st.binary())
def test_bytes_are_stored_as_they_are(value):
    assert types.encode_value("bytes", value, {}) == (value, None, value)


def test_a_bytearray_is_copied():
    given_array = bytearray(b"ab")

    normalised = validate(given_array, "bytes")
    given_array.clear()

    assert normalised == b"ab"


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("abc", r"\.encode\(\).*b64decode"),
        (None, "only variables of type json accept None"),
        ([1, 2], r"bytes\(\.\.\.\)"),
        (5, "use a variable of a number type"),
        (1.5, "use a variable of a number type"),
        (True, "use a variable of type boolean"),
        ({"a": 1}, "use a variable of type json"),
        ((1, 2), r"list\(\.\.\.\), in a variable of type json"),
        (array.array("B", [1]), "tobytes"),
        (np.zeros(2, np.uint8), "tobytes"),
        (np.array([b"ab"]), "tobytes"),
        (memoryview(np.zeros(2)), "does not equal its own bytes"),
        (memoryview(np.zeros((2, 2), np.uint8)), "does not equal its own bytes"),
        (memoryview(b"ab").cast("c"), "does not equal its own bytes"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_with_the_call_that_makes_bytes_of_it(value, advice):
    with pytest.raises(ValidationError, match=advice) as refused:
        validate(value, "bytes")

    assert refused.value.type == "bytes"


def test_a_released_memoryview_is_refused():
    view = memoryview(b"ab")
    view.release()

    with pytest.raises(ValidationError, match="released"):
        validate(view, "bytes")


def test_the_length_is_bounded_in_bytes():
    assert validate(b"abc", "bytes", {"max_length": 3}) == b"abc"
    with pytest.raises(ConstraintError, match="at most 3 bytes, not 4") as refused:
        validate(b"abcd", "bytes", {"max_length": 3})
    assert refused.value.constraint == "max_length"


@pytest.mark.parametrize(
    "constraints", [{"max_length": -1}, {"max_length": 3.0}, {"min_length": 1}]
)
def test_a_length_that_is_no_count_is_refused(constraints):
    with pytest.raises(ConstraintError):
        types.check_constraints("bytes", constraints)


@pytest.mark.parametrize(("text", "blob"), [("abc", None), (None, None), ("a", b"a"), (None, 5)])
def test_what_is_stored_otherwise_is_refused(text, blob):
    with pytest.raises(ValidationError):
        types.decode_value("bytes", text, blob)


@pytest.mark.parametrize("value", [b"", b"abc", b"\0\xff" * 100])
def test_bytes_are_base64_text_in_a_dict_and_bytes_again_from_it(value):
    variable = create_variable(name="b", type="bytes", value=value)

    data = json.loads(json.dumps(variable.to_dict()))

    assert data["value"] == base64.b64encode(value).decode()
    assert Variable.from_dict(data) == variable


@pytest.mark.parametrize("text", ["abc", "YWJj", "é", ""])
def test_a_text_that_looks_like_base64_stays_text(text):
    variable = create_variable(name="s", type="string", value=text)

    assert Variable.from_dict(variable.to_dict()) == variable


@pytest.mark.parametrize("type_name", ["string", "json"])
def test_other_types_name_the_type_bytes(type_name):
    with pytest.raises(ValidationError, match="type bytes"):
        validate(b"abc", type_name)
