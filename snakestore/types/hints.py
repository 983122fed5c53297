"""Hints in error messages: what to store instead of a refused value, which type is meant."""

from __future__ import annotations

import array
import collections
import datetime as dt
import decimal
import enum
import numbers
import pathlib
import re
import sys
import types
import typing
import uuid
from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    ValuesView,
)
from collections.abc import (
    Set as AbstractSet,
)
from typing import Any, Final

from snakestore.types.unchanged import UNCHANGED

_STR_HINT: Final = "convert it with str(...)"
_HINTS_OF_SCALARS: Final[tuple[tuple[Any, str], ...]] = (
    (enum.Enum, "store its .value"),
    ((dt.date, dt.time), "store its .isoformat()"),
    (dt.timedelta, "store its .total_seconds()"),
    (
        (bytes, bytearray, memoryview),
        "use a variable of type bytes, or store base64 text: base64.b64encode(...).decode()",
    ),
    ((str, collections.UserString), _STR_HINT),
    (int, "convert it with int(...)"),
    (float, "convert it with float(...)"),
    (
        (decimal.Decimal, numbers.Rational),
        "convert it with float(...), or with str(...) to keep every digit",
    ),
    (numbers.Complex, "store its .real and .imag in a list, or register a type for it"),
    (types.ModuleType, "store its .__name__"),
    (re.Pattern, "store its .pattern"),
    ((uuid.UUID, pathlib.PurePath), _STR_HINT),
)
_HINTS_OF_CONTAINERS: Final[tuple[tuple[Any, str], ...]] = (
    ((Mapping, ItemsView), "convert it with dict(...)"),
    (
        (Sequence, AbstractSet, Iterator, ValuesView, collections.deque, array.array),
        "convert it with list(...)",
    ),
    (types.SimpleNamespace, "convert it with vars(...)"),
)


_IN_JSON: Final = "in a variable of type json"
NONE_HINT: Final = "only variables of type json accept None"


_HINTS_BY_ATTRIBUTE: Final = (
    ("model_dump", 'store its .model_dump(mode="json")'),
    ("toDict", "store its .toDict()"),
    ("to_dict", "store its .to_dict()"),
    ("dict", "store its .dict()"),
    ("_asdict", "convert it with list(...), or store its ._asdict() to keep the names"),
    ("asdict", "store its .asdict()"),
    ("as_dict", "store its .as_dict()"),
    ("__dataclass_fields__", "convert it with dataclasses.asdict(...)"),
    ("__attrs_attrs__", "convert it with attrs.asdict(...)"),
    ("__struct_fields__", "convert it with msgspec.to_builtins(...)"),
)
"""What the classes of records have, and the hint for each."""

_HINTS_OF_BYTES: Final[tuple[tuple[type, str], ...]] = (
    (str, "convert it with .encode(), base64 text with base64.b64decode(...)"),
    (array.array, "convert it with .tobytes()"),
    (list, "convert it with bytes(...)"),
    (dict, "use a variable of type json"),
    (bool, "use a variable of type boolean"),
    (numbers.Number, "use a variable of a number type"),
)

_TYPE_OF_ALIAS: Final = {
    **dict.fromkeys(("int", "long", "int64", "int32"), "integer"),
    **dict.fromkeys(("double", "number", "real", "decimal", "float64", "float32"), "float"),
    **dict.fromkeys(("str", "text", "varchar"), "string"),
    **dict.fromkeys(("datetime", "date", "time", "uuid", "path"), "string"),
    "bool": "boolean",
    **dict.fromkeys(
        ("dict", "list", "tuple", "set", "frozenset", "object", "nonetype", "any"), "json"
    ),
    **dict.fromkeys(("ndarray", "array", "matrix"), "tensor"),
    "vector": "embedding",
    **dict.fromkeys(("enum", "literal"), "choice"),
    **dict.fromkeys(("bytearray", "memoryview", "binary", "blob"), "bytes"),
}


def hint(value: object) -> str:
    """What to store instead of ``value``, which is not of a JSON type."""
    if value is UNCHANGED:
        return "only fn of modify_variable() may return it, in place of the whole value"
    if isinstance(value, type):
        return "it is a class; store an instance as data, or the .__name__ of the class"
    return (
        _scalar_hint(value)
        or _container_hint(value)
        or "convert it to dict, list, str, int, float, bool or None, or register a type for it"
    )


def key_hint(key: object) -> str:
    """How to make a str of ``key``, which is the key of a document and is none."""
    if isinstance(key, enum.Enum):
        return "use its .value" if isinstance(key.value, str) else "use its .name"
    if isinstance(key, bytes | bytearray):
        return "convert it with .decode()"
    if isinstance(key, dt.date | dt.time):
        return "convert it with .isoformat()"
    if key is None or isinstance(key, tuple | frozenset):
        return "choose a text for it"
    return _STR_HINT


