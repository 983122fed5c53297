"""The binary form of arrays: its bytes, and the refusal of damaged ones."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from snakestore import ValidationError, types
from snakestore.types import binary

GOOD = types.encode_value("tensor", {"shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}, {})[2]


def made(code=b"f8", dimensions=1, sizes=(1,), data=b"\0" * 8, magic=b"snk\x01", reserved=0):
    return (
        magic + code + bytes([dimensions, reserved]) + struct.pack(f"<{len(sizes)}Q", *sizes) + data
    )


def test_the_bytes_are_those_documented():
    assert types.encode_value("embedding", [1.0, -2.5], {})[
        2
    ] == b"snk\x01f8\x01\x00" + struct.pack("<Q2d", 2, 1.0, -2.5)
    assert b"snk\x01i8\x02\x00" + struct.pack("<2Q6q", 2, 3, 1, 2, 3, 4, 5, 6) == GOOD
    assert types.encode_value("tensor", np.array(7, ">u2"), {})[2] == b"snk\x01u2\x00\x00\x07\x00"


DAMAGED = [
    None,
    "text",
    b"",
    b"\0",
    b"snk\x01",
    b"\xff" * 40,
    made(magic=b"snk\x02"),
    made(magic=b"SNK\x01"),
    made(code=b"f9"),
    made(code=b"c8"),
    made(code=b"b1"),
    made(code=b"\xff\xff"),
    made(reserved=1),
    made(dimensions=2, data=b"\0" * 7),
    made(dimensions=2, data=b"\1" * 8),
    made(dimensions=65, sizes=(1,) * 65),
    made(dimensions=255, sizes=(1,) * 255),
    made(data=b""),
    made(data=b"\0" * 7),
    made(data=b"\0" * 9),
    made(data=b"\0" * 16),
    made(sizes=(2,)),
    made(sizes=(2**64 - 1,)),
    made(sizes=(2**61,)),
    made(sizes=(2**63, 0), dimensions=2, data=b""),
    made(sizes=(2**40, 0), dimensions=2, data=b""),
    made(sizes=(2**32, 2**32), dimensions=2, data=b""),
    made(data=struct.pack("<d", float("nan"))),
    made(data=struct.pack("<d", float("inf"))),
    made(code=b"f4", data=struct.pack("<f", float("-inf"))),
    made(code=b"f2", data=struct.pack("<e", float("nan"))),
]


@pytest.mark.parametrize("blob", DAMAGED)
@pytest.mark.parametrize("type_name", ["embedding", "tensor"])
def test_damaged_bytes_are_a_validation_error(type_name, blob):
    with pytest.raises(ValidationError):
        types.decode_value(type_name, None, blob)
    with pytest.raises(ValueError):  # noqa: PT011 - any of that family, which the store wraps
        types.get(type_name).decode(None, blob)


@pytest.mark.parametrize("type_name", ["embedding", "tensor"])
def test_text_for_an_array_is_refused(type_name):
    with pytest.raises(ValidationError):
        types.decode_value(type_name, "[1.0]", types.encode_value("embedding", [1.0], {})[2])


def test_an_array_of_another_type_is_refused():
    too_large = types.get("embedding").check_and_encode(np.array([2**63], "u8"), {})[2]
    too_fine = made(code=b"i8", data=struct.pack("<q", 2**53 + 1))

    for type_name, blob in (("embedding", GOOD), ("tensor", too_large), ("embedding", too_fine)):
        with pytest.raises(ValidationError):
            types.decode_value(type_name, None, blob)


@given(some.integers(0, len(GOOD)))
def test_truncated_bytes_are_refused(length):
    if length < len(GOOD):
        with pytest.raises(ValidationError):
            types.decode_value("tensor", None, GOOD[:length])


@given(
    some.integers(0, len(GOOD) - 1),
    some.integers(1, 255),
    some.sampled_from(["embedding", "tensor"]),
)
def test_garbled_bytes_are_refused_or_decode_to_another_array(place, change, type_name):
    garbled = bytearray(GOOD)
    garbled[place] ^= change

    try:
        value = types.decode_value(type_name, None, bytes(garbled))
    except ValidationError:
        return
    assert types.validate(value, type_name) == value


@given(some.binary(max_size=80))
def test_any_bytes_are_refused_or_decoded(content):
    for blob in (content, b"snk\x01" + content):
        try:
            types.decode_value("tensor", None, blob)
        except ValidationError as problem:
            assert problem.type == "tensor"  # noqa: PT017 - either outcome is right


def test_numbers_are_little_endian_on_every_machine():
    numbers = [1, 256, -2]

    blob = binary.write("i8", (3,), numbers)

    assert blob[16:] == struct.pack("<3q", *numbers)


def test_a_big_endian_machine_swaps_the_bytes(monkeypatch):
    numbers = [1, 256, -2]
    foreign = binary.header("i8", (3,)) + struct.pack(
        ">3q", *numbers
    )  # what such a machine's own order makes of it

    monkeypatch.setattr(binary, "_BIG_ENDIAN", True)

    assert binary.read(foreign).flat == numbers


def test_memory_views_and_byte_arrays_from_a_driver_are_read():
    for view in (bytearray, memoryview):
        assert types.decode_value("tensor", None, view(GOOD))["data"] == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(("code", "size"), [("f4", 4), ("f8", 8)])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_non_finite_float_is_refused_at_any_position(code, size, bad):
    for place in (0, 1, 6):
        numbers = [0.5] * 7
        numbers[place] = bad

        with pytest.raises(ValueError, match="NaN or infinity"):
            binary.read(
                binary.header(code, (7,)) + struct.pack(f"<7{'f' if size == 4 else 'd'}", *numbers)
            )


@pytest.mark.parametrize(
    ("code", "largest"), [("f4", 3.4028234663852886e38), ("f8", 1.7976931348623157e308)]
)
def test_the_largest_floats_are_read_as_they_are(code, largest):
    numbers = [largest, -largest, 0.0, -0.0]

    assert binary.read(binary.write(code, (4,), numbers)).flat == numbers
