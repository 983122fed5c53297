"""JSON documents as text, and back.

orjson keeps the rule of ``documents`` (no NaN, no infinity, no lone surrogate, floats bit for bit)
and is several times faster than the standard library. The exception is ints beyond 64 bits, which
it refuses to write and reads as floats: the standard library handles those.
"""

from __future__ import annotations

import itertools
import json
import re
from json.encoder import encode_basestring
from typing import Any, Final, cast

import orjson

from snakestore.errors import shorten
from snakestore.types.digits import integer_of, text_of
from snakestore.types.documents import MAX_DEPTH

_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)
_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_INT: Final = b"0" * 19
"""As many digits as the least int that orjson might read as a float, with all digits replaced by
zeros.
"""
_LONG_TEXT: Final = 512
_LONG_ITEM: Final = 256
"""How many bytes a text and, on average, its items have for it to be quicker to look at the items.
"""
_NO_FLOATS: Final = frozenset({str, int, bool, type(None)})


def dumps(document: Any) -> str:
    """A document that ``checked_document`` returned, as JSON text; it is not checked again.

    Only control characters are escaped. Keys keep their order.
    """
    try:
        return orjson.dumps(document).decode()
    except TypeError:
        pass  # an int beyond 64 bits, or a document deeper than orjson goes
    try:
        return _ENCODER.encode(document)
    except ValueError:
        # sys.set_int_max_str_digits is below the digits of an int in the document
        return _dumps_long_ints(document)


def _dumps_long_ints(document: Any) -> str:
    if isinstance(document, dict):
        return (
            "{"
            + ",".join(
                f"{encode_basestring(key)}:{_dumps_long_ints(item)}"
                for key, item in document.items()
            )
            + "}"
        )
    if isinstance(document, list):
        return "[" + ",".join(map(_dumps_long_ints, document)) + "]"
    return text_of(document) if type(document) is int else _ENCODER.encode(document)


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0.0:
        message = f"{shorten(digits)} is out of the range of floats"
        raise ValueError(message)
    return number


def _no_constant(name: str) -> float:
    message = f"{name} is not JSON"
    raise ValueError(message)


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
_LONG_INT_DECODER: Final = json.JSONDecoder(
    parse_float=_finite, parse_constant=_no_constant, parse_int=integer_of
)


def loads(text: object) -> Any:
    """The document in JSON text that ``dumps`` wrote.

    Raises:
        ValueError: if ``text`` is not a str, or not JSON by the rule of this module: invalid
            syntax, NaN or infinity, a lone surrogate, nested too deep.
    """
    if not isinstance(text, str):
        message = f"expected JSON text, found {shorten(text)}"
        raise ValueError(message)  # noqa: TRY004 - invalid stored data is always a ValueError
    data = text.encode()
    if len(data) >= _LONG_TEXT:
        return _loads_long(text, data)
    _, found, _ = data.translate(_ZEROS).partition(_LONG_INT)  # as _has_long_int, without a call
    if found:
        return _with_long_ints(text)
    return orjson.loads(data)


def _loads_long(text: str, data: bytes) -> Any:
    """The document in a long text, in which a search for long ints takes most of the time."""
    try:
        document = orjson.loads(data)
    except ValueError:
        if not _has_long_int(data):
            raise
    else:
        if _is_mere_text(document, len(data)) or not _has_long_int(data):
            return document
    return _with_long_ints(text)


def _has_long_int(data: bytes) -> bool:
    _, found, _ = data.translate(_ZEROS).partition(_LONG_INT)  # in half the time of find
    return bool(found)


def _is_mere_text(document: Any, size: int) -> bool:
    """Whether it is seen at a glance that no item is a float, as which long ints are read."""
    kind = type(document)
    if kind is str:
        return True
    items = document.values() if kind is dict else document if kind is list else None
    return (
        items is not None
        and len(items) * _LONG_ITEM <= size
        and _NO_FLOATS.issuperset(map(type, items))
    )


def loads_each(texts: list[str]) -> list[Any]:
    """The documents in several JSON texts, decoded in one call.

    Raises:
        ValueError: if one of them is not a str or not JSON. Decode them one by one to find out
            which.
    """
    try:
        joined = ",".join(texts)
    except TypeError:
        message = "one of the texts is not a str"
        raise ValueError(message) from None
    documents = loads(f"[{joined}]") if texts else []
    if len(documents) != len(texts):
        message = "one of the texts contains more than one document"
        raise ValueError(message)
    return cast("list[Any]", documents)


def _with_long_ints(text: str) -> Any:
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        _refuse_depth(text)
        raise
    except ValueError:
        document = _LONG_INT_DECODER.decode(text)  # an int above the interpreter's limit of digits
    if "\\ud" in text or "\\uD" in text:
        _ENCODER.encode(document).encode()  # raises if an escape was a lone surrogate
    return document


_STRINGS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def _refuse_depth(text: str) -> None:
    """Raise ValueError if the text is nested too deep, and not the stack of the caller."""
    brackets = (
        1 if character in "[{" else -1
        for character in _STRINGS.sub("", text)
        if character in "[]{}"
    )
    if max(itertools.accumulate(brackets), default=0) > MAX_DEPTH:
        message = f"the JSON text is nested more than {MAX_DEPTH} levels deep"
        raise ValueError(message)
