"""A Variable that was read: copied, pickled, modified, converted to an array, put back."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import pickle
from datetime import datetime

import numpy as np
import pytest

from snakestore import Variable, create_variable

FIELDS = [
    *("id", "name", "type", "value", "created_at", "constraints", "metadata"),
    *("version", "last_updated_at", "optimization_status", "access_rules"),
]
ARRAYS = {"tensor": np.ones((2, 2), "f4"), "embedding": np.array([0.5, 1.0], "f4")}
every_array = pytest.mark.parametrize(("type_name", "array"), ARRAYS.items(), ids=ARRAYS)


@pytest.fixture
def array_read(repo, sid, type_name, array):
    """The variable ``a`` as it is read, which was registered with a float32 array."""
    repo.register_variable(sid, "a", type_name, array)
    return repo.get_variable(sid, "a")


def other_numbers(type_name):
    return [3.0, 4.0] if type_name == "embedding" else {"shape": [2], "data": [3, 4]}


# --- as Python's own tools see it


def test_a_variable_has_its_eleven_fields_and_no_more():
    assert [field.name for field in dataclasses.fields(Variable)] == FIELDS
    assert list(inspect.signature(Variable).parameters) == FIELDS


@every_array
def test_a_variable_read_is_its_eleven_fields_as_a_dict(array_read):
    told = dataclasses.asdict(array_read)

    assert list(told) == FIELDS
    assert json.loads(json.dumps(told, default=datetime.isoformat))["value"] == array_read.value


@pytest.mark.parametrize(
    "again",
    [
        lambda variable: pickle.loads(pickle.dumps(variable)),  # noqa: S301 - its own pickle
        copy.deepcopy,
        copy.copy,
        dataclasses.replace,
    ],
    ids=["pickle", "deepcopy", "copy", "replace"],
)
@pytest.mark.parametrize("read", ["get", "list", "past", "made"])
@pytest.mark.parametrize(
    ("type_name", "array"),
    [*ARRAYS.items(), ("json", {"a": [1, None]}), ("float", 1.5)],
    ids=["tensor", "embedding", "json", "float"],
)
def test_a_variable_read_is_copied_and_pickled_whole(
    repo, sid, array_read, type_name, array, read, again
):
    repo.update_variable(sid, "a", array)
    variable = {
        "get": lambda: repo.get_variable(sid, "a"),
        "list": lambda: repo.list_variables(sid)[0],
        "past": lambda: repo.variable_history(sid, "a")[0],
        "made": lambda: create_variable(name="n", type=type_name, value=array),
    }[read]()

    second = again(variable)

    assert second == variable
    assert second.to_dict() == variable.to_dict()
    if type_name in ARRAYS:
        assert np.array_equal(second.to_numpy(), array)


# --- as an array


@every_array
def test_an_array_that_was_read_has_its_dtype(array_read, array):
    shown = array_read.to_numpy()

    assert shown.dtype == np.dtype("f4")
    assert np.array_equal(shown, array)


@every_array
def test_a_replaced_value_is_shown_with_its_own_numbers(array_read, type_name):
    shown = dataclasses.replace(array_read, value=other_numbers(type_name)).to_numpy()

    assert shown.tolist() == [3, 4]


@every_array
def test_an_array_in_place_of_a_value_is_shown_with_its_own_dtype(array_read):
    shown = dataclasses.replace(array_read, value=np.array([3, 4], "i2")).to_numpy()

    assert shown.tolist() == [3, 4]
    assert shown.dtype == np.dtype("i2")


@every_array
def test_an_updated_copy_is_shown_with_its_own_numbers(array_read, type_name):
    assert array_read.update_value(other_numbers(type_name)).to_numpy().tolist() == [3, 4]


def row_of(variable):
    return variable.value if variable.type == "embedding" else variable.value["data"][0]


@every_array
def test_a_value_changed_in_place_is_shown_as_it_is_now(array_read):
    row_of(array_read)[0] = 9.0

    assert array_read.to_numpy().ravel()[0] == 9.0


@every_array
def test_a_value_changed_back_has_its_dtype_again(array_read, array):
    before = row_of(array_read)[0]
    row_of(array_read)[0] = 9.0
    array_read.to_numpy()

    row_of(array_read)[0] = before

    assert array_read.to_numpy().dtype == np.dtype("f4")
    assert np.array_equal(array_read.to_numpy(), array)


@every_array
def test_an_array_shown_is_ones_own(array_read, array):
    array_read.to_numpy()[...] = 7

    assert np.array_equal(array_read.to_numpy(), array)


# --- put back


@every_array
def test_a_rename_of_what_was_read_keeps_dtype_and_version(repo, sid, array_read, array):
    repo.put_variable(sid, dataclasses.replace(array_read, name="b"))

    found = repo.get_variable(sid, "b")
    assert (found.version, found.to_numpy().dtype) == (0, np.dtype("f4"))
    assert np.array_equal(found.to_numpy(), array)
    assert repo.variable_history(sid, "b") == []


@every_array
def test_a_put_of_what_was_read_and_changed_writes_the_change(repo, sid, array_read):
    row_of(array_read)[0] = 9.0

    repo.put_variable(sid, array_read)

    found = repo.get_variable(sid, "a")
    assert (found.version, row_of(found)[0]) == (1, 9.0)


@every_array
def test_what_was_read_is_put_into_another_session_with_its_dtype(repo, array_read):
    other = repo.create_session("other").id

    repo.put_variable(other, array_read)

    assert repo.get_variable(other, "a").to_numpy().dtype == np.dtype("f4")


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda variable: pickle.loads(pickle.dumps(variable))],  # noqa: S301 - our own
    ids=["copy", "deepcopy", "pickle"],
)
@every_array
def test_a_copy_of_what_was_read_is_put_with_its_dtype(repo, array_read, copied):
    other = repo.create_session("other").id

    repo.put_variable(other, copied(array_read))

    assert repo.get_variable(other, "a").to_numpy().dtype == np.dtype("f4")


def test_a_rollback_gives_back_the_dtype_of_then(repo, sid):
    repo.register_variable(sid, "t", "tensor", np.ones((2, 2), "f4"))
    repo.update_variable(sid, "t", np.ones((2, 2), "i1"))

    rolled = repo.rollback_variable(sid, "t", 0)

    assert repo.get_variable_version(sid, "t", 1).to_numpy().dtype == np.dtype("i1")
    for variable in (rolled, repo.get_variable(sid, "t"), repo.get_variable_version(sid, "t", 0)):
        assert variable.to_numpy().dtype == np.dtype("f4")
        assert variable.value == {"shape": [2, 2], "data": [[1.0, 1.0], [1.0, 1.0]]}
