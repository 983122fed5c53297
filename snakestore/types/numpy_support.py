"""Numbers and arrays of numpy and of packages that support ``__array__``.

numpy is imported only when such a value appears.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

from snakestore.errors import ValidationError
from snakestore.types import binary, shapes

CODES: Final = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
"""The codes of arrays that can be stored: kind (float, signed, unsigned) and bytes per number."""

_USER_DEFINED: Final = 2  # numpy's dtype.isbuiltin for types of other packages, such as bfloat16
_FLOAT_BYTES: Final = 8
_MAX_EXACT_INT: Final = 2**53  # floats represent every integer up to here


def numpy() -> Any:
    """The module numpy, imported on first use.

    Raises:
        ValidationError: if it is not installed.
    """
    try:
        return importlib.import_module("numpy")
    except ImportError as error:
        message = (
            "numpy is required for this and not installed. Install it with pip install numpy, or"
            " use lists."
        )
        raise ValidationError(message) from error


class _AnyArray:
    """What annotations mean by an array where numpy is not installed."""

    def __class_getitem__(cls, _: object) -> Any:
        return Any


class _NumpyOnUse:
    """The module numpy for annotations, imported when one of them is evaluated."""

    @property
    def ndarray(self) -> Any:
        """The class of arrays."""
        try:
            return importlib.import_module("numpy").ndarray
        except ImportError:
            return _AnyArray


numpy_on_use: Final = _NumpyOnUse()


def _loaded(name: str) -> Any:
    """An attribute of numpy; None if numpy is not imported, so that no value can be numpy's."""
    return getattr(sys.modules.get("numpy"), name, None)


def _is_numpy_scalar(value: object, kinds: str) -> bool:
    generic = _loaded("generic")
    return (
        generic is not None
        and isinstance(value, generic)
        and value.dtype.kind in kinds
        and value.dtype.isbuiltin != _USER_DEFINED
    )


def number_of(value: object) -> int | float | None:
    """``value`` as the int or float that equals it; None if it is not a number.

    Subclasses and numpy scalars are numbers. A bool, a text, a Decimal or an array is not.
    """
    if type(value) is float or type(value) is int:
        return value
    number: int | float
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        number = int.__index__(value)
    elif isinstance(value, float):
        number = float.__float__(value)
    elif _is_numpy_scalar(value, "iuf"):
        item = value.item()  # type: ignore[attr-defined] # a numpy scalar has it
        number = item if type(item) in (int, float) else float(item)  # a longdouble is its own item
    else:
        return None
    # a subclass may compare differently; NaN does not equal itself
    return number if number == value or number != number else None  # noqa: PLR0124 - NaN


def exact_float(number: float) -> float | None:
    """The float that equals ``number``; None if there is none."""
    try:
        converted = float(number)
    except OverflowError:
        return None
    return converted if converted == number else None


def bool_of(value: object) -> bool | None:
    """``value`` as a bool if it is one (also numpy's); otherwise None."""
    if isinstance(value, bool):
        return value
    return bool(value) if _is_numpy_scalar(value, "b") else None


def is_numpy_array(value: object) -> bool:
    """Whether ``value`` is a numpy array."""
    ndarray = _loaded("ndarray")
    return ndarray is not None and isinstance(value, ndarray)


def as_array(value: object) -> Any | None:
    """``value`` as a numpy array if it is one or supports ``__array__``; otherwise None.

    Raises:
        ValidationError: if ``__array__`` fails.
    """
    kind = type(value)
    if kind is list or kind is tuple or kind is dict or kind is float or kind is int:
        return None
    if is_numpy_array(value):
        return value
    if not hasattr(kind, "__array__"):
        return None
    try:
        return numpy().asarray(value)
    except ValidationError:
        raise
    except Exception as error:  # another package's __array__ may raise anything
        message = (
            f"{kind.__name__} cannot be converted to a numpy array ({type(error).__name__}:"
            f" {error}); move it to the CPU, detach it, convert it to float32, or pass its"
            " .tolist()"
        )
        raise ValidationError(message, value=value) from error


