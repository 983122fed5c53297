"""tensor: which values it accepts, their normalised form, and the dtype."""

from __future__ import annotations

import collections
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from snakestore import ConstraintError, ValidationError, types
from tests.types.array_values import Answers, any_array
from tests.types.support import exact, there_and_back


@given(any_array)
def test_every_array_is_a_tensor_and_comes_back_with_its_dtype(given_array):
    value, text, blob = types.encode_value("tensor", given_array, {})
    read = types.decode_value("tensor", text, blob)
    again = types.to_numpy(read, blob)

    assert (
        exact(read)
        == exact(value)
        == exact({"shape": list(given_array.shape), "data": given_array.tolist()})
    )
    assert again.dtype == given_array.dtype.newbyteorder("=")
    assert again.shape == given_array.shape
    assert again.tobytes() == given_array.astype(again.dtype).tobytes()


@given(any_array, some.randoms())
def test_the_order_in_memory_does_not_matter(given_array, chance):
    axes = list(range(given_array.ndim))
    chance.shuffle(axes)
    turned = given_array.transpose(axes)[..., ::-1] if given_array.ndim else given_array

    _, _, blob = types.encode_value("tensor", turned, {})

    assert (
        blob
        == types.encode_value("tensor", np.ascontiguousarray(turned).reshape(turned.shape), {})[2]
    )
    assert (types.to_numpy({}, blob) == turned).all()


@given(any_array)
def test_nested_and_flat_lists_are_equivalent(given_array):
    shape = list(given_array.shape)
    nested = {"shape": shape, "data": given_array.tolist()}

    value = there_and_back("tensor", nested)

    assert exact(value) == exact(nested)
    if shape:
        flat = {"shape": tuple(shape), "data": given_array.ravel().tolist()}
        assert exact(there_and_back("tensor", flat)) == exact(value)
    assert exact(there_and_back("tensor", {"shape": shape, "data": given_array})) == exact(value)


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ({"shape": [2, 2], "data": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]),
        ({"shape": [2, 2], "data": [1, 2, 3, 4]}, [[1, 2], [3, 4]]),
        ({"shape": (2, 2), "data": ((1, 2), [3, 4])}, [[1, 2], [3, 4]]),
        ({"shape": [2, 2], "data": [1, 2, 3, 4.0]}, [[1.0, 2.0], [3.0, 4.0]]),
        ({"shape": [2], "data": [2**63 - 1, -(2**63)]}, [2**63 - 1, -(2**63)]),
        ({"shape": [2], "data": [np.int8(1), np.float32(0.5)]}, [1.0, 0.5]),
        ({"shape": [np.int64(1)], "data": collections.deque([1])}, [1]),
        ({"shape": [], "data": 5}, 5),
        ({"shape": [], "data": 5.0}, 5.0),
        ({"shape": [], "data": np.array(5)}, 5),
        ({"shape": [], "data": [5]}, 5),
        ({"shape": [], "data": (5.0,)}, 5.0),
        ({"shape": [], "data": np.array([5])}, 5),
        ({"shape": [0], "data": []}, []),
        ({"shape": [3, 0], "data": [[], [], []]}, [[], [], []]),
        ({"shape": [3, 0], "data": []}, [[], [], []]),
        ({"shape": [0, 3], "data": []}, []),
        ({"shape": [2, 0, 3], "data": [[], []]}, [[], []]),
        ({"shape": [1, 1], "data": [1]}, [[1]]),
        ({"shape": [3, 1], "data": [[1], [2], [3]]}, [[1], [2], [3]]),
        ({"shape": [1] * 64, "data": [1]}, None),
        (collections.OrderedDict(data=[1], shape=[1]), [1]),
        (Answers(np.array([[1, 2]])), [[1, 2]]),
        (np.uint8(7), 7),
    ],
)
def test_a_tensor_takes_data_nested_to_its_shape_or_flat(value, becomes):
    read = there_and_back("tensor", value)

    assert list(read) == ["shape", "data"]
    if becomes is not None:
        assert exact(read["data"]) == exact(becomes)


