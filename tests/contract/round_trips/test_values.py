"""Another connection reads back exactly the value and the type that were written."""

from __future__ import annotations

import math
import multiprocessing

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from snakestore import SessionRepository
from tests.contract.round_trips.strategies import (
    big_integers,
    documents,
    finite,
    shares_the_store,
    texts,
)
from tests.types.support import exact

exactly_floats = finite | some.integers(-(2**53), 2**53)


number_arrays = some.sampled_from(
    ["f2", "f4", "f8", ">f8", ">f4", "i1", "i2", "i4", "i8", ">i2", "u1", "u2", "u4"]
)


def an_array(dtype, shape):
    elements = {"allow_nan": False, "allow_infinity": False} if np.dtype(dtype).kind == "f" else {}
    return arrays.arrays(dtype, shape, elements=arrays.from_dtype(np.dtype(dtype), **elements))


# --- every type


@shares_the_store
@given(some.floats())
@example(-0.0)
@example(5e-324)
@example(1.7976931348623157e308)
@example(math.nan)
@example(-math.inf)
def test_floats_come_back_bit_for_bit(there_and_back, value):
    assert exact(there_and_back("float", value).value) == exact(value)


@shares_the_store
@given(some.integers(-(2**53), 2**53))
def test_an_int_given_as_a_float_comes_back_as_that_float(there_and_back, value):
    assert exact(there_and_back("float", value).value) == exact(float(value))


@shares_the_store
@given(big_integers)
@example(2**63)
@example(-(2**63) - 1)
@example(10**4300 - 1)
@example(-(10**4300) + 1)
def test_integers_come_back_whatever_their_size(there_and_back, value):
    assert exact(there_and_back("integer", value).value) == exact(value)


@shares_the_store
@given(finite.map(math.floor).map(float))
def test_a_whole_float_given_as_an_integer_comes_back_as_that_int(there_and_back, value):
    assert exact(there_and_back("integer", value).value) == exact(int(value))


@pytest.mark.parametrize("value", [True, False])
def test_booleans_come_back(there_and_back, value):
    assert there_and_back("boolean", value).value is value


@shares_the_store
@given(texts)
@example("")
@example("\0")
@example("a\0b\r\n\u2028\ufeff")
@example("\N{FAMILY}\u200d\N{PILE OF POO}e\u0301\u202e")
@example("null")
@example('"quoted" \\ and \\u0041')
@pytest.mark.parametrize("type_name", ["string", "choice", "module"])
def test_text_comes_back_code_point_by_code_point(there_and_back, type_name, value):
    assert exact(there_and_back(type_name, value).value) == exact(value)


def test_ten_megabytes_of_text_come_back(there_and_back):
    value = "é" * 10_000_000

    assert there_and_back("string", value).value == value


@shares_the_store
@given(some.lists(texts, min_size=1, max_size=4, unique=True))
def test_a_choice_comes_back_with_its_choices(there_and_back, choices):
    found = there_and_back("choice", choices[-1], {"choices": choices})

    assert exact(found.constraints) == exact({"choices": choices})


@shares_the_store
@given(documents)
@example([1, 1.0, True, -0.0, 0, None, [], {}, ""])
@example({"b": 1, "a": 2, "": {"\0": [2**70, 1e308, 5e-324]}})
@example({"__class__": "x", "$ref": "#", "NaN": "NaN"})
def test_documents_come_back_with_the_order_of_their_keys(there_and_back, value):
    assert exact(there_and_back("json", value).value) == exact(value)


@shares_the_store
@given(some.binary())
@example(b"")
@example(bytes(range(256)))
def test_bytes_come_back_as_they_are(there_and_back, value):
    assert exact(there_and_back("bytes", value).value) == exact(value)


@shares_the_store
@given(some.lists(exactly_floats, max_size=8) | some.lists(finite, max_size=8).map(tuple))
@example([])
@example([-0.0, 5e-324, 1.7976931348623157e308])
def test_embeddings_come_back_as_lists_of_floats(there_and_back, value):
    assert exact(there_and_back("embedding", value).value) == exact(
        [float(number) for number in value]
    )


@shares_the_store
@given(
    number_arrays.filter(lambda dtype: dtype != "i8").flatmap(
        lambda dtype: an_array(dtype, some.integers(0, 8))
    )
)
def test_embeddings_of_numpy_come_back_as_the_floats_they_hold(there_and_back, value):
    assert exact(there_and_back("embedding", value).value) == exact(
        [float(number) for number in value.tolist()]
    )


@shares_the_store
@given(
    number_arrays.flatmap(
        lambda dtype: an_array(
            dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
        )
    )
)
def test_tensors_of_numpy_come_back_as_shape_and_nested_data(there_and_back, value):
    expected = {"shape": list(value.shape), "data": value.tolist()}

    assert exact(there_and_back("tensor", value).value) == exact(expected)


