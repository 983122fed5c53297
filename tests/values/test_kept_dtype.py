"""Copies of a Variable keep the dtype in which its array is stored."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest

from snakestore import create_variable

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda variable: pickle.loads(pickle.dumps(variable)),  # noqa: S301 - our own
    "replace": lambda variable: dataclasses.replace(variable, metadata={"a": 1}),
    "start_optimization": lambda variable: variable.start_optimization("opt"),
    "update_value": lambda variable: variable.update_value(list(variable.value)),
}


@pytest.fixture
def variable():
    """An embedding that is stored in float32."""
    array = np.array([0.5, 0.1], dtype="f4")
    return create_variable(name="n", type="embedding", value=array)


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES.keys())
def test_a_copy_keeps_the_dtype(variable, make):
    made = make(variable)

    assert made.to_numpy().dtype == np.float32
    assert made.to_numpy().tolist() == variable.value
    assert made.stored_bytes() == variable.stored_bytes()


def test_a_replaced_value_is_not_the_old_one(variable):
    made = dataclasses.replace(variable, value=[0.1, 2.0, 3.0])

    assert made.to_numpy().tolist() == [0.1, 2.0, 3.0]
    assert made.to_numpy().dtype == np.float64


def test_the_binary_form_is_no_field(variable):
    assert "_blob" not in dataclasses.asdict(variable)
    assert "_blob" not in repr(variable)
    assert variable == dataclasses.replace(
        create_variable(name="n", type="embedding", value=variable.value, id=variable.id),
        created_at=variable.created_at,
        last_updated_at=variable.created_at,
    )


def test_a_deep_copy_shares_no_list(variable):
    copy.deepcopy(variable).value.append(1.0)

    assert len(variable.value) == 2
