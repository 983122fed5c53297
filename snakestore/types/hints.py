"""What to do with a Python object that may not be stored as it is: the cure that an error message names."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import numbers
import pathlib
import types
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

_BY_CLASS: Final[tuple[tuple[Any, str], ...]] = (
    (enum.Enum, "store its .value"),
    ((dt.date, dt.time), "store its .isoformat()"),
    (dt.timedelta, "store its .total_seconds()"),
    ((bytes, bytearray, memoryview), "store it as base64 text: base64.b64encode(...).decode()"),
    (str, "store str(...) of it, a plain str"),
    (int, "store int(...) of it, a plain int"),
    (float, "store float(...) of it, a plain float"),
    (
        (decimal.Decimal, numbers.Rational),
        "store float(...) or, to keep every digit, str(...) of it",
    ),
    (Mapping, "store dict(...) of it, a plain dict"),
    (types.ModuleType, "store its .__name__"),
    ((uuid.UUID, pathlib.PurePath), "store str(...) of it"),
    (Iterable, "store list(...) of it, a plain list"),
)


def cure(value: object) -> str:
    """What to store instead of ``value``, which is none of JSON's own types; the most telling advice first."""
    if hasattr(type(value), "model_dump"):
        return 'store its .model_dump(mode="json")'
    if dataclasses.is_dataclass(value):
        return "store dataclasses.asdict(...) of it"
    if hasattr(type(value), "__array__"):
        return "store its .tolist(), or make the variable a tensor or an embedding"
    known = next((advice for classes, advice in _BY_CLASS if isinstance(value, classes)), None)
    return (
        known
        or "store what it holds as dict, list, str, int, float, bool or None, or register a type for it"
    )
