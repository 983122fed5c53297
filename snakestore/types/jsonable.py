"""Values as JSON-ready data, for whoever shows them: nothing is refused, and what JSON cannot say is text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from snakestore.errors import shorten
from snakestore.types.digits import TOO_LONG
from snakestore.types.documents import DEEPEST, loads
from snakestore.types.registry import pack


def json_ready(type_name: str, value: Any, around: tuple[int, ...] = ()) -> Any:
    """``value``, which nobody may have checked, as JSON; ``around`` are the ids of what it is nested in."""
    if value is None or isinstance(value, str | int | float):
        return _scalar(value)
    if not isinstance(value, Mapping | list | tuple):
        return _encoded(type_name, value)
    if id(value) in around or len(around) >= DEEPEST:
        return shorten(value)
    inside = (*around, id(value))
    if isinstance(value, Mapping):
        return {_text(key): json_ready("json", item, inside) for key, item in value.items()}
    return [json_ready("json", item, inside) for item in value]


def _scalar(value: str | float | None) -> str | float | None:
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, int) and abs(value) >= TOO_LONG:
        return hex(value)  # the interpreter writes no more decimal digits
    return value


def _encoded(type_name: str, value: Any) -> Any:
    """A value of a type that somebody registered: its readable text where it has one, read as JSON where it is that."""
    try:
        normal, text, _ = pack(type_name, value, {})
    except Exception:  # noqa: BLE001 - a Variable does not check its value, and what a type makes of a wrong one may be anything
        return _text(value)
    if isinstance(normal, float | list | dict):
        return json_ready("json", normal)
    try:
        return _text(normal) if text is None else loads(text)
    except (ValueError, RecursionError):
        return text


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - somebody else's __str__ may raise anything, and a long int's does
        return shorten(value)
