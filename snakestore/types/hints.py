"""Hints in error messages: what to store instead of an object that is not JSON-serialisable."""

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

from snakestore.types.unchanged import UNCHANGED

_HINTS_BY_CLASS: Final[tuple[tuple[Any, str], ...]] = (
    (enum.Enum, "store its .value"),
    ((dt.date, dt.time), "store its .isoformat()"),
    (dt.timedelta, "store its .total_seconds()"),
    ((bytes, bytearray, memoryview), "store it as base64 text: base64.b64encode(...).decode()"),
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
    (Iterable, "convert it with list(...)"),
)


NONE_HINT: Final = "only variables of type json accept None"


def hint(value: object) -> str:
    """What to store instead of ``value``, which is not of a JSON type."""
    if value is UNCHANGED:
        return "only fn of modify_variable() may return it, in place of the whole value"
    if hasattr(type(value), "model_dump"):
        return 'store its .model_dump(mode="json")'
    if dataclasses.is_dataclass(value):
        return "convert it with dataclasses.asdict(...)"
    if hasattr(type(value), "__array__"):
        return "store its .tolist(), or use a variable of type tensor or embedding"
    known = next((text for classes, text in _HINTS_BY_CLASS if isinstance(value, classes)), None)
    return known or (
        "convert it to dict, list, str, int, float, bool or None, or register a type for it"
    )
