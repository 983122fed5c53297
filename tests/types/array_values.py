"""Numbers, dtypes and arrays of every kind."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import strategies as some

DTYPES = [
    "f2",
    "f4",
    "f8",
    ">f2",
    ">f4",
    ">f8",
    "i1",
    "i2",
    "i4",
    "i8",
    ">i2",
    ">i4",
    ">i8",
    "u1",
    "u2",
    "u4",
    ">u4",
]


class Answers:
    """Answers ``__array__``, as tensors and frames of other libraries do."""

    def __init__(self, content):
        self.content = content

    def __array__(self, dtype=None, copy=None):
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


def numbers_of(dtype):
    kind = np.dtype(dtype)
    return {"allow_nan": False, "allow_infinity": False} if kind.kind == "f" else {}


any_array = some.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        elements=numbers_of(dtype),
    )
)


finite = some.floats(allow_nan=False, allow_infinity=False)
