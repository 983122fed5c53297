"""The type of a new variable whose type is not given."""

from __future__ import annotations

from typing import Final

from snakestore.types.numpy_support import is_numpy_array

_TYPES: Final = (
    (bool, "boolean"),  # before int, of which it is a subclass
    (int, "integer"),
    (float, "float"),
    (str, "string"),
    ((bytes, bytearray, memoryview), "bytes"),
)


def inferred_type(value: object) -> str:
    """The name of the type that stores ``value``."""
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    return "tensor" if is_numpy_array(value) else "json"
