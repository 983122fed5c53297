"""JSON documents: what is stored is read back the same, or it is refused.

The rule of the type ``json``, and of metadata, constraints, access rules and programs: dicts with
str keys, lists, str, int, float, bool and None, of exactly these types (no tuple, no subclass);
finite numbers, integers of at most 4,300 digits, text without lone surrogates, at most 200 dicts
and lists nested in one another.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple

from snakestore.errors import ValidationError, shorten
from snakestore.types.digits import MAX_DIGITS, TOO_LONG
from snakestore.types.hints import hint, key_hint

MAX_DEPTH: Final = 200
"""How many dicts and lists may be nested in one another."""

_SURROGATE_HINT: Final = 'clean the text with .encode("utf-8", "replace").decode()'


class _InvalidError(Exception):
    """The document breaks the rule; ``_find_fault`` then finds where and why."""


class _Fault(NamedTuple):
    """What is wrong in a document, the refused part, and its JSON path."""

    reason: str
    value: object
    path: str


def surrogate_position(text: str) -> int | None:
    """Where the first lone surrogate of ``text`` is; None if there is none.

    No database can store a lone surrogate as text.
    """
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def checked_document(value: object, what: str, *, type_name: str | None = None) -> Any:
    """A deep copy of ``value``, checked by the rule of this module.

    Args:
        value: the document; it is not changed.
        what: names the document in error messages, e.g. ``"metadata"``.
        type_name: the variable type of the document, if it is the value of a variable.

    Raises:
        ValidationError: if the document breaks the rule; ``.path`` says where
            (``$.demos[3].when``).
    """
    try:
        return _copy(value, MAX_DEPTH)
    except _InvalidError:
        pass
    fault = _find_fault(value, "$", ()) or _Fault(
        "it changed while it was being read; do not change it during the call", value, "$"
    )
    message = (
        f"{what} is not JSON-serialisable at {fault.path}: {fault.reason} (value:"
        f" {shorten(fault.value)})"
    )
    raise ValidationError(message, type=type_name, value=fault.value, path=fault.path)


# These three copy and check in one walk. They are the hot path: types are compared by identity, the
# usual scalars are checked without a call, and each container is copied first, so that nothing can
# change it while it is checked.


def _copy(value: Any, levels: int) -> Any:
    kind = type(value)
    if kind is dict:
        return _copy_dict(value, levels)
    if kind is list:
        return _copy_list(value, levels)
    _check_scalar(value)
    return value


def _copy_dict(document: dict[Any, Any], levels: int) -> dict[str, Any]:
    if not levels:
        raise _InvalidError
    copy = document.copy()
    for key, item in copy.items():
        if type(key) is not str or not (key.isascii() or surrogate_position(key) is None):
            raise _InvalidError
        kind = type(item)
        if kind is str and item.isascii():
            continue
        if kind is dict:
            copy[key] = _copy_dict(item, levels - 1)
        elif kind is list:
            copy[key] = _copy_list(item, levels - 1)
        elif kind is not float or item - item != 0.0:
            _check_scalar(item)
    return copy


def _copy_list(items: list[Any], levels: int) -> list[Any]:
    if not levels:
        raise _InvalidError
    copy = items.copy()
    for index, item in enumerate(copy):
        kind = type(item)
        if kind is str and item.isascii():
            continue
        if kind is dict:
            copy[index] = _copy_dict(item, levels - 1)
        elif kind is list:
            copy[index] = _copy_list(item, levels - 1)
        elif kind is not float or item - item != 0.0:
            _check_scalar(item)
    return copy


def _check_scalar(value: Any) -> None:
    kind = type(value)
    if kind is int:
        valid = abs(value) < TOO_LONG  # -TOO_LONG would be computed each time
    elif kind is str:
        valid = value.isascii() or surrogate_position(value) is None
    elif kind is float:
        valid = value - value == 0.0  # faster than isfinite: infinity - infinity is NaN
    else:
        valid = value is None or kind is bool
    if not valid:
        raise _InvalidError


def _find_fault(value: object, path: str, ancestors: tuple[int, ...]) -> _Fault | None:
    """The first thing in ``value`` that breaks the rule. Slow, because it tracks the path."""
    reason: str | None
    if not isinstance(value, dict | list) or type(value) not in (dict, list):
        reason = _scalar_fault(value)
    elif id(value) in ancestors:
        reason = "it contains itself; store a copy without the cycle"
    elif len(ancestors) == MAX_DEPTH:
        reason = (
            f"nested more than {MAX_DEPTH} levels deep; store a flatter document, or several ones"
        )
    else:
        return _find_fault_inside(value, path, (*ancestors, id(value)))
    return None if reason is None else _Fault(reason, value, path)


def _find_fault_inside(
    container: dict[Any, Any] | list[Any], path: str, ancestors: tuple[int, ...]
) -> _Fault | None:
    if isinstance(container, list):
        for index, item in enumerate(container):
            if fault := _find_fault(item, f"{path}[{index}]", ancestors):
                return fault
        return None
    for key, item in container.items():
        reason = _key_fault(key)
        if reason is not None:
            return _Fault(reason, key, path)
        if fault := _find_fault(item, _item_path(path, key), ancestors):
            return fault
    return None


def _key_fault(key: object) -> str | None:
    if type(key) is not str:
        return f"the key {shorten(key)} is of type {type(key).__name__}, not str; {key_hint(key)}"
    position = surrogate_position(key)
    if position is None:
        return None
    return (
        f"the key {shorten(key)} contains a lone surrogate at position {position};"
        f" {_SURROGATE_HINT}"
    )


def _scalar_fault(value: object) -> str | None:
    if value is None or type(value) is bool:
        reason = None
    elif type(value) is str:
        position = surrogate_position(value)
        reason = (
            None
            if position is None
            else f"the text contains a lone surrogate at position {position}; {_SURROGATE_HINT}"
        )
    elif type(value) is int:
        reason = (
            None
            if -TOO_LONG < value < TOO_LONG
            else f"an integer of more than {MAX_DIGITS} digits; store it as text, e.g. hex(...)"
        )
    elif type(value) is float:
        reason = (
            None
            if value - value == 0.0
            else (
                'JSON has no NaN or infinity; store None, or the text "NaN", "Infinity",'
                ' "-Infinity"'
            )
        )
    else:
        reason = f"{type(value).__name__} is not a JSON type; {hint(value)}"
    return reason


def _item_path(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{encode_basestring(key)}]"
