"""JSON documents under one strict rule: what is written is read back the same, or it is refused.

The rule of the type ``json``, and of metadata, constraints, access rules and programs: dicts with
str keys, lists, str, int, float, bool and None, of exactly these types (no tuple, no subclass);
numbers finite, integers of at most 4,300 digits, text without lone surrogates, at most 200 dicts
and lists one within another (200 brackets in a row are taken, 201 refused).
"""

from __future__ import annotations

import itertools
import json
import re
from json.encoder import encode_basestring
from typing import Any, Final, cast

import orjson

from snakestore.errors import ValidationError, shorten
from snakestore.types.digits import TOO_LONG, integer_of, text_of
from snakestore.types.hints import cure

DEEPEST: Final = 200
"""How many dicts and lists may be nested one within another."""


class _UnfitError(Exception):
    """Something in the document breaks the rule; what and where is then looked for at leisure."""


def surrogate_position(text: str) -> int | None:
    """Where the first lone surrogate of ``text`` is, which no database can store as text; None if there is none."""
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as problem:
        return problem.start
    return None


def checked_document(value: object, what: str, *, kind: str | None = None) -> Any:
    """A deep plain copy of ``value``, which later changes to ``value`` do not reach.

    Args:
        value: the document; it is not changed.
        what: how a message calls it, e.g. ``"metadata"``.
        kind: the name of the type on whose behalf it is refused, if any.

    Raises:
        ValidationError: it breaks the rule of this module; ``.path`` says where
            (``$.demos[3].when``).
    """
    try:
        return _copy(value, DEEPEST)
    except _UnfitError:
        pass
    fault = _find_fault(value, "$", ())
    reason, culprit, path = fault or (
        "it changed while it was being read: do not write to it meanwhile",
        value,
        "$",
    )
    message = f"{what} at {path}: {reason} (value: {shorten(culprit)})"
    raise ValidationError(message, type=kind, value=culprit, path=path)


def _copy(value: Any, levels: int) -> Any:
    """The hot path: copy and judge in one walk that asks for nothing but the identity of types."""
    kind = type(value)
    if kind is str:
        fit = value.isascii() or surrogate_position(value) is None
    elif kind is int:
        fit = -TOO_LONG < value < TOO_LONG
    elif kind is float:
        fit = value - value == 0.0  # quicker than isfinite: infinity - infinity is NaN
    elif kind is dict:
        return _copy_dict(value, levels)
    elif kind is list and levels:
        levels -= 1
        return [_copy(item, levels) for item in value]
    else:
        fit = value is None or kind is bool
    if fit:
        return value
    raise _UnfitError


def _copy_dict(document: dict[Any, Any], levels: int) -> dict[str, Any]:
    if not levels:
        raise _UnfitError
    copy: dict[str, Any] = {}
    for key, item in document.items():
        if type(key) is not str or not (key.isascii() or surrogate_position(key) is None):
            raise _UnfitError
        copy[key] = _copy(item, levels - 1)
    return copy


def _find_fault(
    value: object, path: str, within: tuple[int, ...]
) -> tuple[str, object, str] | None:
    """Why, what and where: the first thing in ``value`` that breaks the rule. Slow and told in full."""
    kind = type(value)
    if kind is not dict and kind is not list:
        reason = _why_no_leaf(value)
        return None if reason is None else (reason, value, path)
    if id(value) in within:
        return "it holds itself, which JSON cannot say: store a copy without the cycle", value, path
    if len(within) == DEEPEST:
        return (
            (
                f"it is nested more than {DEEPEST} levels deep: store a flatter document, or its"
                " parts apart"
            ),
            value,
            path,
        )
    within = (*within, id(value))
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):  # type: ignore[arg-type] # a list if no dict
        if kind is list:
            fault = _find_fault(item, f"{path}[{key}]", within)
        elif type(key) is not str:
            fault = (
                f"the key {shorten(key)} is no str but {type(key).__name__}: use str(...) of it",
                key,
                path,
            )
        elif (position := surrogate_position(key)) is not None:
            fault = (
                (
                    f"the key {shorten(key)} holds a lone surrogate at position {position}:"
                    f" {_SURROGATE_CURE}"
                ),
                key,
                path,
            )
        else:
            fault = _find_fault(item, _inside(path, key), within)
        if fault:
            return fault
    return None


