"""The registry: which types there are, by name."""

from __future__ import annotations

import datetime as dt
import enum
import os
import subprocess
import sys
import threading
from typing import Literal

import numpy as np
import pytest

from snakestore import (
    InvalidNameError,
    UnknownTypeError,
    ValidationError,
    VariableType,
    create_variable,
    register_type,
    supported_types,
    types,
)
from tests.types.support import named, there_and_back

pytestmark = pytest.mark.usefixtures("own_registry")

OURS = [
    "float",
    "integer",
    "string",
    "boolean",
    "choice",
    "module",
    "embedding",
    "tensor",
    "json",
    "bytes",
]


def test_the_ten_types_are_known():
    assert supported_types() == OURS


def test_the_list_of_types_is_a_copy():
    supported_types().clear()

    assert supported_types() == OURS


def test_registering_returns_the_class_and_lists_it_last():
    made = named("mine")

    assert register_type(made) is made
    assert supported_types() == [*OURS, "mine"]
    assert type(types.get("mine")) is made


def test_a_taken_name_is_refused_unless_replaced():
    first, second = named("mine"), named("mine")
    register_type(first)

    for taken in (second, first, named("float")):
        with pytest.raises(ValueError, match="replace=True"):
            register_type(taken)
    assert type(types.get("mine")) is first

    register_type(second, replace=True)
    assert type(types.get("mine")) is second
    assert supported_types() == [*OURS, "mine"]


def test_replacing_an_unknown_type_registers_it():
    register_type(named("mine"), replace=True)

    assert "mine" in supported_types()


class Demanding(VariableType):
    name = "demanding"

    def __init__(self, unit):
        self.unit = unit


@pytest.mark.parametrize(
    "of",
    [
        int,
        VariableType,
        VariableType(),
        None,
        "float",
        Demanding,
        named("mine", constraints="min"),
        named("mine", constraints=(1,)),
    ],
)
def test_an_object_that_is_not_a_type_is_refused(of):
    with pytest.raises(ValidationError):
        register_type(of)

    assert supported_types() == OURS


@pytest.mark.parametrize("name", ["", "a\0", "a" * 256, "\ud800", 5, None])
def test_the_name_of_a_type_must_be_a_valid_name(name):
    with pytest.raises(InvalidNameError):
        register_type(named(name))


def test_any_other_name_is_accepted():
    for name in ("a b", "é😀", "Float", "x" * 255):
        register_type(named(name))
        assert there_and_back(name, {"a": [1, None]}) == {"a": [1, None]}


class Kind(enum.Enum):
    float = "a value of another name"
    JSON = "json"
    NUMBER = 5


def test_an_enum_member_stands_for_a_type():
    assert types.validate(None, Kind.JSON) is None
    with pytest.raises(UnknownTypeError):
        types.get(Kind.NUMBER)
    with pytest.raises(UnknownTypeError):
        types.get(Kind.float)


def test_an_unregistered_type_is_refused_by_name():
    for ask in (
        lambda: types.decode_value("gone", "1", None),
        lambda: types.encode_value("gone", 1, {}),
    ):
        with pytest.raises(UnknownTypeError, match="gone") as caught:
            ask()
        assert caught.value.type == "gone"


def test_threads_can_register_types_at_the_same_time():
    names = [f"type {number}" for number in range(40)]
    start = threading.Barrier(len(names))

    def register(name):
        start.wait()
        register_type(named(name))

    threads = [threading.Thread(target=register, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(supported_types()) == sorted([*OURS, *names])


def test_only_one_of_several_threads_registers_a_name():
    outcomes = []
    start = threading.Barrier(16)

    def register():
        start.wait()
        try:
            outcomes.append(register_type(named("mine")))
        except ValidationError:
            outcomes.append(None)

    threads = [threading.Thread(target=register) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    winners = [outcome for outcome in outcomes if outcome]
    assert winners == [type(types.get("mine"))]


IN_A_NEW_PROCESS = """
import os, threading
from snakestore import VariableType, register_type, supported_types

entered, leave = threading.Event(), threading.Event()

class Slow(str):
    def __hash__(self):
        entered.set()
        leave.wait(60)
        return super().__hash__()

class Theirs(VariableType):
    name = "theirs"
    def __init__(self):
        self.name = Slow("theirs")

class Mine(VariableType):
    name = "mine"

thread = threading.Thread(target=register_type, args=(Theirs,))
thread.start()
entered.wait(60)
child = os.fork()
if not child:
    register_type(Mine)
    os._exit("mine" not in supported_types())
_, status = os.waitpid(child, 0)
leave.set()
thread.join()
print(os.waitstatus_to_exitcode(status), supported_types()[-1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_is_forked_while_a_thread_registers_a_type_registers_its_own():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_A_NEW_PROCESS],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.stdout.strip() == "0 theirs"


def test_numpy_and_the_pattern_engine_are_imported_on_first_use():
    program = (
        "import sys\nfrom snakestore import types\ntypes.encode_value('embedding', [1, 2.5], {});"
        " types.decode_value(*('float', '1.5', None)); types.validate([1],"
        " 'json')\nprint(*sorted({'numpy', 're2'} & set(sys.modules)))\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert finished.stdout.strip() == ""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("flaot", "float"),
        ("Float", "float"),
        ("str", "string"),
        ("int", "integer"),
        ("bool", "boolean"),
        ("dict", "json"),
        ("vector", "embedding"),
        (int, "integer"),
        (str, "string"),
        (bool, "boolean"),
        (dict, "json"),
        (float, "float"),
        (" float", "float"),
        ("doubel", "float"),
        ("list[int]", "json"),
        (list[int], "json"),
        (int | None, "integer"),
        (Literal["a", "b"], "choice"),
        (dt.datetime, "string"),
        (np.ndarray, "tensor"),
    ],
)
def test_an_unknown_type_names_the_one_that_is_meant(given, meant):
    for call in (
        lambda: types.validate(1, given),
        lambda: create_variable(name="n", type=given, value=1),
    ):
        with pytest.raises(ValidationError, match=f"Did you mean '{meant}'"):
            call()


@pytest.mark.parametrize("given", ["zzz", 1, None])
def test_an_unknown_type_that_is_like_none_names_no_other(given):
    with pytest.raises(ValidationError) as caught:
        create_variable(name="n", type=given, value=1)

    assert "Did you mean" not in str(caught.value)
