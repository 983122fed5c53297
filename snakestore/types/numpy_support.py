"""Numbers and arrays of numpy, and of whatever speaks its protocol, without importing it before such a value appears."""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

from snakestore.errors import ValidationError

CODES: Final = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
"""What an array may hold: kind (float, signed, unsigned) and bytes an element."""

_USER_DEFINED: Final = (
    2  # numpy's dtype.isbuiltin for the types that other packages bring, such as bfloat16
)
_FLOAT_BYTES: Final = 8
_EXACT: Final = 2**53  # every integer up to here is a float


def numpy() -> Any:
    """The module numpy, imported now if it was not.

    Raises:
        ValidationError: it is not installed.
    """
    try:
        return importlib.import_module("numpy")
    except ImportError as problem:
        message = (
            "this needs numpy, which is not installed: pip install numpy, or give and take plain"
            " lists"
        )
        raise ValidationError(message) from problem


def _loaded(name: str) -> Any:
    """An attribute of numpy if numpy is imported already: nothing is a numpy value where it is not."""
    return getattr(sys.modules.get("numpy"), name, None)


def _is_numpy_scalar(value: object, kinds: str) -> bool:
    generic = _loaded("generic")
    return (
        generic is not None
        and isinstance(value, generic)
        and value.dtype.kind in kinds
        and value.dtype.isbuiltin != _USER_DEFINED
    )


def plain_number(value: object) -> int | float | None:
    """``value`` as an exact int or float, or None: a bool, a text, a Decimal, an array and anything else is no number."""
    if type(value) is float or type(value) is int:
        return value
    plain: int | float
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        plain = int.__index__(value)
    elif isinstance(value, float):
        plain = float.__float__(value)
    elif _is_numpy_scalar(value, "iuf"):
        item = value.item()  # type: ignore[attr-defined] # a numpy scalar has it
        plain = item if type(item) in (int, float) else float(item)  # a longdouble is its own item
    else:
        return None
    # Made plain where equal; NaN alone does not equal itself.
    return plain if plain == value or plain != plain else None  # noqa: PLR0124


def exact_float(number: float) -> float | None:
    """The float that equals ``number``, an int or a float, if there is one."""
    try:
        converted = float(number)
    except OverflowError:
        return None
    return converted if converted == number else None


def plain_bool(value: object) -> bool | None:
    """``value`` as a bool if it is one, numpy's own included; else None."""
    if isinstance(value, bool):
        return value
    return bool(value) if _is_numpy_scalar(value, "b") else None


def as_array(value: object) -> Any | None:
    """``value`` as a numpy array if it is one or answers ``__array__``, else None.

    Raises:
        ValidationError: it answers, but not with an array.
    """
    kind = type(value)
    if kind is list or kind is tuple or kind is dict or kind is float or kind is int:
        return None
    ndarray = _loaded("ndarray")
    if ndarray is not None and isinstance(value, ndarray):
        return value
    if not hasattr(kind, "__array__"):
        return None
    try:
        return numpy().asarray(value)
    except ValidationError:
        raise
    except Exception as problem:  # somebody else's __array__ may raise anything
        message = (
            f"{kind.__name__} does not become a numpy array ({type(problem).__name__}: {problem}): "
            "move it to the CPU, detach it, convert it to float32, or give its .tolist()"
        )
        raise ValidationError(message, value=value) from problem


def why_no_array(array: Any) -> str | None:
    """Why ``array`` may not be stored, or None if it may: real or integer numbers, finite, nothing masked."""
    dtype = array.dtype
    if hasattr(array, "mask") and hasattr(array, "filled"):
        return (
            "a masked array has entries without a value: give .filled(...) or .compressed() of it"
        )
    if dtype.isbuiltin == _USER_DEFINED or dtype.kind not in "fiu":
        return (
            f"an array of {dtype.name} cannot be stored:"
            f" {_DTYPE_CURES.get(dtype.kind, 'give .astype(numpy.float32) of it')}"
        )
    if dtype.kind == "f" and not numpy().isfinite(array).all():
        return "it holds NaN or infinity: give finite numbers, or leave those entries out"
    if dtype.itemsize > _FLOAT_BYTES and not _floats_hold(array):
        return (
            f"it holds {dtype.name} numbers that no float holds exactly: give"
            " .astype(numpy.float64) of it"
        )
    return None


def _floats_hold(array: Any) -> bool:
    """Whether each number of an array wider than floats is a float all the same."""
    with numpy().errstate(over="ignore"):
        return bool((array.astype("f8") == array).all())


_DTYPE_CURES: Final = {
    "b": "a bool is no number; give .astype(numpy.int8) of it",
    "c": "give its .real and .imag apart",
    "O": "give .astype(float) of it if it holds numbers",
    "M": 'give .astype("datetime64[us]").astype(numpy.int64) of it',
    "m": 'give .astype("timedelta64[us]").astype(numpy.int64) of it',
    "S": "text is no number; give .astype(float) of it if it spells numbers",
    "U": "text is no number; give .astype(float) of it if it spells numbers",
    "T": "text is no number; give .astype(float) of it if it spells numbers",
}


def code_of(array: Any) -> str:
    """The code, one of ``CODES`` for what can be stored, under which the numbers of ``array`` are kept."""
    dtype = array.dtype
    wide = (
        dtype.kind == "f" and dtype.itemsize > _FLOAT_BYTES
    )  # a longdouble, kept as float64 where that is exact
    return "f8" if wide else f"{dtype.kind}{dtype.itemsize}"


def plain_list(array: Any) -> Any:
    """The numbers of ``array`` as nested lists of ints or floats; of a zero-dimensional one the lone number."""
    # A longdouble would be its own item.
    return (array.astype("f8", copy=False) if code_of(array) == "f8" else array).tolist()


def bytes_of(array: Any) -> bytes:
    """The numbers of ``array`` in C order, little-endian, by its code."""
    data: bytes = array.astype("<" + code_of(array), copy=False).tobytes()
    return data


def floats_are_exact(array: Any) -> bool:
    """Whether a float holds each number of ``array``, of which only 64-bit integers may be too fine."""
    if array.dtype.kind == "f" or array.dtype.itemsize < _FLOAT_BYTES or not array.size:
        return True
    if int(array.min()) >= -_EXACT and int(array.max()) <= _EXACT:
        return True
    return all(float(number) == number for number in array.ravel().tolist())