def invalid_array_reason(array: Any) -> str | None:
    """Why ``array`` cannot be stored; None if it can: finite real numbers, nothing masked."""
    dtype = array.dtype
    if hasattr(array, "mask") and hasattr(array, "filled"):
        return "a masked array has entries without a value; pass its .filled(...) or .compressed()"
    if dtype.isbuiltin == _USER_DEFINED or dtype.kind not in "fiu":
        return (
            f"an array of {dtype.name} cannot be stored;"
            f" {_DTYPE_HINTS.get(dtype.kind, 'pass its .astype(numpy.float32)')}"
        )
    if dtype.kind == "f" and not numpy().isfinite(array).all():
        return "the array contains NaN or infinity; pass finite numbers, or omit those entries"
    if dtype.itemsize > _FLOAT_BYTES and not _floats_represent(array):
        return (
            f"the array contains {dtype.name} numbers that no float represents exactly; pass its"
            " .astype(numpy.float64)"
        )
    return None


def _floats_represent(array: Any) -> bool:
    """Whether floats represent every number of an array of a wider type."""
    with numpy().errstate(over="ignore"):
        return bool((array.astype("f8") == array).all())


_DTYPE_HINTS: Final = {
    "b": "a bool is not a number; pass its .astype(numpy.int8)",
    "c": "store its .real and .imag separately",
    "O": "pass its .astype(float) if it contains numbers",
    "M": 'pass its .astype("datetime64[us]").astype(numpy.int64)',
    "m": 'pass its .astype("timedelta64[us]").astype(numpy.int64)',
    "S": "text is not a number; pass its .astype(float) if it spells numbers",
    "U": "text is not a number; pass its .astype(float) if it spells numbers",
    "T": "text is not a number; pass its .astype(float) if it spells numbers",
}


def code_of(array: Any) -> str:
    """The code under which the numbers of ``array`` are stored, one of ``CODES``."""
    dtype = array.dtype
    longdouble = dtype.kind == "f" and dtype.itemsize > _FLOAT_BYTES
    return "f8" if longdouble else f"{dtype.kind}{dtype.itemsize}"


def list_of(array: Any) -> Any:
    """The numbers of ``array`` as nested lists; without dimensions, its single number."""
    # tolist() of a longdouble array would return longdoubles
    return (array.astype("f8", copy=False) if code_of(array) == "f8" else array).tolist()


def bytes_of(array: Any) -> bytes:
    """The numbers of ``array`` as stored: in C order, little-endian."""
    data: bytes = array.astype("<" + code_of(array), copy=False).tobytes()
    return data


def floats_are_exact(array: Any) -> bool:
    """Whether floats represent every number of ``array``; 64-bit integers may be too large."""
    if array.dtype.kind == "f" or array.dtype.itemsize < _FLOAT_BYTES or not array.size:
        return True
    if int(array.min()) >= -_MAX_EXACT_INT and int(array.max()) <= _MAX_EXACT_INT:
        return True
    return all(float(number) == number for number in array.ravel().tolist())


def to_numpy(value: Any, blob: bytes | None = None) -> Any:
    """A normalised embedding or tensor as a new, writable numpy array.

    Args:
        value: the list or the ``{"shape", "data"}`` of the variable.
        blob: the encoded array, whose dtype is kept; None: float64, or int64 for ints.

    Raises:
        ValidationError: if numpy is not installed, or ``value`` is neither an embedding nor a
            tensor.
    """
    module = numpy()
    if blob is not None:
        code, shape, start = binary.split(blob)
        array = module.frombuffer(blob, dtype="<" + code, offset=start).reshape(shape)
        return array.astype(code)  # a copy, in the byte order of this machine
    if isinstance(value, list):
        return module.array(value, dtype="f8")
    if isinstance(value, dict) and set(value) == {"shape", "data"}:
        shape = value["shape"]
        flat = shapes.flat_of(value["data"], shape)
        return module.array(flat, dtype="i8" if flat and type(flat[0]) is int else "f8").reshape(
            shape
        )
    if as_array(value) is not None:
        return module.array(value)
    message = (
        f"only an embedding or a tensor can be converted to a numpy array, not"
        f" {type(value).__name__}"
    )
    raise ValidationError(message, value=value)
