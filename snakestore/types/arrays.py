"""The types embedding and tensor: lists for the user, stored in binary with dtype and shape."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from snakestore.errors import ValidationError, shorten
from snakestore.types import binary, bounds, numpy_support, shapes
from snakestore.types.base import VariableType
from snakestore.types.hints import NONE_HINT, hint

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_MAX_ENTRIES_SHOWN: Final = 8  # of a refused list: the repr of millions would take long
_NUMBERS: Final = {int, float}


def _entry_hint(entry: object) -> str:
    if entry is None:
        return "omit it"
    if isinstance(entry, bool) or numpy_support.bool_of(entry) is not None:
        return "convert it with int(...)"
    if shapes.is_row(entry):
        return "an embedding is a flat list; the data of a tensor is nested to its shape, or flat"
    return hint(entry)


def _are_floats(entries: list[Any]) -> bool:
    return list(map(type, entries)).count(float) == len(entries)  # half the time of a set


class _ArrayType(VariableType):
    """Base of the array types: the binary form, which keeps the dtype of a numpy array."""

    def check_and_encode(
        self, value: Any, constraints: dict[str, Any], previous_blob: bytes | None = None
    ) -> tuple[Any, str | None, bytes | None]:
        """Normalise, check and encode, keeping the dtype.

        The dtype is that of a numpy array; for a list, that of ``previous_blob`` if the numbers are
        the same. A subclass that overrides ``normalise`` or ``encode`` does not keep a dtype.
        """
        kind = type(self)
        if kind.encode is not _ArrayType.encode or kind.normalise not in _OWN_NORMALISE:
            return super().check_and_encode(value, constraints, previous_blob)
        array = self._array(value)
        normalised = self.normalise(value if array is None else array)
        self.check(normalised, constraints)
        if array is not None:
            header = binary.header(numpy_support.code_of(array), array.shape)
            return normalised, None, header + numpy_support.bytes_of(array)
        _, blob = self.encode(normalised)
        if previous_blob is not None:
            blob = self._with_previous_dtype(blob, previous_blob)
        return normalised, None, blob

    def _with_previous_dtype(self, blob: bytes, previous_blob: bytes) -> bytes:
        """``previous_blob`` if it has the same numbers in another dtype, otherwise ``blob``."""
        if binary.same_code(blob, previous_blob):
            return blob
        try:
            _, previous = self.encode(self.decode(None, previous_blob))
        except ValueError:
            return blob  # the previous value was of another type, or is damaged
        return previous_blob if previous == blob else blob

    def _array(self, value: Any) -> Any | None:
        """``value`` as a numpy array if it is one or can be converted; otherwise None."""
        try:
            return numpy_support.as_array(value)
        except ValidationError as error:
            self.refuse(str(error), value)

    def _check_array(self, array: Any, path: str | None = None) -> None:
        """Refuse an array that contains anything but finite real numbers."""
        reason = numpy_support.invalid_array_reason(array) or binary.invalid_shape_reason(
            array.shape
        )
        if reason is not None:
            self.refuse(reason, array, path=path)

    def _numbers(self, entries: list[Any], shape: tuple[int, ...], path: str) -> list[Any]:
        """``entries`` as ints and finite floats. ``shape`` and ``path`` locate a refused entry."""
        kinds = set(map(type, entries))
        if not kinds <= _NUMBERS:
            originals, entries = entries, list(map(numpy_support.number_of, entries))
            if None in entries:
                index = entries.index(None)
                entry = originals[index]
                reason = f"must be a number, not {type(entry).__name__}; {_entry_hint(entry)}"
                self.refuse(reason, entry, path=shapes.path_of(index, shape, path))
            kinds = set(map(type, entries))
        floats = (
            entries if int not in kinds else [entry for entry in entries if type(entry) is float]
        )
        if not binary.all_finite(floats):
            index = next(
                index
                for index, entry in enumerate(entries)
                if type(entry) is float and not math.isfinite(entry)
            )
            self.refuse(
                "must be finite; omit NaN and infinities",
                entries[index],
                path=shapes.path_of(index, shape, path),
            )
        return entries

    def _floats(self, numbers: list[Any], shape: tuple[int, ...], path: str) -> list[float]:
        """``numbers`` as the floats that equal them."""
        if set(map(type, numbers)) <= {float}:
            return numbers
        floats: list[float] = []
        for index, number in enumerate(numbers):
            exact = numpy_support.exact_float(number)
            if exact is None:
                reason = "no float represents this int exactly; round it with float(...)"
                self.refuse(reason, number, path=shapes.path_of(index, shape, path))
            floats.append(exact)
        return floats

    def encode(self, value: Any) -> tuple[None, bytes]:
        """A normalised value as bytes: floats as float64, ints as int64."""
        shape, flat = self._parts(value)
        return None, binary.write("i8" if flat and type(flat[0]) is int else "f8", shape, flat)

    def _parts(self, value: Any) -> tuple[tuple[int, ...], binary.Flat]:
        """The shape and the flat numbers of a normalised value."""
        return (len(value),), value

    def _block(self, text: str | None, blob: bytes | None) -> binary.Block:
        if text is not None:
            message = f"{self.name} has no text form, but {shorten(text)} is stored"
            raise ValueError(message)
        return binary.read(blob)


class EmbeddingType(_ArrayType):
    """A vector: a flat list of finite floats."""

    name = "embedding"
    constraints = ("dimensions",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, and ``dimensions`` that is not an int of 0 or more."""
        super().check_constraints(constraints)
        bounds.check_count(self, constraints, "dimensions")

    def check_and_encode(
        self, value: Any, constraints: dict[str, Any], previous_blob: bytes | None = None
    ) -> tuple[Any, str | None, bytes | None]:
        """As the base; a list of floats is encoded before its check, which takes less time."""
        if type(self) is EmbeddingType and type(value) is list:
            entries = list(value)
            if _are_floats(entries):
                _, blob = self.encode(entries)
                if binary.certainly_finite(blob, 8):
                    self.check(entries, constraints)
                    if previous_blob is not None:
                        blob = self._with_previous_dtype(blob, previous_blob)
                    return entries, None, blob
        return super().check_and_encode(value, constraints, previous_blob)

    def normalise(self, value: Any) -> list[float]:
        """A new list of the floats that equal the numbers of ``value``."""
        array = self._array(value)
        if array is not None:
            self._check_array(array)
            return self._from_array(array)
        if not shapes.is_row(value):
            advice = NONE_HINT if value is None else f"pass a list or a numpy array; {hint(value)}"
            reason = f"must be a sequence of numbers, not {type(value).__name__}; {advice}"
            self.refuse(reason, value)
        entries = list(value)
        if _are_floats(entries) and binary.all_finite(entries):
            return entries  # the usual case
        shape = (len(entries),)
        return self._floats(self._numbers(entries, shape, "$"), shape, "$")

    def _from_array(self, array: Any) -> list[float]:
        if array.ndim != 1:
            self.refuse(
                f"must have one dimension, not {array.ndim}; pass its .ravel(), or use a variable"
                " of type tensor",
                array,
            )
        if not numpy_support.floats_are_exact(array):
            # refuses the number that no float represents
            return self._floats(array.tolist(), array.shape, "$")
        floats: list[float] = array.astype("f8", copy=False).tolist()
        return floats

    def check(self, value: list[float], constraints: dict[str, Any]) -> None:
        """Refuse a vector whose length is not ``dimensions``."""
        if "dimensions" in constraints and len(value) != constraints["dimensions"]:
            reason = f"must have {constraints['dimensions']} numbers, not {len(value)}"
            self.refuse(reason, value[:_MAX_ENTRIES_SHOWN], constraint="dimensions")

    def decode(self, text: str | None, blob: bytes | None) -> list[float]:
        """The list of floats in an encoded array."""
        block = self._block(text, blob)
        if len(block.shape) != 1:
            message = f"an array of shape {list(block.shape)} is not an embedding"
            raise ValueError(message)
        flat: list[Any] = block.flat
        return flat if block.code[0] == "f" else self._floats(flat, block.shape, "$")


