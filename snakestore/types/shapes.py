"""Nested lists and the shapes that they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from snakestore.types.binary import Flat

_NOT_ROWS: Final = (str, bytes, bytearray, memoryview)


class ShapeError(Exception):
    """A nested list does not have the shape it is said to have. ``.reason`` ``.value`` ``.path``."""

    def __init__(self, reason: str, value: object, path: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
        self.path = path


def is_row(value: object) -> bool:
    """Whether ``value`` is a sequence of entries: a list, a tuple, any Sequence but text and bytes."""
    kind = type(value)
    return (
        kind is list
        or kind is tuple
        or (isinstance(value, Sequence) and not isinstance(value, _NOT_ROWS))
    )


def path_of(index: int, shape: Sequence[int], path: str) -> str:
    """The JSON path, below ``path``, of the number at ``index`` in C order in an array of ``shape``."""
    places: list[int] = []
    for size in reversed(shape):
        index, place = divmod(index, size)
        places.append(place)
    return path + "".join(f"[{place}]" for place in reversed(places))


def flattened(rows: Any, shape: Sequence[int], path: str) -> list[Any]:
    """The entries of ``rows``, nested lists of exactly ``shape`` (one dimension or more), in C order.

    Raises:
        ShapeError: they are not of that shape.
    """
    level: Sequence[Any] = [rows]
    for depth, size in enumerate(shape):
        for index, row in enumerate(level):
            kind = type(row)
            if (kind is not list and kind is not tuple and not is_row(row)) or len(row) != size:
                held = f"has {len(row)} entries" if is_row(row) else f"is {type(row).__name__}"
                reason = (
                    f"{held} where the shape {list(shape)} says {size}: give lists nested to the"
                    " shape, or one flat list"
                )
                raise ShapeError(reason, row, path_of(index, shape[:depth], path))
        level = list(chain.from_iterable(level))
    return level if isinstance(level, list) else list(level)


def flat_of(data: Any, shape: Sequence[int]) -> Flat:
    """The numbers of ``data``, which is known to be nested lists of ``shape``, in C order."""
    if not shape:
        return [data]
    for _ in shape[1:]:
        data = list(chain.from_iterable(data))
    return data  # type: ignore[no-any-return] # numbers by now


def nested(flat: list[Any], shape: Sequence[int]) -> Any:
    """``flat`` as nested lists of ``shape``; of shape [] the lone number."""
    if not shape:
        return flat[0]
    level = flat
    for depth in range(len(shape) - 1, 0, -1):
        size = shape[depth]
        level = [level[row * size : (row + 1) * size] for row in range(math.prod(shape[:depth]))]
    return level