_SURROGATE_CURE = (
    'no database stores it as text; clean it with .encode("utf-8", "replace").decode()'
)


def _why_no_leaf(value: object) -> str | None:
    if value is None or type(value) is bool:
        return None
    if type(value) is str:
        position = surrogate_position(value)
        return (
            None
            if position is None
            else f"the text holds a lone surrogate at position {position}: {_SURROGATE_CURE}"
        )
    if type(value) is int:
        return (
            None
            if -TOO_LONG < value < TOO_LONG
            else "an integer of more than 4300 digits: store it as text, e.g. hex(...)"
        )
    if type(value) is float:
        finite = value - value == 0.0
        return (
            None
            if finite
            else (
                'JSON has no NaN or infinity: store None, or the text "NaN", "Infinity",'
                ' "-Infinity"'
            )
        )
    return f"{type(value).__name__} is no JSON: {cure(value)}"


def _inside(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{encode_basestring(key)}]"


# --- text
# orjson keeps our rule (no NaN, no infinity, no lone surrogate, floats bit for bit) at a fraction
# of the standard library's time, but for ints beyond 64 bits, which it refuses to write and reads
# as floats: those go the standard library's way.

_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)
_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_INT: Final = b"0" * 19
"""As many digits as the least int that orjson might read as a float, once all digits are made
zeros.
"""


def dumps(document: Any) -> str:
    """A checked document as readable JSON text: characters as they are but for control characters, keys in their order.

    It does not check: give it what ``checked_document`` returned.
    """
    try:
        return orjson.dumps(document).decode()
    except TypeError:
        pass  # an int beyond 64 bits, or a document deeper than orjson goes
    try:
        return _ENCODER.encode(document)
    except ValueError:
        # The interpreter was told to spell fewer digits than the 4,300 we promise
        # (sys.set_int_max_str_digits).
        return _spelled(document)


def _spelled(document: Any) -> str:
    if isinstance(document, dict):
        return (
            "{"
            + ",".join(
                f"{encode_basestring(key)}:{_spelled(item)}" for key, item in document.items()
            )
            + "}"
        )
    if isinstance(document, list):
        return "[" + ",".join(map(_spelled, document)) + "]"
    return text_of(document) if type(document) is int else _ENCODER.encode(document)


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0.0:
        message = f"no float holds {shorten(digits)}"
        raise ValueError(message)
    return number


def _no_constant(name: str) -> float:
    message = f"{name} is no JSON"
    raise ValueError(message)


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
_PATIENT_DECODER: Final = json.JSONDecoder(
    parse_float=_finite, parse_constant=_no_constant, parse_int=integer_of
)


def loads(text: object) -> Any:
    """The document that ``dumps`` wrote as ``text``.

    Raises:
        ValueError: it is no text, or not JSON by the rule of this module: broken, NaN or an
            infinity, a lone surrogate, nested too deep.
    """
    if not isinstance(text, str):
        message = f"JSON text is missing: there is {shorten(text)} instead"
        raise ValueError(message)  # noqa: TRY004 - damaged storage is a ValueError, whatever it holds
    data = text.encode()
    if _LONG_INT in data.translate(_ZEROS):
        return _with_long_ints(text)
    return orjson.loads(data)


def loads_each(texts: list[str]) -> list[Any]:
    """The documents of many texts, decoded at once.

    Raises:
        ValueError, TypeError: one of them is no text, or not JSON; decode them one by one to know
            which.
    """
    documents = loads(f"[{','.join(texts)}]") if texts else []
    if len(documents) != len(texts):
        message = "one of the texts holds more than one document"
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
        document = _PATIENT_DECODER.decode(
            text
        )  # an integer of more digits than the interpreter was told to read
    if "\\ud" in text or "\\uD" in text:
        _ENCODER.encode(
            document
        ).encode()  # raises on a lone surrogate, which only an escape can hide
    return document


_STRINGS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def _refuse_depth(text: str) -> None:
    """Raise if it is the text that is too deep, rather than the stack of the caller."""
    brackets = (
        1 if character in "[{" else -1
        for character in _STRINGS.sub("", text)
        if character in "[]{}"
    )
    if max(itertools.accumulate(brackets), default=0) > DEEPEST:
        message = f"the JSON text is nested more than {DEEPEST} levels deep"
        raise ValueError(message)