class TensorType(_ArrayType):
    """An array of any shape: all numbers are 64-bit ints, or all are finite floats."""

    name = "tensor"
    constraints = ("shape",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, and a shape that is not a list of ints of 0 or more."""
        super().check_constraints(constraints)
        if "shape" in constraints:
            shape = constraints["shape"]
            if type(shape) is not list or any(type(size) is not int or size < 0 for size in shape):
                self.refuse(
                    "must be a list of ints of 0 or more, e.g. [64, 64]", shape, constraint="shape"
                )
            reason = binary.invalid_shape_reason(tuple(shape))
            if reason:
                self.refuse(reason, shape, constraint="shape")

    def normalise(self, value: Any) -> dict[str, Any]:
        """A new dict ``{"shape": [...], "data": nested list}``."""
        array = self._array(value)
        if array is not None:
            self._check_array(array)
            self._check_range(array)
            return {"shape": list(array.shape), "data": numpy_support.list_of(array)}
        if not isinstance(value, Mapping):
            advice = (
                NONE_HINT
                if value is None
                else 'pass {"shape": [2, 3], "data": [...]} or a numpy array'
            )
            reason = f"must be a dict or a numpy array, not {type(value).__name__}; {advice}"
            self.refuse(reason, value)
        if set(value) != {"shape", "data"}:
            self.refuse(
                f"must have exactly the keys shape and data, not {shorten(list(value))}", value
            )
        shape = self._shape(value["shape"])
        flat = self._flat(value["data"], shape)
        return {"shape": list(shape), "data": shapes.nested(flat, shape)}

    def _check_range(self, array: Any) -> None:
        if array.dtype.kind == "u" and array.size and int(array.max()) > _MAX_INT:
            self.refuse(
                "an int of 2**63 or more does not fit into a signed 64-bit int; pass its"
                " .astype(numpy.float64)",
                array,
            )

    def _shape(self, shape: Any) -> tuple[int, ...]:
        sizes = tuple(map(numpy_support.number_of, shape)) if shapes.is_row(shape) else (None,)
        checked = tuple(size for size in sizes if type(size) is int and size >= 0)
        if len(checked) < len(sizes):
            self.refuse("must be a list of ints of 0 or more", shape, path="$.shape")
        reason = binary.invalid_shape_reason(checked)
        if reason:
            self.refuse(reason, shape, path="$.shape")
        return checked

    def _flat(self, data: Any, shape: tuple[int, ...]) -> list[Any]:
        """The numbers of ``data``, which is nested to ``shape`` or flat: all ints or all floats."""
        array = self._array(data)
        if array is not None:
            self._check_array(array, "$.data")
            data = numpy_support.list_of(array)
        if not shape:
            layout, entries = self._lone_entry(data)
        else:
            layout, entries = self._entries(data, shape)
        numbers = self._numbers(entries, layout, "$.data")
        if float in set(map(type, numbers)):
            return self._floats(numbers, layout, "$.data")
        if numbers and not (min(numbers) >= _MIN_INT and max(numbers) <= _MAX_INT):
            index = next(
                index for index, number in enumerate(numbers) if not _MIN_INT <= number <= _MAX_INT
            )
            reason = "an int of more than 64 bits; pass floats, or use a variable of type json"
            self.refuse(reason, numbers[index], path=shapes.path_of(index, layout, "$.data"))
        return numbers

    def _lone_entry(self, data: Any) -> tuple[tuple[int, ...], list[Any]]:
        """The layout and the entry of ``data`` for the shape []: a number, or a list of one."""
        if not shapes.is_row(data):
            return (), [data]
        if len(data) != 1:
            reason = "must be a single number, or a list of one, if the shape is []"
            self.refuse(reason, data[:_MAX_ENTRIES_SHOWN], path="$.data")
        return (1,), list(data)

    def _entries(self, data: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], list[Any]]:
        """The layout of ``data`` (``shape`` or flat) and its entries in C order."""
        count = math.prod(shape)
        if shapes.is_row(data) and len(data) == count and not (count and shapes.is_row(data[0])):
            return (count,), list(data)
        try:
            return shape, shapes.flattened(data, shape, "$.data")
        except shapes.ShapeError as error:
            shown = error.value
            if isinstance(shown, list | tuple):
                shown = shown[:_MAX_ENTRIES_SHOWN]
            self.refuse(error.reason, shown, path=error.path)

    def check(self, value: dict[str, Any], constraints: dict[str, Any]) -> None:
        """Refuse a tensor whose shape is not ``shape``."""
        if "shape" in constraints and value["shape"] != constraints["shape"]:
            self.refuse(
                f"must have the shape {constraints['shape']}", value["shape"], constraint="shape"
            )

    def _parts(self, value: Any) -> tuple[tuple[int, ...], binary.Flat]:
        shape = tuple(value["shape"])
        return shape, shapes.flat_of(value["data"], shape)

    def decode(self, text: str | None, blob: bytes | None) -> dict[str, Any]:
        """The shape and the nested list of an encoded array."""
        block = self._block(text, blob)
        if block.code == "u8" and block.flat and max(block.flat) > _MAX_INT:
            message = "the array contains an int that does not fit into a signed 64-bit int"
            raise ValueError(message)
        return {"shape": list(block.shape), "data": shapes.nested(block.flat, block.shape)}


_OWN_NORMALISE: Final = (EmbeddingType.normalise, TensorType.normalise)
