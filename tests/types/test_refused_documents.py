"""What is not JSON is refused with its path, and a hint that works."""

from __future__ import annotations

import base64
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import json
import math
import pathlib
import re
import types as types_module
import uuid
from typing import NamedTuple

import numpy as np
import pytest

from snakestore import ValidationError, types
from tests.types.support import there_and_back


@dataclasses.dataclass
class Point:
    x: int = 1


class Model:
    """Answers as a pydantic model does."""

    def model_dump(self, mode):
        return {"x": 1, "mode": mode}


class OldModel:
    """Answers as a model of pydantic 1 does."""

    def dict(self):
        return {"x": 1}


class Keyed:
    """A mapping that is no Mapping; its iterator yields the keys."""

    def keys(self):
        return iter(["x"])

    def __iter__(self):
        return self.keys()

    def __getitem__(self, key):
        return 1


class Example(Keyed):
    """Answers as an example of DSPy does."""

    def toDict(self):  # noqa: N802 - the framework's own name
        return dict(self)


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    A = "a"


class Plain(enum.Enum):
    A = "a"


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


class Real(float):
    pass


class Pair(NamedTuple):
    a: int
    b: int


class Described:
    """A record of a package that is not installed here: known by an attribute of its class."""

    __attrs_attrs__ = ()


class Struct:
    __struct_fields__ = ("a",)


class Listed:
    """Iterates over its keys, and may be indexed by them."""

    def __iter__(self):
        return iter({"a": 1})

    def __getitem__(self, key):
        return {"a": 1}[key]


class WithItems:
    def __iter__(self):
        return iter(["a"])

    def items(self):
        return [("a", 1)]


class Table:
    """A data frame."""

    columns = ("a",)
    to_dict = list

    def __array__(self):
        return np.zeros(1)


REFUSED = [
    (Described(), "attrs.asdict(...)"),
    (Struct(), "msgspec.to_builtins(...)"),
    (Listed(), "that has all its data"),
    (WithItems(), ".items() with dict(...)"),
    (Table(), '.to_dict(orient="list")'),
    (types_module.SimpleNamespace(a=1), "vars(...)"),
    (collections.UserString("a"), "str(...)"),
    (collections.UserList([1]), "list(...)"),
    ({"a": 1}.items(), "dict(...)"),
    ({"a": 1}.values(), "list(...)"),
    (re.compile("a"), ".pattern"),
    (ipaddress.ip_address("::1"), "str(...)"),
    (np.datetime64("2025-01-01"), "str(...)"),
    (np.str_("a"), "str(...)"),
    (np.bool_(True), ".item()"),
    (dt.datetime(2025, 1, 1, tzinfo=dt.UTC), ".isoformat()"),
    (dt.date(2025, 1, 1), ".isoformat()"),
    (dt.time(1), ".isoformat()"),
    (dt.timedelta(1), ".total_seconds()"),
    ((1, 2), "list(...)"),
    (Pair(1, 2), "list(...)"),
    ({1}, "list(...)"),
    (frozenset({1}), "list(...)"),
    (range(3), "list(...)"),
    (iter([1]), "list(...)"),
    (collections.deque([1]), "list(...)"),
    ({"a": 1}.keys(), "list(...)"),
    (collections.OrderedDict(a=1), "dict(...)"),
    (collections.Counter("a"), "dict(...)"),
    (decimal.Decimal("0.1"), "float(...)"),
    (fractions.Fraction(1, 3), "str(...)"),
    (b"abc", "base64"),
    (bytearray(b"abc"), "base64"),
    (memoryview(b"abc"), "base64"),
    (Point(), "dataclasses.asdict(...)"),
    (Point, "it is a class"),
    (Example(), "store its .toDict()"),
    (OldModel(), "store its .dict()"),
    (Keyed(), "dict(...)"),
    (Pair(1, 2), "._asdict()"),
    (Plain, "it is a class"),
    (np.float32(1.5), ".item()"),
    (Model(), 'model_dump(mode="json")'),
    (Number.ONE, ".value"),
    (Word.A, ".value"),
    (Plain.A, ".value"),
    (Text("a"), "str(...)"),
    (Whole(1), "int(...)"),
    (Real(1.5), "float(...)"),
    (np.float64(1.5), ".tolist()"),
    (np.int64(1), ".tolist()"),
    (np.bool_(True), ".tolist()"),
    (np.array([1]), ".tolist()"),
    (uuid.UUID(int=1), "str(...)"),
    (pathlib.PurePath("a"), "str(...)"),
    (1j, "register a type"),
    (object(), "register a type"),
    (len, "register a type"),
    (json, ".__name__"),
    (math.nan, '"NaN"'),
    (math.inf, '"Infinity"'),
    (-math.inf, '"-Infinity"'),
    pytest.param(10**4300, "as text", id="4301 digits"),
    ("\ud800", "lone surrogate at position 0"),
    (Ellipsis, "register a type"),
]


