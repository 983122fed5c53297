"""Arrays of numbers as bytes: a header, then the numbers. Everything is little-endian.

    offset  bytes    content
    0       4        b"snk" and the version of this format, 1
    4       2        the code, kind and bytes per number:
                     f2 f4 f8 (float), i1 i2 i4 i8 (signed int), u1 u2 u4 u8 (unsigned int)
    6       1        the number of dimensions, at most 64
    7       1        0
    8       8 each   the dimensions, unsigned
    then    ...      the numbers in C order (the last index varies fastest)

1,536 float64 take 12,304 bytes. Only the standard library is used.
"""

from __future__ import annotations

import math
import struct
import sys
from array import array
from typing import Any, Final, NamedTuple

MAGIC: Final = b"snk\x01"
MAX_DIMENSIONS: Final = 64
MAX_EMPTY_LISTS: Final = 10_000
"""How many empty lists an array without numbers may have: reading a few bytes takes a few ms."""

_BIG_ENDIAN = sys.byteorder == "big"
_HEADER: Final = struct.Struct("<4s2sBx")
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
_SHAPES: Final = tuple(struct.Struct(f"<{count}Q") for count in range(MAX_DIMENSIONS + 1))

Flat = list[int] | list[float]


class Block(NamedTuple):
    """A decoded array: its code, its shape, and its numbers in C order."""

    code: str
    shape: tuple[int, ...]
    flat: Flat


def header(code: str, shape: tuple[int, ...]) -> bytes:
    """The bytes before the numbers."""
    return _HEADER.pack(MAGIC, code.encode(), len(shape)) + _SHAPES[len(shape)].pack(*shape)


def write(code: str, shape: tuple[int, ...], flat: Flat) -> bytes:
    """An array as bytes. ``code`` must represent the numbers exactly, and must not be ``f2``."""
    # struct takes half the time of array.array
    return header(code, shape) + struct.pack(f"<{len(flat)}{_TYPECODES[code]}", *flat)


def same_code(one: bytes, other: bytes) -> bool:
    """Whether two encoded arrays have the same code."""
    return one[4:6] == other[4:6]


def invalid_shape_reason(shape: tuple[int, ...]) -> str | None:
    """Why ``shape`` cannot be stored; None if it can."""
    if len(shape) > MAX_DIMENSIONS:
        return f"the shape has {len(shape)} dimensions; the limit is {MAX_DIMENSIONS}"
    if any(size >> 63 for size in shape):
        return "the shape has a dimension of 2**63 or more"
    if 0 in shape and math.prod(shape[: shape.index(0)]) > MAX_EMPTY_LISTS:
        return f"the shape has no numbers, but more than {MAX_EMPTY_LISTS} empty lists"
    return None


def split(blob: object) -> tuple[str, tuple[int, ...], int]:
    """Code, shape and the offset of the numbers in an encoded array.

    Raises:
        ValueError: if ``blob`` is not an encoded array, or its length does not fit its shape.
    """
    if not isinstance(blob, bytes | bytearray | memoryview):
        message = f"expected the bytes of an array, found {type(blob).__name__}"
        raise ValueError(message)  # noqa: TRY004 - invalid stored data is always a ValueError
    if len(blob) < _HEADER.size:
        message = f"{len(blob)} bytes are too few for an array; its header has {_HEADER.size}"
        raise ValueError(message)
    magic, code_bytes, dimensions = _HEADER.unpack_from(blob)
    code = code_bytes.decode("latin-1")
    if (
        magic != MAGIC
        or (code not in _TYPECODES and code != "f2")
        or dimensions > MAX_DIMENSIONS
        or blob[_HEADER.size - 1]
    ):
        message = f"{bytes(blob[: _HEADER.size])!r} is not the header of an array"
        raise ValueError(message)
    start = _HEADER.size + 8 * dimensions
    if len(blob) < start:
        message = f"the array ends inside its header, after {len(blob)} bytes"
        raise ValueError(message)
    shape = _SHAPES[dimensions].unpack_from(blob, _HEADER.size)
    reason = invalid_shape_reason(shape)
    expected = start + math.prod(shape) * int(code[1])
    if reason or len(blob) != expected:
        message = (
            reason
            or f"an array of {code} with shape {list(shape)} has {expected} bytes, not {len(blob)}"
        )
        raise ValueError(message)
    return code, shape, start


def read(blob: object) -> Block:
    """Decode an array.

    Raises:
        ValueError: if ``blob`` is not an encoded array, or contains NaN or infinity.
    """
    code, shape, start = split(blob)
    data = bytes(memoryview(blob)[start:])  # type: ignore[arg-type] # split has checked the type
    if code == "f2":
        half: list[float] = list(struct.unpack(f"<{len(data) // 2}e", data))
        return Block(code, shape, _finite(half))
    numbers: array[int] | array[float] = array(_TYPECODES[code])
    numbers.frombytes(data)
    if _BIG_ENDIAN:
        numbers.byteswap()
    flat: Any = numbers.tolist()
    if code[0] != "f" or certainly_finite(data, int(code[1])):
        return Block(code, shape, flat)
    return Block(code, shape, _finite(flat))


def all_finite(numbers: list[float]) -> bool:
    """Whether ``numbers`` contains neither NaN nor infinity."""
    total = sum(numbers)
    # NaN and infinity make the sum non-finite; so does an overflow, which the slow check rules out
    return math.isfinite(total) or all(map(math.isfinite, numbers))


def certainly_finite(data: bytes, size: int) -> bool:
    """Whether the highest bytes show that all floats (4 or 8 bytes each) are finite.

    ``data`` may begin with the header of an array of one dimension, or have none.

    The highest byte of NaN and the infinities is 0x7F or 0xFF. Finite numbers have it only beyond
    1e38 (4 bytes) or 1e303 (8 bytes); the answer is False for these too.
    """
    highest = data[size - 1 :: size]
    return b"\x7f" not in highest and b"\xff" not in highest


def _finite(numbers: list[float]) -> list[float]:
    if not all_finite(numbers):
        message = "the array contains NaN or infinity"
        raise ValueError(message)
    return numbers
