"""Arrays of numbers as bytes: a small header that says what they are, then the numbers, little-endian.

    offset  bytes       what
    0       4           b"snk" and the version of this form, 1
    4       2           the code: f2 f4 f8 (floats), i1 i2 i4 i8 (signed), u1 u2 u4 u8 (unsigned);
        kind and bytes a number
    6       1           how many dimensions, at most 64
    7       1           0
    8       8 each      the dimensions, unsigned little-endian
    then    ...         the numbers in C order (the last index runs fastest)

1,536 float64 thus take 12,304 bytes. Everything is read and written with the standard library
alone.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from typing import Any, Final, NamedTuple

MAGIC: Final = b"snk\x01"
MOST_DIMENSIONS: Final = 64
MOST_EMPTY_LISTS: Final = 1_000_000
"""How many lists an array without numbers may stand for: shape [10**9, 0] would fill the memory
with nothing.
"""

_BIG_ENDIAN = sys.byteorder == "big"
_HEAD: Final = struct.Struct("<4s2sBx")
_TYPECODES: Final = {
    "f4": "f",
    "f8": "d",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
}
_SHAPES: Final = tuple(struct.Struct(f"<{count}Q") for count in range(MOST_DIMENSIONS + 1))

Flat = list[int] | list[float]


class Block(NamedTuple):
    """An array as read: its code, its shape, and its numbers in C order."""

    code: str
    shape: tuple[int, ...]
    flat: Flat


def header(code: str, shape: tuple[int, ...]) -> bytes:
    """The bytes before the numbers."""
    return _HEAD.pack(MAGIC, code.encode(), len(shape)) + _SHAPES[len(shape)].pack(*shape)


def write(code: str, shape: tuple[int, ...], flat: Flat) -> bytes:
    """``flat``, numbers that ``code`` holds exactly, as bytes of the form above; ``f2`` is read but not written here."""
    return header(code, shape) + struct.pack(
        f"<{len(flat)}{_TYPECODES[code]}", *flat
    )  # in half the time of an array


def same_code(one: bytes, other: bytes) -> bool:
    """Whether two arrays are kept as the same kind of number."""
    return one[4:6] == other[4:6]


def why_no_shape(shape: tuple[int, ...]) -> str | None:
    """Why no array has this ``shape``, or None: too many dimensions, too long a one, or too many lists of nothing."""
    if len(shape) > MOST_DIMENSIONS:
        return f"{len(shape)} dimensions, more than {MOST_DIMENSIONS}"
    if any(size >> 63 for size in shape):
        return "a dimension of 2**63 or more"
    if 0 in shape and math.prod(shape[: shape.index(0)]) > MOST_EMPTY_LISTS:
        return f"no number, but more than {MOST_EMPTY_LISTS} lists of nothing"
    return None


def split(blob: object) -> tuple[str, tuple[int, ...], int]:
    """Code, shape and the offset of the numbers, from the header of ``blob``, whose length agrees with them.

    Raises:
        ValueError: it is not of the form above.
    """
    if not isinstance(blob, bytes | bytearray | memoryview):
        message = f"the array's bytes are missing: there is {type(blob).__name__} instead"
        raise ValueError(message)  # noqa: TRY004 - damaged storage is a ValueError, whatever it holds
    if len(blob) < _HEAD.size:
        message = f"{len(blob)} bytes are no array: the header alone has {_HEAD.size}"
        raise ValueError(message)
    magic, code_bytes, dimensions = _HEAD.unpack_from(blob)
    code = code_bytes.decode("latin-1")
    if (
        magic != MAGIC
        or (code not in _TYPECODES and code != "f2")
        or dimensions > MOST_DIMENSIONS
        or blob[_HEAD.size - 1]
    ):
        message = f"the header {bytes(blob[: _HEAD.size])!r} is not that of an array"
        raise ValueError(message)
    start = _HEAD.size + 8 * dimensions
    if len(blob) < start:
        message = f"the array ends within its header, after {len(blob)} bytes"
        raise ValueError(message)
    shape = _SHAPES[dimensions].unpack_from(blob, _HEAD.size)
    reason = why_no_shape(shape)
    expected = start + math.prod(shape) * int(code[1])
    if reason or len(blob) != expected:
        message = (
            reason
            or f"an array of {code} and shape {list(shape)} has {expected} bytes, not {len(blob)}"
        )
        raise ValueError(message)
    return code, shape, start


def read(blob: object) -> Block:
    """The array that ``blob`` holds.

    Raises:
        ValueError: it is not of the form above, or a number in it is not finite.
    """
    code, shape, start = split(blob)
    data = bytes(memoryview(blob)[start:])  # type: ignore[arg-type] # split has seen that it is bytes
    if code == "f2":
        half: list[float] = list(struct.unpack(f"<{len(data) // 2}e", data))
        return Block(code, shape, _finite(half))
    numbers: array[int] | array[float] = array(_TYPECODES[code])
    numbers.frombytes(data)
    if _BIG_ENDIAN:
        numbers.byteswap()
    flat: Any = numbers.tolist()
    return Block(
        code, shape, flat if code[0] != "f" or _surely_finite(data, int(code[1])) else _finite(flat)
    )


def all_finite(numbers: list[float]) -> bool:
    """Whether no NaN and no infinity is among ``numbers``."""
    total = sum(numbers)
    # Only NaN or an infinity makes a sum that is not finite, save for an overflow, which the slow
    # way then judges.
    return math.isfinite(total) or all(map(math.isfinite, numbers))


def _surely_finite(data: bytes, size: int) -> bool:
    """Whether all floats of ``data``, 4 or 8 bytes each, are finite; False where that cannot be told from their highest bytes.

    Those of NaN and the infinities are 0x7F and 0xFF, which else only numbers beyond 1e38 (4 bytes)
    or 1e303 have.
    """
    highest = data[size - 1 :: size]
    return b"\x7f" not in highest and b"\xff" not in highest


def _finite(numbers: list[float]) -> list[float]:
    if not all_finite(numbers):
        message = "the array holds NaN or infinity"
        raise ValueError(message)
    return numbers
