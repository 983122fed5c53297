"""embedding and tensor: which values they accept, their normalised form, and the dtype."""

from __future__ import annotations

import array
import collections
import json
import math
import sys
import time

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from snakestore import ConstraintError, ValidationError, types
from snakestore.types import binary, numpy_support
from tests.types.support import exact, there_and_back

DTYPES = [
    "f2",
    "f4",
    "f8",
    ">f2",
    ">f4",
    ">f8",
    "i1",
    "i2",
    "i4",
    "i8",
    ">i2",
    ">i4",
    ">i8",
    "u1",
    "u2",
    "u4",
    ">u4",
]


class Answers:
    """Answers ``__array__``, as tensors and frames of other libraries do."""

    def __init__(self, content):
        self.content = content

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


def numbers_of(dtype):
    kind = np.dtype(dtype)
    return {"allow_nan": False, "allow_infinity": False} if kind.kind == "f" else {}


any_array = some.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        elements=numbers_of(dtype),
    )
)
finite = some.floats(allow_nan=False, allow_infinity=False)


# --- embedding


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


# --- tensor


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


# --- speed and size


def best(work, repeats=7):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def test_an_embedding_costs_twelve_kilobytes_and_loads_faster_than_json():
    numbers = np.random.default_rng(1).standard_normal(1536).tolist()
    _, _, blob = types.encode_value("embedding", numbers, {})
    spelled = json.dumps(numbers)

    assert len(blob) == 1536 * 8 + 16
    assert best(lambda: types.decode_value("embedding", None, blob)) * 3 < best(
        lambda: json.loads(spelled)
    )
    assert best(lambda: types.to_numpy(None, blob)) * 10 < best(lambda: json.loads(spelled))


def test_a_tensor_of_a_million_numbers_takes_well_under_seconds():
    flat = list(range(1_000_000))
    start = time.process_time()

    value, _, blob = types.encode_value("tensor", {"shape": [1000, 1000], "data": flat}, {})
    read = types.decode_value("tensor", None, blob)

    assert time.process_time() - start < 2
    assert read == value
