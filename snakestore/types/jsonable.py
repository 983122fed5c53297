"""Convert any value to JSON-serialisable data, and back. Nothing is refused."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from snakestore.errors import SnakeStoreError, shorten
from snakestore.types.digits import TOO_LONG
from snakestore.types.documents import MAX_DEPTH, checked_document
from snakestore.types.json_text import dumps, loads
from snakestore.types.registry import decode_value, encode_value, validate


def to_jsonable(type_name: str, value: Any, ancestors: tuple[int, ...] = ()) -> Any:
    """``value``, which may be unchecked, as JSON-serialisable data; what is not JSON becomes text.

    ``ancestors`` are the ids of the containers that enclose it.
    """
    if value is None or isinstance(value, str | int | float):
        return _scalar(value)
    if not isinstance(value, Mapping | list | tuple):
        return _encoded(type_name, value)
    if id(value) in ancestors or len(ancestors) >= MAX_DEPTH:
        return shorten(value)
    ancestors = (*ancestors, id(value))
    if isinstance(value, Mapping):
        return {_text(key): to_jsonable("json", item, ancestors) for key, item in value.items()}
    return [to_jsonable("json", item, ancestors) for item in value]


def from_jsonable(type_name: str, data: Any) -> Any:
    """The value of which ``to_jsonable`` made ``data``.

    ``data`` itself, if it does not come from a valid value of the type, or the type is not
    registered.
    """
    for read in (_decoded, _decoded_text, _decoded_base64, _normalised):
        try:
            value = read(type_name, data)
        except SnakeStoreError:
            continue
        if to_jsonable(type_name, value) == data:
            return value
    return data


def _decoded(type_name: str, data: Any) -> Any:
    return decode_value(type_name, dumps(checked_document(data, "data")), None)


def _decoded_text(type_name: str, data: Any) -> Any:
    """The value of a type whose text is not JSON."""
    return decode_value(type_name, data if isinstance(data, str) else None, None)


def _decoded_base64(type_name: str, data: Any) -> Any:
    """The value of a type that is stored as its bytes."""
    try:
        blob = base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except ValueError:
        blob = None
    return decode_value(type_name, None, blob)


def _normalised(type_name: str, data: Any) -> Any:
    """The value of a type with a binary form."""
    return validate(data, type_name)


def _scalar(value: str | float | None) -> str | float | None:
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, int) and abs(value) >= TOO_LONG:
        return hex(value)  # the interpreter refuses to convert more decimal digits
    return value


def _encoded(type_name: str, value: Any) -> Any:
    """A value that is not JSON: the JSON document or text that it is stored as; bytes as base64."""
    try:
        normalised, text, _ = encode_value(type_name, value, {})
    except Exception:  # noqa: BLE001 - the value is unchecked, so a user's type may raise anything
        return _text(value)
    if isinstance(normalised, float | list | dict):
        return to_jsonable("json", normalised)
    if text is None and isinstance(normalised, bytes):
        return base64.b64encode(normalised).decode()
    try:
        return _text(normalised) if text is None else loads(text)
    except (ValueError, RecursionError):
        return text


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a user's __str__ may raise anything
        return shorten(value)
