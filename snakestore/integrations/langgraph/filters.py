"""The filter of a search: which values match."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from snakestore.errors import ValidationError

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def matches(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the value has each key of the filter, with what is wanted of it."""
    return all(_matches(value.get(key), condition) for key, condition in wanted.items())


def _matches(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if any(key.startswith("$") for key in wanted):
            return all(_compares(value, name, operand) for name, operand in wanted.items())
        return isinstance(value, Mapping) and matches(value, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(map(_matches, value, wanted))
        )
    return bool(value == wanted)


def _compares(value: Any, name: str, operand: Any) -> bool:
    """Whether an operator holds. Numbers have an order among themselves, and so have texts.

    Raises:
        ValidationError: if there is no such operator.
    """
    if name == "$eq":
        return _matches(value, operand)
    if name == "$ne":
        return not _matches(value, operand)
    if name not in _ORDERINGS:
        message = f"unknown operator {name!r} in a filter. Use $eq, $ne, $gt, $gte, $lt or $lte."
        raise ValidationError(message, value=name)
    comparable = (_is_number(value) and _is_number(operand)) or (
        isinstance(value, str) and isinstance(operand, str)
    )
    return comparable and _ORDERINGS[name](value, operand)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
