"""to_dict shows any value, because a Variable does not check its value."""

from __future__ import annotations

import enum
import json
import math
from collections import OrderedDict
from datetime import UTC, datetime

import numpy as np
import pytest

from snakestore import Variable


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Mute:
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def shown(clock, **fields):
    """What to_dict gives, there and back through JSON."""
    variable = Variable(
        **{"id": "v", "name": "n", "type": "float", "value": 1.0, "created_at": clock(), **fields}
    )
    return json.loads(json.dumps(variable.to_dict(), allow_nan=False))


def holding_itself():
    items = [1]
    items.append(items)
    return items


def nested(depth):
    document = []
    for _ in range(depth):
        document = [document]
    return document


UNCHECKED = {
    "array": np.arange(3),
    "array-of-NaN": np.array([math.nan]),
    "array-of-objects": np.array([object()]),
    "array-in-a-list": [np.arange(2)],
    "numpy-float": np.float32(1),
    "numpy-NaN": np.float32("nan"),
    "numpy-int": np.int64(3),
    "numpy-bool": np.bool_(True),
    "set": {1, 2},
    "Enum": Colour.RED,
    "IntEnum": Level.LOW,
    "class": Colour,
    "object": object(),
    "mute": Mute(),
    "complex": 1 + 2j,
    "bytes": b"x",
    "datetime": datetime(2030, 1, 1, tzinfo=UTC),
    "surrogate": "\ud800",
    "keys": {Colour.RED: 1, 1: 2, Mute(): 3, 10**5000: 4},
    "huge-int": 10**5000,
    "huge-negative-int-within": [-(10**5000)],
    "holding-itself": holding_itself(),
    "deep": nested(100_000),
    "tuple": (1, (2, math.inf)),
    "OrderedDict": OrderedDict(a={1}),
}


@pytest.mark.parametrize("value", UNCHECKED.values(), ids=UNCHECKED.keys())
@pytest.mark.parametrize(
    "type_name",
    ["float", "integer", "string", "embedding", "tensor", "json", "nobody registered this"],
)
def test_to_dict_shows_any_value_of_any_type(clock, type_name, value):
    document = shown(clock, type=type_name, value=value)

    assert (document["id"], document["type"]) == ("v", type_name)
    assert document["value"] is not None


@pytest.mark.parametrize("value", UNCHECKED.values(), ids=UNCHECKED.keys())
def test_to_dict_shows_any_metadata_and_constraints(clock, value):
    document = shown(clock, metadata={"a": value}, constraints={"b": [value]})

    assert (set(document["metadata"]), set(document["constraints"])) == ({"a"}, {"b"})


@pytest.mark.parametrize(
    ("type_name", "value", "expected"),
    [
        ("float", np.float32(1.5), 1.5),
        ("float", np.float32("nan"), "NaN"),
        ("embedding", np.arange(3), [0.0, 1.0, 2.0]),
        ("tensor", np.arange(3), {"shape": [3], "data": [0, 1, 2]}),
        ("json", {"a": (1, -math.inf)}, {"a": [1, "-Infinity"]}),
        ("integer", 10**4300 - 1, 10**4300 - 1),
        ("integer", 10**4300, hex(10**4300)),
        ("json", nested(199), nested(199)),
    ],
    ids=[
        "numpy-float",
        "numpy-NaN",
        "embedding",
        "tensor",
        "tuple",
        "longest-int",
        "longer-int",
        "deepest",
    ],
)
def test_to_dict_shows_a_value_as_its_type_encodes_it(clock, type_name, value, expected):
    assert shown(clock, type=type_name, value=value)["value"] == expected


def test_to_dict_shows_the_same_list_in_two_places_twice(clock):
    twice = [1]

    assert shown(clock, type="json", value=[twice, {"a": twice}])["value"] == [[1], {"a": [1]}]
