"""Helpers of the tests of types."""

from __future__ import annotations

import math
import struct

from snakestore import types


def exact(value):
    """``value`` in a form that compares types, bits (-0.0, NaN) and the order of keys."""
    if type(value) is float:
        return ("float", "nan" if math.isnan(value) else struct.pack(">d", value))
    if type(value) is dict:
        return ("dict", [(exact(key), exact(item)) for key, item in value.items()])
    if type(value) in (list, tuple):
        return (type(value).__name__, [exact(item) for item in value])
    return (type(value).__name__, value)


def there_and_back(type_name, value, constraints=None, previous_blob=None):
    """The value as the type hands it out after storing it, once both ways of getting it agree."""
    given, text, blob = types.encode_value(type_name, value, constraints or {}, previous_blob)
    read = types.decode_value(type_name, text, blob)
    assert exact(read) == exact(given)
    return read


def named(name, base=types.VariableType, **members):
    """A new class of a type."""
    return type("Made", (base,), {"name": name, **members})
