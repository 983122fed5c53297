"""embedding: which values it accepts, their normalised form, and the dtype."""

from __future__ import annotations

import array
import collections
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from snakestore import ConstraintError, ValidationError, types
from tests.types.array_values import Answers, finite
from tests.types.support import exact, there_and_back


@given(some.lists(finite | some.integers(-(2**53), 2**53)))
@example([-0.0, 5e-324, 1.7976931348623157e308, 1e308])
@example([1.7e308, 1.7e308])
def test_every_list_of_numbers_is_an_embedding_of_floats(numbers):
    assert exact(there_and_back("embedding", numbers)) == exact(
        [float(number) for number in numbers]
    )


@pytest.mark.parametrize(
    "value",
    [
        [1, 2.5],
        (1, 2.5),
        collections.deque([1, 2.5]),
        array.array("d", [1, 2.5]),
        [np.float32(1), np.float64(2.5)],
        [np.int8(1), 2.5],
        np.array([1, 2.5]),
        np.array([1, 2.5], dtype=">f4"),
        np.array([1, 2.5], dtype="f2"),
        np.array([1, 2.5], dtype=np.longdouble),
        np.array([0, 1, 0, 2.5])[1::2],
        np.array([2.5, 1])[::-1],
        np.asfortranarray([[1, 0], [2.5, 0]])[:, 0],
        Answers(np.array([1, 2.5])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_embedding_takes_sequences_and_arrays_of_all_kinds(value):
    assert exact(there_and_back("embedding", value)) == exact([1.0, 2.5])


@pytest.mark.parametrize("value", [[], (), np.array([]), np.array([], dtype="i1"), range(0)])
def test_an_embedding_may_be_empty(value):
    assert there_and_back("embedding", value) == []
    assert there_and_back("embedding", value, {"dimensions": 0}) == []
    with pytest.raises(ConstraintError):
        types.validate(value, "embedding", {"dimensions": 1})


@pytest.mark.parametrize("value", [[0.5] * 3, np.zeros(3, "i4")])
def test_an_embedding_must_have_its_dimensions(value):
    assert len(types.validate(value, "embedding", {"dimensions": 3})) == 3

    with pytest.raises(ConstraintError, match="2 numbers, not 3") as caught:
        types.validate(value, "embedding", {"dimensions": 2})
    assert caught.value.constraint == "dimensions"


@pytest.mark.parametrize(
    ("value", "advice", "path"),
    [
        (None, "json", None),
        ("1,2", "list", None),
        (b"12", "list", None),
        (bytearray(b"12"), "list", None),
        (1.5, "list", None),
        ({1.0, 2.0}, "list", None),
        ({"a": 1.0}, "list", None),
        (iter([1.0]), "list", None),
        ([1.0, None], "omit it", "$[1]"),
        ([1.0, True], "int(...)", "$[1]"),
        ([np.True_], "int(...)", "$[0]"),
        ([1.0, "2"], "str", "$[1]"),
        ([[1.0, 2.0]], "flat list", "$[0]"),
        ([1.0, math.nan], "finite", "$[1]"),
        ([1, 2, math.inf], "finite", "$[2]"),
        ([1.5, -math.inf], "finite", "$[1]"),
        ([1.0, 2**53 + 1], "round", "$[1]"),
        ([1, 10**400], "round", "$[1]"),
        ([1j], "complex", "$[0]"),
        ([np.array([1.0, 2.0])], "tolist", "$[0]"),
        (np.array([1.0, math.nan]), "finite", None),
        (np.array([math.inf], dtype="f2"), "finite", None),
        (np.array([2**53 + 1]), "round", "$[0]"),
        (np.array([0, 2**64 - 1], dtype="u8"), "round", "$[1]"),
        (np.array([[1.0]]), "ravel", None),
        (np.array(1.0), "ravel", None),
        (np.float64(1.0), "ravel", None),
        (np.array([True]), "bool is not a number", None),
        (np.array([1j]), ".real", None),
        (np.array([None, 1]), "astype(float)", None),
        (np.array(["1"]), "text is not a number", None),
        (np.array([b"1"]), "text is not a number", None),
        (np.array([0], dtype="datetime64[ns]"), "int64", None),
        (np.array([0], dtype="timedelta64[ns]"), "int64", None),
        (np.array([(1, 2.0)], dtype="i4,f4"), "astype", None),
        (np.zeros(2, "V2"), "float32", None),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "filled", None),
        (np.array([1], dtype=np.longdouble) / 3, "float64", None),
        (np.array(["1e4000"], dtype=np.longdouble), "float64", None),
        (Answers(TypeError("unsupported ScalarType BFloat16")), "float32", None),
        (Answers(RuntimeError("requires grad")), "detach", None),
        (Answers("no array"), "Answers", None),
    ],
)
def test_an_embedding_refuses_everything_else_and_says_what_to_do(value, advice, path):
    with pytest.raises(ValidationError) as caught:
        types.validate(value, "embedding")

    assert advice in str(caught.value)
    assert caught.value.type == "embedding"
    assert caught.value.path == path
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
)
def test_an_embedding_keeps_the_dtype_of_an_array(dtype):
    given_array = np.array([0, 1, 100], dtype=dtype)

    value, text, blob = types.encode_value("embedding", given_array, {})

    assert text is None
    assert exact(value) == exact([0.0, 1.0, 100.0])
    assert types.to_numpy(value, blob).dtype == np.dtype(dtype)
    assert exact(types.decode_value("embedding", None, blob)) == exact(value)
