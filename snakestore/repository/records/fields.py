"""One cell of a row as JSON, and back.

``write_...`` takes a cell and raises CorruptStoreError if it is damaged. ``read_...`` takes what a
record contains and raises ValidationError, with a reason that begins after the field's name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from snakestore import types
from snakestore.clock import from_text, to_text
from snakestore.errors import CorruptStoreError, ValidationError, shorten
from snakestore.names import invalid_name_reason
from snakestore.session import MAX_TTL_SECONDS
from snakestore.types import binary
from snakestore.types.documents import surrogate_position

MAX_INT = 2**63 - 1

_DTYPES = {
    code: f"{kind}{int(code[1]) * 8}"
    for kind, codes in {
        "float": ("f2", "f4", "f8"),
        "int": ("i1", "i2", "i4", "i8"),
        "uint": ("u1", "u2", "u4", "u8"),
    }.items()
    for code in codes
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}


class Field(NamedTuple):
    """A field of a record, named like its column."""

    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A conversion that leaves None."""
    return lambda content: None if content is None else convert(content)


def refuse(reason: str, value: object) -> NoReturn:
    """Raise a ValidationError."""
    raise ValidationError(reason, value=value)


# --- times, names and numbers


def write_time(cell: Any) -> str:
    """The text of a stored time, for a record. A cell that is no time is damaged."""
    if type(cell) is not datetime:
        message = f"{shorten(cell)} is not a time"
        raise CorruptStoreError(message)
    return to_text(cell)


def read_time(value: Any) -> datetime:
    """The time that a record has as text of 27 characters."""
    if type(value) is not str:
        refuse(f"must be a time as text, not {shorten(value)}", value)
    try:
        return from_text(value)
    except ValueError:
        refuse(f"must be a time like 2026-01-31T23:59:59.000000Z, not {shorten(value)}", value)


def write_text(cell: Any) -> str:
    """A stored text, for a record. A cell that is no text is damaged."""
    if type(cell) is not str:
        message = f"{shorten(cell)} is not text"
        raise CorruptStoreError(message)
    return cell


def read_name(value: Any) -> str:
    """The name or id that a record has, which must be valid."""
    if type(value) is not str:
        refuse(f"must be text, not {shorten(value)}", value)
    reason = invalid_name_reason(value)
    if reason is not None:
        refuse(reason, value)
    return value


def write_count(cell: Any) -> int:
    """A stored count, for a record. A cell that is no int >= 0 is damaged."""
    if type(cell) is not int or cell < 0:
        message = f"{shorten(cell)} is not a count"
        raise CorruptStoreError(message)
    return cell


def read_count(value: Any) -> int:
    """The count that a record has: an int from 0 to 2**63-1."""
    if type(value) is not int or not 0 <= value <= MAX_INT:
        refuse(f"must be an int from 0 to 2**63-1, not {shorten(value)}", value)
    return value


def write_ttl(cell: Any) -> float | None:
    """Seconds, or None."""
    if cell is not None and type(cell) is not float:
        message = f"{shorten(cell)} is not a number of seconds"
        raise CorruptStoreError(message)
    return cell


def read_ttl(value: Any) -> float | None:
    """Seconds, more than 0 and at most 100 years, or None."""
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 < value <= MAX_TTL_SECONDS:
        refuse(f"must be seconds, more than 0 and at most 100 years, not {shorten(value)}", value)
    return float(value)


# --- JSON


def write_optional_json(cell: Any) -> Any:
    """The JSON object that a cell contains; NULL is an empty one."""
    return {} if cell is None else write_json(cell)


def write_json(cell: Any) -> Any:
    """The document that a cell contains."""
    try:
        return types.loads(cell)
    except ValueError as error:
        message = f"{shorten(cell)} is not JSON"
        raise CorruptStoreError(message) from error


def read_json(value: Any) -> str:
    """A document as text."""
    return types.dumps(types.checked_document(value, "the document"))


def read_object(value: Any) -> str:
    """A JSON object as text."""
    if type(value) is not dict:
        refuse(f"must be a JSON object, not {shorten(value)}", value)
    return read_json(value)


def read_array(value: Any) -> str:
    """A JSON array as text."""
    if type(value) is not list:
        refuse(f"must be a JSON array, not {shorten(value)}", value)
    return read_json(value)


# --- values of variables

VALUE_FIELDS = ("value", "array", "base64", "raw")
"""A record with a value has exactly one of these."""


def write_value(text: str | None, blob: bytes | None) -> dict[str, Any]:
    """A stored value as one of VALUE_FIELDS, by what is stored.

    ``value``: JSON. ``array``: numbers with dtype and shape. ``base64``: bytes. ``raw``: the text
    and the bytes as they are.
    """
    encoded = None if blob is None else base64.b64encode(blob).decode()
    if blob is None and text is not None:
        try:
            document = types.loads(text)
        except ValueError:
            pass
        else:
            if types.dumps(document) == text:
                return {"value": document}
    elif blob is not None and text is None:
        try:
            code, shape, start = binary.split(blob)
        except ValueError:
            return {"base64": encoded}
        numbers = base64.b64encode(memoryview(blob)[start:]).decode()
        return {"array": {"dtype": _DTYPES[code], "shape": list(shape), "base64": numbers}}
    return {"raw": {"text": text, "base64": encoded}}


def read_value(field: str, value: Any) -> tuple[str | None, bytes | None]:
    """The text and the bytes of a value, from one of VALUE_FIELDS."""
    if field == "value":
        return read_json(value), None
    if field == "base64":
        return None, _bytes_from(value)
    if field == "array":
        return None, _array_from(value)
    content = _object_with(value, "text", "base64")
    text, encoded = content["text"], content["base64"]
    if not isinstance(text, str | None) or text is encoded is None:
        refuse("must have text, or bytes as base64 text", value)
    if text is not None and ("\0" in text or surrogate_position(text) is not None):
        refuse("has text with a NUL or a lone surrogate", value)
    return text, None if encoded is None else _bytes_from(encoded)


def _object_with(value: Any, *keys: str) -> dict[str, Any]:
    if type(value) is not dict or set(value) != set(keys):
        refuse(f"must be an object of {', '.join(keys)}, not {shorten(value)}", value)
    return value


def _bytes_from(value: Any) -> bytes:
    if type(value) is not str:
        refuse(f"must be base64 text, not {shorten(value)}", value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        refuse(f"must be base64 text: {error}", value)


def _array_from(value: Any) -> bytes:
    content = _object_with(value, "dtype", "shape", "base64")
    dtype, shape = content["dtype"], content["shape"]
    if type(dtype) is not str or dtype not in _CODES:
        refuse(f"has the unknown dtype {shorten(dtype)}; known: {', '.join(_CODES)}", dtype)
    if type(shape) is not list or any(type(size) is not int or size < 0 for size in shape):
        refuse(f"must have a list of ints of 0 or more as shape, not {shorten(shape)}", shape)
    reason = binary.invalid_shape_reason(tuple(shape))
    if reason is not None:
        refuse(reason, shape)
    blob = binary.header(_CODES[dtype], tuple(shape)) + _bytes_from(content["base64"])
    try:
        binary.split(blob)
    except ValueError as error:
        refuse(str(error), value)
    return blob