@pytest.mark.parametrize(
    ("value", "advice", "path"),
    [
        (None, "json", None),
        ([[1, 2]], '"shape"', None),
        ("text", '"shape"', None),
        ({"shape": [1]}, "shape and data", None),
        ({"shape": [1], "data": [1], "dtype": "f4"}, "shape and data", None),
        ({"shape": [-1], "data": []}, "0 or more", "$.shape"),
        ({"shape": [2.0], "data": [1, 2]}, "0 or more", "$.shape"),
        ({"shape": [True], "data": [1]}, "0 or more", "$.shape"),
        ({"shape": [None], "data": [1]}, "0 or more", "$.shape"),
        ({"shape": ["1"], "data": [1]}, "0 or more", "$.shape"),
        ({"shape": 1, "data": [1]}, "0 or more", "$.shape"),
        ({"shape": None, "data": [1]}, "0 or more", "$.shape"),
        ({"shape": "11", "data": [1]}, "0 or more", "$.shape"),
        ({"shape": [1] * 65, "data": [1]}, "64", "$.shape"),
        ({"shape": [10**9, 0], "data": []}, "no numbers", "$.shape"),
        ({"shape": [10_001, 0], "data": []}, "no numbers", "$.shape"),
        (np.empty((10, 1001, 0)), "no numbers", None),
        ({"shape": [2**64], "data": []}, "2**63", "$.shape"),
        ({"shape": [2, 2], "data": [1, 2, 3]}, "flat list", "$.data"),
        ({"shape": [2, 2], "data": [[1, 2], [3]]}, "1 entries", "$.data[1]"),
        ({"shape": [2, 2], "data": [[1, 2], 3]}, "int", "$.data[1]"),
        ({"shape": [2, 2], "data": [[[1, 2], [3, 4]]]}, "flat list", "$.data"),
        ({"shape": [1, 2, 2], "data": [[[1, 2], [3, "4"]]]}, "str", "$.data[0][1][1]"),
        ({"shape": [2, 2], "data": [1, 2, 3, "4"]}, "str", "$.data[3]"),
        ({"shape": [2, 2], "data": [1, [2], 3, 4]}, "flat", "$.data[1]"),
        ({"shape": [2], "data": "12"}, "str", "$.data"),
        ({"shape": [2], "data": {"a": 1, "b": 2}}, "dict", "$.data"),
        ({"shape": [2], "data": 5}, "int", "$.data"),
        ({"shape": [1], "data": [[1]]}, "flat", "$.data[0]"),
        ({"shape": [], "data": []}, "single number", "$.data"),
        ({"shape": [], "data": [5, 6]}, "single number", "$.data"),
        ({"shape": [], "data": [[5]]}, "must be a number", "$.data[0]"),
        ({"shape": [], "data": [None]}, "must be a number", "$.data[0]"),
        ({"shape": [], "data": None}, "number", "$.data"),
        ({"shape": [2], "data": [1, True]}, "int(...)", "$.data[1]"),
        ({"shape": [2], "data": [1, None]}, "omit it", "$.data[1]"),
        ({"shape": [2], "data": [1.0, math.nan]}, "finite", "$.data[1]"),
        ({"shape": [2, 1], "data": [[1], [math.inf]]}, "finite", "$.data[1][0]"),
        ({"shape": [2], "data": [1, 2**63]}, "64 bits", "$.data[1]"),
        ({"shape": [2], "data": [1, -(2**63) - 1]}, "64 bits", "$.data[1]"),
        ({"shape": [2], "data": [1.0, 2**53 + 1]}, "round", "$.data[1]"),
        ({"shape": [1], "data": np.array([True])}, "bool is not a number", "$.data"),
        ({"shape": [3], "data": np.array([1, 2])}, "2 entries", "$.data"),
        (np.array([2**63], dtype="u8"), "64-bit", None),
        (np.array([[True]]), "bool is not a number", None),
        (np.array([1.0, -math.inf]), "finite", None),
        (np.empty((10**9, 0)), "no numbers", None),
    ],
)
def test_a_tensor_refuses_everything_else_and_says_what_to_do(value, advice, path):
    with pytest.raises(ValidationError) as caught:
        types.validate(value, "tensor")

    assert advice in str(caught.value)
    assert caught.value.type == "tensor"
    assert caught.value.path == path
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("shape", "fits"), [([2, 1], True), ([1, 2], False), ([2], False), ([], False)]
)
def test_a_tensor_must_have_the_shape_of_its_constraint(shape, fits):
    value = {"shape": [2, 1], "data": [1, 2]}
    if fits:
        assert types.validate(value, "tensor", {"shape": shape})["data"] == [[1], [2]]
        return

    with pytest.raises(ConstraintError) as caught:
        types.validate(value, "tensor", {"shape": shape})
    assert caught.value.constraint == "shape"


def test_a_normalised_value_shares_nothing_with_the_given_one():
    given_list = {"shape": [2, 2], "data": [[1, 2], [3, 4]]}
    value = types.validate(given_list, "tensor")
    vector = [1.0, 2.0]
    embedding = types.validate(vector, "embedding")

    value["data"][0][0] = value["shape"][0] = embedding[0] = 99

    assert given_list == {"shape": [2, 2], "data": [[1, 2], [3, 4]]}
    assert vector == [1.0, 2.0]
