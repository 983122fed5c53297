"""Nested lists and their shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from snakestore.types.binary import Flat

_NOT_SEQUENCES: Final = (str, bytes, bytearray, memoryview)


class ShapeError(Exception):
    """A nested list does not have the given shape. ``.reason`` ``.value`` ``.path``."""

    def __init__(self, reason: str, value: object, path: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
        self.path = path


def is_row(value: object) -> bool:
    """Whether ``value`` is a list, a tuple or any other Sequence except text and bytes."""
    kind = type(value)
    return (
        kind is list
        or kind is tuple
        or (isinstance(value, Sequence) and not isinstance(value, _NOT_SEQUENCES))
    )


def path_of(index: int, shape: Sequence[int], path: str) -> str:
    """The JSON path of the number at ``index`` (C order) in an array of ``shape`` at ``path``."""
    positions: list[int] = []
    for size in reversed(shape):
        index, position = divmod(index, size)
        positions.append(position)
    return path + "".join(f"[{position}]" for position in reversed(positions))


def flattened(rows: Any, shape: Sequence[int], path: str) -> list[Any]:
    """The entries of nested lists of ``shape`` (one dimension or more), in C order.

    Raises:
        ShapeError: if ``rows`` does not have that shape.
    """
    level: Sequence[Any] = [rows]
    for depth, size in enumerate(shape):
        for index, row in enumerate(level):
            kind = type(row)
            if (kind is not list and kind is not tuple and not is_row(row)) or len(row) != size:
                found = f"{len(row)} entries" if is_row(row) else type(row).__name__
                reason = (
                    f"must have {size} entries by the shape {list(shape)}, found {found}; pass"
                    " lists nested to the shape, or one flat list"
                )
                raise ShapeError(reason, row, path_of(index, shape[:depth], path))
        level = list(chain.from_iterable(level))
    return level if isinstance(level, list) else list(level)


def flat_of(data: Any, shape: Sequence[int]) -> Flat:
    """The numbers of nested lists that are known to have ``shape``, in C order."""
    if not shape:
        return [data]
    for _ in shape[1:]:
        data = list(chain.from_iterable(data))
    return data  # type: ignore[no-any-return] # a flat list now


def nested(flat: list[Any], shape: Sequence[int]) -> Any:
    """``flat`` as nested lists of ``shape``; for shape [] its single number."""
    if not shape:
        return flat[0]
    level = flat
    for depth in range(len(shape) - 1, 0, -1):
        size = shape[depth]
        level = [level[row * size : (row + 1) * size] for row in range(math.prod(shape[:depth]))]
    return level