@shares_the_store
@given(
    an_array("i8", arrays.array_shapes(min_dims=0, max_dims=3, max_side=3))
    | an_array("f8", arrays.array_shapes(min_dims=0, max_dims=3, max_side=3))
)
def test_tensors_given_nested_or_flat_come_back_nested(there_and_back, value):
    shape, nested = list(value.shape), value.tolist()
    flat = value.ravel().tolist() if shape else nested

    for data in (nested, flat):
        assert exact(there_and_back("tensor", {"shape": shape, "data": data}).value) == exact(
            {"shape": shape, "data": nested}
        )


@pytest.mark.parametrize(
    ("given_value", "stored"),
    [
        ({"shape": [3], "data": [1, 2.5, 3]}, {"shape": [3], "data": [1.0, 2.5, 3.0]}),
        ({"shape": [2], "data": [1, 2]}, {"shape": [2], "data": [1, 2]}),
        (
            {"shape": [2], "data": [2**63 - 1, -(2**63)]},
            {"shape": [2], "data": [2**63 - 1, -(2**63)]},
        ),
        ({"shape": [], "data": 7}, {"shape": [], "data": 7}),
        ({"shape": [], "data": [7.5]}, {"shape": [], "data": 7.5}),
        ({"shape": [2, 0], "data": [[], []]}, {"shape": [2, 0], "data": [[], []]}),
        ({"shape": [0, 2], "data": []}, {"shape": [0, 2], "data": []}),
        ({"shape": (1, 2), "data": ((1, 2),)}, {"shape": [1, 2], "data": [[1, 2]]}),
    ],
)
def test_a_tensor_is_all_ints_or_all_floats(there_and_back, given_value, stored):
    assert exact(there_and_back("tensor", given_value).value) == exact(stored)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype="f4").reshape(2, 3, 4)[:, ::2, ::-1],
        np.asfortranarray(np.arange(6, dtype="i2").reshape(2, 3)),
        np.arange(6, dtype=">i4").reshape(2, 3).T,
        np.broadcast_to(np.float64(0.5), (2, 2)),
    ],
    ids=["strided", "fortran", "big-endian", "broadcast"],
)
def test_arrays_in_any_order_come_back(there_and_back, array):
    assert exact(there_and_back("tensor", array).value) == exact(
        {"shape": list(array.shape), "data": array.tolist()}
    )


# --- numpy without the detour


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
    ],
)
def test_an_array_keeps_its_dtype(there_and_back, dtype):
    array = np.arange(6).astype(dtype).reshape(2, 3)

    back = there_and_back("tensor", array).to_numpy()

    assert back.dtype == np.dtype(dtype)
    assert np.array_equal(back, array)


def test_an_embedding_keeps_its_dtype(there_and_back):
    array = np.linspace(0, 1, 5, dtype="float32")

    back = there_and_back("embedding", array).to_numpy()

    assert back.dtype == np.dtype("float32")
    assert np.array_equal(back, array)


def test_a_put_back_of_an_array_that_was_read_keeps_dtype_and_version(repo, sid):
    repo.register_variable(sid, "t", "tensor", np.ones((2, 2), dtype="float32"))

    repo.put_variable(sid, repo.get_variable(sid, "t"))

    found = repo.get_variable(sid, "t")
    assert (found.version, found.to_numpy().dtype) == (0, np.dtype("float32"))


# --- another process


EVERY_TYPE = {
    "float": -0.0,
    "integer": 10**50,
    "string": "a\0\N{PILE OF POO}\r\n",
    "boolean": False,
    "choice": "Ä",
    "module": "os.path",
    "embedding": [0.1, -0.0, 5e-324],
    "tensor": {"shape": [2, 2], "data": [[1, 2], [3, 2**62]]},
    "json": {"b": [1, 1.0, None, True], "a": {"": "\0"}},
    "bytes": b"\0\xff" * 300,
}


def read_all(path):
    with SessionRepository.open(path) as repo:
        return [(variable.type, exact(variable.value)) for variable in repo.list_variables("s")]


def test_a_second_process_reads_every_type_as_it_was_written(tmp_path):
    with SessionRepository.open(tmp_path / "store.db") as repo:
        repo.create_session("s", ttl=None)
        for number, (type_name, value) in enumerate(EVERY_TYPE.items()):
            repo.register_variable("s", f"v{number}", type_name, value)
        expected = sorted((type_name, exact(value)) for type_name, value in EVERY_TYPE.items())

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        read = pool.apply(read_all, [tmp_path / "store.db"])

    assert sorted(read) == expected
