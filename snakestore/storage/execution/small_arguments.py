"""Which arguments of a write allow that it is done together with others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from snakestore.variable import Variable

K = TypeVar("K", bound=type)

MAX_ITEMS = 100
"""The most items of an argument with which a write is grouped."""
_SINGLE: set[type] = {
    type(None),
    bool,
    int,
    float,
    str,
    bytes,
    date,
    datetime,
    time,
    timedelta,
    Variable,
}
_COLLECTIONS = frozenset((dict, list, tuple, set, frozenset))
_SIMPLE = _SINGLE | _COLLECTIONS
_parts: dict[type, tuple[str, ...]] = {}


def holds_arguments(*names: str) -> Callable[[K], K]:
    """Mark a class whose objects hold arguments of a method, in the attributes ``names``."""

    def mark(kind: K) -> K:
        """Mark it."""
        _parts[kind] = names
        return kind

    return mark


def are_small(args: tuple[object, ...], kwargs: Mapping[str, object]) -> bool:
    """Whether a write is quick, and reading its arguments calls no code of the user's."""
    return all(map(_is_small, args)) and all(map(_is_small, kwargs.values()))


def _is_small(argument: object) -> bool:
    kind = type(argument)
    if kind in _SINGLE:
        return True
    if kind in _COLLECTIONS:
        assert isinstance(argument, Collection)  # noqa: S101 - by its type
        items: Iterable[object] = argument.values() if isinstance(argument, dict) else argument
        return len(argument) <= MAX_ITEMS and all(map(_is_simple, items))
    names = _parts.get(kind)
    return names is not None and all(_is_small(getattr(argument, name)) for name in names)


def _is_simple(item: object) -> bool:
    return type(item) in _SIMPLE or type(item) in _parts