def _is_numpy_scalar(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


def _scalar_hint(value: object) -> str | None:
    """The hint for a single text, number, time and the like."""
    if _is_numpy_scalar(value) and not isinstance(value, str | bytes | complex):
        # numpy's times become datetime.datetime and others, which JSON lacks as well
        is_time = type(value).__name__ in {"datetime64", "timedelta64"}
        return _STR_HINT if is_time else "convert it with .item() or .tolist()"
    if type(value).__module__ == "ipaddress":
        return _STR_HINT
    return next((text for kind, text in _HINTS_OF_SCALARS if isinstance(value, kind)), None)


def _container_hint(value: object) -> str | None:
    """The hint for what holds several values, and so becomes a dict or a list."""
    kind = type(value)
    if hasattr(kind, "__array__"):
        return _array_hint(value)
    for name, text in _HINTS_BY_ATTRIBUTE:
        attribute = getattr(kind, name, None)
        if callable(attribute) or (attribute is not None and name.startswith("__")):
            return text
    known = next((text for known, text in _HINTS_OF_CONTAINERS if isinstance(value, known)), None)
    if known is not None or not isinstance(value, Iterable):
        return known
    # iterating may give its keys alone
    if hasattr(kind, "keys") and hasattr(kind, "__getitem__"):
        return "convert it with dict(...)"
    if hasattr(kind, "items"):
        return "convert its .items() with dict(...)"
    return "convert it to a dict or list that has all its data"


def _array_hint(value: object) -> str:
    kind = type(value)
    if hasattr(kind, "to_dict") and hasattr(kind, "columns"):  # a table
        rows = "to_dicts()" if hasattr(kind, "to_dicts") else 'to_dict(orient="list")'
        return f"store its .{rows}"
    if hasattr(kind, "tolist"):
        index = " (without its index)" if hasattr(kind, "to_dict") else ""
        return f"store its .tolist(){index}, or use a variable of type tensor or embedding"
    return "store numpy.asarray(...).tolist() of it, or use a variable of type tensor or embedding"


def text_hint(value: object) -> str:
    """What to store in place of ``value``, which is not a str."""
    if value is None:
        return NONE_HINT
    if isinstance(value, bytes | bytearray):
        return "convert it with .decode(), or use a variable of type bytes"
    if type(value) in {dict, list}:
        return f"use a variable of type json for a {type(value).__name__}"
    if isinstance(value, bool):
        return "convert it with str(...), or use a variable of type boolean"
    if isinstance(value, numbers.Number) and not isinstance(value, enum.Enum):
        return "convert it with str(...), or use a variable of a number type"
    advice = hint(value)
    becomes_text = _scalar_hint(value) is not None or _container_hint(value) is None
    # of an array the advice says which type to use
    return advice if becomes_text or " of type " in advice else f"{advice}, {_IN_JSON}"


def bytes_hint(value: object) -> str:
    """What to store in place of ``value``, which is not bytes."""
    if value is None:
        return NONE_HINT
    if isinstance(value, enum.Enum):
        return hint(value)
    if hasattr(type(value), "__array__") and not isinstance(value, str):
        return "convert it with .tobytes(), or use a variable of type tensor or embedding"
    known = next((text for kind, text in _HINTS_OF_BYTES if isinstance(value, kind)), None)
    if known is not None:
        return known
    is_container = _scalar_hint(value) is None and _container_hint(value) is not None
    return f"{hint(value)}, {_IN_JSON}" if is_container else hint(value)


def number_hint(value: object) -> str:
    """What to store in place of ``value``, which is not a number."""
    if value is None:
        return NONE_HINT
    if isinstance(value, bool):
        return "convert it with int(...), or use a variable of type boolean"
    if isinstance(value, dt.datetime):
        return "store its .timestamp(), or its .isoformat() in a variable of type string"
    if isinstance(value, enum.Enum | dt.timedelta):
        return hint(value)
    number = "convert it with float(...) or int(...)"
    is_container = _scalar_hint(value) is None and _container_hint(value) is not None
    return f"{number}, or use a variable of type json" if is_container else number


def type_hint(name: object, known: Iterable[str]) -> str | None:
    """The registered type that ``name``, which is none, may mean; as a question."""
    text = name if isinstance(name, str) else _class_name(name)
    if text is None:
        return None
    names = list(known)
    lowered = text.strip().lower().partition("[")[0]
    from difflib import get_close_matches  # noqa: PLC0415 - needed for this message alone

    close = get_close_matches(lowered, [*names, *_TYPE_OF_ALIAS], n=1, cutoff=0.7)
    found = lowered if lowered in _TYPE_OF_ALIAS else close[0] if close else ""
    meant = found if found in names else _TYPE_OF_ALIAS.get(found)
    return f"Did you mean {meant!r}?" if meant in names else None


def _class_name(kind: object) -> str | None:
    """The name of a class, or of the first class in ``list[int]``, ``Optional[int]`` and so on."""
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        return _class_name(next(iter(typing.get_args(kind))))
    name = getattr(origin or kind, "__name__", None)
    is_class = isinstance(kind, type) or origin is not None or kind is typing.Any
    return name if is_class and isinstance(name, str) else None
