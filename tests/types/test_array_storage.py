"""Arrays in binary: the dtype is kept, also in numpy, and loading is fast."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given

from snakestore import ValidationError, types
from snakestore.types import binary, numpy_support
from tests.types.array_values import Answers, any_array
from tests.types.support import there_and_back

# --- the dtype that a variable was read with


@given(any_array)
def test_an_unchanged_value_keeps_its_dtype(given_array):
    value, _, blob = types.encode_value("tensor", given_array, {})

    assert types.encode_value("tensor", value, {}, blob)[2] == blob


@pytest.mark.parametrize(
    ("type_name", "before", "after"),
    [
        ("embedding", np.array([0.5, 1.0], "f4"), [0.5, 1.5]),
        ("embedding", np.array([0.0], "f4"), [-0.0]),
        ("embedding", np.array([0.1], "f4"), [0.1]),
        ("embedding", np.array([1, 2], "i1"), [1.0]),
        ("tensor", np.array([1, 2], "i1"), {"shape": [2], "data": [1.0, 2.0]}),
        ("tensor", np.array([1, 2], "f4"), {"shape": [2], "data": [1, 2]}),
        ("tensor", np.array([1, 2], "i1"), {"shape": [2, 1], "data": [1, 2]}),
        ("tensor", np.array([0.0], "f2"), {"shape": [1], "data": [-0.0]}),
    ],
)
def test_a_changed_value_does_not_keep_its_dtype(type_name, before, after):
    _, _, blob = types.encode_value(type_name, before, {})

    packed = types.encode_value(type_name, after, {}, blob)

    assert packed == types.encode_value(type_name, after, {})


def test_an_array_is_stored_with_its_own_dtype():
    _, _, blob = types.encode_value("embedding", np.array([0.5], "f4"), {})

    assert (
        types.to_numpy(
            None, types.encode_value("embedding", np.array([0.5], "f2"), {}, blob)[2]
        ).dtype
        == "f2"
    )


@pytest.mark.parametrize("previous_blob", [b"", b"snk", b"another type's bytes", b"\xff" * 100])
def test_previous_bytes_of_something_else_are_ignored(previous_blob):
    assert types.encode_value("embedding", [0.5], {}, previous_blob) == types.encode_value(
        "embedding", [0.5], {}
    )


class Halved(types.EmbeddingType):
    name = "halved"

    def normalise(self, value):
        return [number / 2 for number in super().normalise(value)]


class Spelled(types.EmbeddingType):
    name = "spelled"

    def encode(self, value):
        return json.dumps(value), None

    def decode(self, text, blob):
        return json.loads(text)


def test_a_subclass_of_an_array_type_may_override_its_methods():
    value, _, blob = Halved().check_and_encode(np.array([1.0], "f4"), {})
    assert value == [0.5] == Halved().decode(None, blob)

    assert Spelled().check_and_encode(np.array([1.0], "f4"), {}) == ([1.0], "[1.0]", None)


# --- numpy


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        ([1.0, 2.0], "f8", (2,)),
        ([], "f8", (0,)),
        ({"shape": [2, 1], "data": [[1], [2]]}, "i8", (2, 1)),
        ({"shape": [], "data": 5}, "i8", ()),
        ({"shape": [], "data": 5.0}, "f8", ()),
        ({"shape": [3, 0], "data": [[], [], []]}, "f8", (3, 0)),
    ],
)
def test_without_bytes_an_array_is_created_from_the_list(value, dtype, shape):
    made = types.to_numpy(value, None)

    assert (made.dtype, made.shape) == (dtype, shape)
    assert made.tolist() == (value["data"] if isinstance(value, dict) else value)


def test_the_array_is_a_writable_copy():
    value, _, blob = types.encode_value("tensor", np.array([[1, 2]], "i2"), {})
    before = bytes(blob)

    made = types.to_numpy(value, blob)
    made[0, 0] = 99

    assert blob == before
    assert value["data"] == [[1, 2]]
    source = np.array([1.0])
    types.to_numpy(source)[0] = 2.0
    assert source[0] == 1.0


@pytest.mark.parametrize("value", [5, "text", {"a": 1}, None])
def test_only_embeddings_and_tensors_become_arrays(value):
    with pytest.raises(ValidationError):
        types.to_numpy(value, None)


@pytest.fixture
def no_numpy(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)


def test_lists_need_no_numpy(no_numpy):
    assert there_and_back("embedding", [1, 2.5]) == [1.0, 2.5]
    assert there_and_back("tensor", {"shape": [2], "data": [1, 2]}) == {
        "shape": [2],
        "data": [1, 2],
    }
    assert there_and_back("float", 1) == 1.0
    with pytest.raises(ValidationError):
        types.validate([1.0, "a"], "embedding")


def test_to_numpy_without_numpy_says_what_to_install(no_numpy):
    _, _, blob = types.encode_value("embedding", [1.0], {})

    for ask in (
        lambda: types.to_numpy([1.0], blob),
        lambda: types.validate(Answers([1.0]), "embedding"),
    ):
        with pytest.raises(ValidationError, match="pip install numpy"):
            ask()


def test_half_floats_are_read_without_numpy(no_numpy):
    blob = binary.header("f2", (2,)) + b"\x00\x38\x00\xbc"

    assert types.decode_value("embedding", None, blob) == [0.5, -1.0]


def test_every_code_is_a_dtype_of_its_size():
    assert {np.dtype(code).itemsize for code in numpy_support.CODES} == {1, 2, 4, 8}


# --- size


def test_an_embedding_of_1536_takes_twelve_kilobytes():
    numbers = np.random.default_rng(1).standard_normal(1536).tolist()

    _, _, blob = types.encode_value("embedding", numbers, {})

    assert len(blob) == 1536 * 8 + 16


def test_a_tensor_of_a_million_numbers_is_read_as_it_was_stored():
    flat = list(range(1_000_000))

    value, _, blob = types.encode_value("tensor", {"shape": [1000, 1000], "data": flat}, {})
    read = types.decode_value("tensor", None, blob)

    assert read == value
