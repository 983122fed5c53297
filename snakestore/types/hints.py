"""Hints in error messages: what to store instead of a refused value, which type is meant."""

from __future__ import annotations

import array
import dataclasses
import datetime as dt
import decimal
import enum
import numbers
import pathlib
import types
import uuid
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from snakestore.types.unchanged import UNCHANGED

_LIST_HINT: Final = "convert it with list(...)"
_HINTS_BY_CLASS: Final[tuple[tuple[Any, str], ...]] = (
    (enum.Enum, "store its .value"),
    ((dt.date, dt.time), "store its .isoformat()"),
    (dt.timedelta, "store its .total_seconds()"),
    (
        (bytes, bytearray, memoryview),
        "use a variable of type bytes, or store base64 text: base64.b64encode(...).decode()",
    ),
    (str, "convert it with str(...)"),
    (int, "convert it with int(...)"),
    (float, "convert it with float(...)"),
    (
        (decimal.Decimal, numbers.Rational),
        "convert it with float(...), or with str(...) to keep every digit",
    ),
    (Mapping, "convert it with dict(...)"),
    (types.ModuleType, "store its .__name__"),
    ((uuid.UUID, pathlib.PurePath), "convert it with str(...)"),
    (Iterable, _LIST_HINT),
)


NONE_HINT: Final = "only variables of type json accept None"


_RECORD_METHODS: Final = (
    ("model_dump", 'store its .model_dump(mode="json")'),
    ("toDict", "store its .toDict()"),
    ("to_dict", "store its .to_dict()"),
    ("dict", "store its .dict()"),
    ("_asdict", "convert it with list(...), or store its ._asdict() to keep the names"),
)
"""Methods by which objects of other packages give their data, and the hint for each."""

_TYPE_OF_ALIAS: Final = {
    **dict.fromkeys(("int", "long", "int64", "int32"), "integer"),
    **dict.fromkeys(("double", "number", "real", "decimal", "float64", "float32"), "float"),
    **dict.fromkeys(("str", "text", "varchar"), "string"),
    "bool": "boolean",
    **dict.fromkeys(("dict", "list", "tuple", "set", "object", "nonetype", "any"), "json"),
    **dict.fromkeys(("ndarray", "array", "matrix"), "tensor"),
    "vector": "embedding",
    **dict.fromkeys(("enum", "literal"), "choice"),
    **dict.fromkeys(("bytearray", "memoryview", "binary", "blob"), "bytes"),
}


def hint(value: object) -> str:
    """What to store instead of ``value``, which is not of a JSON type."""
    return (
        _object_hint(value)
        or _class_hint(value)
        or "convert it to dict, list, str, int, float, bool or None, or register a type for it"
    )


def _object_hint(value: object) -> str | None:
    """The hint for what is known by its attributes."""
    kind = type(value)
    if value is UNCHANGED:
        return "only fn of modify_variable() may return it, in place of the whole value"
    if isinstance(value, type):
        return "it is a class; store an instance as data, or the .__name__ of the class"
    if hasattr(kind, "__array__"):
        return _array_hint(kind)
    record = (text for name, text in _RECORD_METHODS if callable(getattr(kind, name, None)))
    asdict = "convert it with dataclasses.asdict(...)" if dataclasses.is_dataclass(value) else None
    return next(record, asdict)


def _class_hint(value: object) -> str | None:
    """The hint for an instance of a known class."""
    kind = type(value)
    known = next((text for classes, text in _HINTS_BY_CLASS if isinstance(value, classes)), None)
    if known == _LIST_HINT and hasattr(kind, "keys") and hasattr(kind, "__getitem__"):
        return "convert it with dict(...)"  # list(...) would keep its keys alone
    return known


def _array_hint(kind: type) -> str:
    if hasattr(kind, "item") and issubclass(kind, int | float | numbers.Number):
        return "convert it with .item() or .tolist()"
    if hasattr(kind, "tolist"):
        return "store its .tolist(), or use a variable of type tensor or embedding"
    return "store numpy.asarray(...).tolist() of it, or use a variable of type tensor or embedding"


def text_hint(value: object) -> str:
    """What to store in place of ``value``, which is not a str."""
    if value is None:
        return NONE_HINT
    if isinstance(value, enum.Enum):
        return hint(value)
    if isinstance(value, int | float):
        return "convert it with str(...), or use a variable of a number type"
    if isinstance(value, bytes):
        return "convert it with .decode(), or use a variable of type bytes"
    if type(value) in {dict, list}:
        return f"use a variable of type json for a {type(value).__name__}"
    return hint(value)


def bytes_hint(value: object) -> str:
    """What to store in place of ``value``, which is not bytes."""
    if value is None:
        return NONE_HINT
    if isinstance(value, str):
        return "convert it with .encode(), base64 text with base64.b64decode(...)"
    if hasattr(type(value), "__array__"):
        return "convert it with .tobytes(), or use a variable of type tensor or embedding"
    if isinstance(value, array.array):
        return "convert it with .tobytes()"
    if type(value) is list:
        return "convert it with bytes(...)"
    return hint(value)


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
    is_container = isinstance(value, Mapping | list | tuple | set)
    return f"{number}, or use a variable of type json" if is_container else number


def type_hint(name: object, known: Iterable[str]) -> str | None:
    """The registered type that ``name``, which is none, may mean; as a question."""
    text = name.__name__ if isinstance(name, type) else name
    if not isinstance(text, str):
        return None
    names = list(known)
    lowered = text.lower()
    close = get_close_matches(lowered, names, n=1, cutoff=0.7)
    meant = _TYPE_OF_ALIAS.get(lowered) or (close[0] if close else None)
    return f"Did you mean {meant!r}?" if meant in names else None