@pytest.mark.parametrize(("value", "advice"), REFUSED)
def test_what_is_not_json_is_refused_with_its_path_and_a_hint(value, advice):
    document = {"demos": [{}, {}, {}, {"when": value}], "later": [value]}

    with pytest.raises(ValidationError) as caught:
        types.validate(document, "json")

    assert caught.value.path == "$.demos[3].when"
    assert caught.value.type == "json"
    assert "$.demos[3].when" in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize("value", [Example(), OldModel(), Keyed(), Model(), Point(), Plain])
def test_no_hint_drops_the_values_of_a_record(value):
    with pytest.raises(ValidationError) as caught:
        types.validate(value, "json")

    assert "list(" not in str(caught.value)


def test_the_hints_work():
    there_and_back("json", Example().toDict())
    there_and_back("json", dict(Keyed()))
    there_and_back("json", np.float32(1.5).item())
    there_and_back("json", dt.datetime(2025, 1, 1, tzinfo=dt.UTC).isoformat())
    there_and_back("json", dt.timedelta(1).total_seconds())
    there_and_back("json", [1, 2])
    there_and_back("json", base64.b64encode(b"abc").decode())
    there_and_back("json", dataclasses.asdict(Point()))
    there_and_back("json", Model().model_dump(mode="json"))
    there_and_back("json", np.array([1.5]).tolist())
    there_and_back("json", np.float64(1.5).tolist())
    there_and_back("json", "a\ud800".encode("utf-8", "replace").decode())


@pytest.mark.parametrize("key", [1, 1.5, None, True, (1,), Word.A, Text("a"), "\ud800"])
def test_a_key_that_is_not_a_str_is_refused(key):
    with pytest.raises(ValidationError) as caught:
        types.validate({"a": {key: 1}}, "json")

    assert caught.value.path == "$.a"
    assert "key" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        (1, "str(...)"),
        (b"a", ".decode()"),
        (dt.date(2025, 1, 1), ".isoformat()"),
        (Word.A, ".value"),
        (enum.Enum("Number", "ONE").ONE, ".name"),
        (None, "choose a text"),
    ],
)
def test_a_key_that_is_not_a_str_is_refused_with_a_hint_that_keeps_it(key, advice):
    with pytest.raises(ValidationError) as caught:
        types.validate({key: 1}, "json")

    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("when", "$.when"),
        ("größe", "$.größe"),
        ("a b", '$["a b"]'),
        ("", '$[""]'),
        ("0", '$["0"]'),
        ('"', '$["\\""]'),
        ("a.b", '$["a.b"]'),
    ],
)
def test_a_path_quotes_keys_that_are_no_identifiers(key, path):
    with pytest.raises(ValidationError) as caught:
        types.validate({key: {1}}, "json")

    assert caught.value.path == path


def test_the_message_names_the_document():
    with pytest.raises(
        ValidationError, match=r"^metadata is not JSON-serialisable at \$\.a: "
    ) as caught:
        types.checked_document({"a": {1}}, "metadata")

    assert caught.value.type is None


def test_a_document_can_be_invalid_as_a_whole():
    with pytest.raises(ValidationError) as caught:
        types.validate((1,), "json")

    assert caught.value.path == "$"


@pytest.mark.parametrize("value", [Listed(), WithItems(), Keyed(), Example()])
def test_what_iterates_over_its_keys_is_not_to_become_a_list(value):
    with pytest.raises(ValidationError) as caught:
        types.validate([value], "json")

    assert "list(" not in str(caught.value)
