"""The types embedding and tensor: plain lists to their users, binary with dtype and shape in the database."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from snakestore.errors import ValidationError, shorten
from snakestore.types import binary, bounds, numpy_support, shapes
from snakestore.types.base import VariableType
from snakestore.types.hints import cure

_LEAST, _MOST = -(2**63), 2**63 - 1
# so many entries of a refused list are shown: a repr of millions is work that nobody will read
_SHOWN: Final = 8


_NUMBERS: Final = {int, float}


def _cure_of_entry(entry: object) -> str:
    if entry is None:
        return "leave it out"
    if isinstance(entry, bool) or numpy_support.plain_bool(entry) is not None:
        return "give int(...) of it"
    if shapes.is_row(entry):
        return "an embedding is one flat list; a tensor's data is nested to its shape, or flat"
    return cure(entry)


class _ArrayType(VariableType):
    """What both have in common: the binary form, and keeping the dtype of what was given."""

    def pack(
        self, value: Any, constraints: dict[str, Any], like: bytes | None = None
    ) -> tuple[Any, str | None, bytes | None]:
        """Normalise, check and encode, keeping the dtype of a numpy array, or that of ``like`` where the numbers are still the same.

        A subclass with a ``normalise`` or ``encode`` of its own is taken at its word, and keeps no
        dtype.
        """
        kind = type(self)
        if kind.encode is not _ArrayType.encode or kind.normalise not in _OWN_NORMALISE:
            return super().pack(value, constraints, like)
        array = self._array(value)
        plain = self.normalise(value if array is None else array)
        self.check(plain, constraints)
        if array is not None:
            return (
                plain,
                None,
                binary.header(numpy_support.code_of(array), array.shape)
                + numpy_support.bytes_of(array),
            )
        _, blob = self.encode(plain)
        return plain, None, blob if like is None else self._as_before(blob, like)

    def _as_before(self, blob: bytes, like: bytes) -> bytes:
        """``like`` if it holds the very numbers of ``blob``, in another dtype; else ``blob``."""
        if binary.same_code(blob, like):
            return blob
        try:
            _, wide = self.encode(self.decode(None, like))
        except ValueError:
            return blob  # it was written for another type, or is damaged: nothing to keep
        return like if wide == blob else blob

    def _array(self, value: Any) -> Any | None:
        """``value`` as a numpy array if it is one or becomes one, else None."""
        try:
            return numpy_support.as_array(value)
        except ValidationError as problem:
            self.refuse(str(problem), value)

    def _check_array(self, array: Any, path: str | None = None) -> None:
        """Refuse an array of anything but finite real numbers."""
        reason = numpy_support.why_no_array(array) or binary.why_no_shape(array.shape)
        if reason is not None:
            self.refuse(reason, array, path=path)

    def _numbers(self, entries: list[Any], shape: tuple[int, ...], path: str) -> list[Any]:
        """``entries`` as plain ints and floats, the floats finite; the path of a refused one is by ``shape``."""
        kinds = set(map(type, entries))
        if not kinds <= _NUMBERS:
            given, entries = entries, list(map(numpy_support.plain_number, entries))
            if None in entries:
                index = entries.index(None)
                place = shapes.path_of(index, shape, path)
                self.refuse(
                    f"must be a number, not {type(given[index]).__name__}:"
                    f" {_cure_of_entry(given[index])}",
                    given[index],
                    path=place,
                )
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
                "must be finite: leave NaN and infinities out",
                entries[index],
                path=shapes.path_of(index, shape, path),
            )
        return entries

    def _floats(self, numbers: list[Any], shape: tuple[int, ...], path: str) -> list[float]:
        """``numbers`` as floats that equal them."""
        if set(map(type, numbers)) <= {float}:
            return numbers
        floats: list[float] = []
        for index, number in enumerate(numbers):
            exact = numpy_support.exact_float(number)
            if exact is None:
                reason = "no float holds this int exactly: round it yourself with float(...)"
                self.refuse(reason, number, path=shapes.path_of(index, shape, path))
            floats.append(exact)
        return floats

    def encode(self, value: Any) -> tuple[None, bytes]:
        """A normalised ``value`` as bytes: floats as float64, ints as int64."""
        shape, flat = self._parts(value)
        return None, binary.write("i8" if flat and type(flat[0]) is int else "f8", shape, flat)

    def _parts(self, value: Any) -> tuple[tuple[int, ...], binary.Flat]:
        """Shape and flat numbers of a normalised ``value``."""
        return (len(value),), value

    def _block(self, text: str | None, blob: bytes | None) -> binary.Block:
        if text is not None:
            message = f"{self.name} has no text form, but there is {shorten(text)}"
            raise ValueError(message)
        return binary.read(blob)


class EmbeddingType(_ArrayType):
    """A list of finite floats: a vector."""

    name = "embedding"
    constraints = ("dimensions",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown names, and a number of dimensions that is no int of 0 or more."""
        super().check_constraints(constraints)
        bounds.check_count(self, constraints, "dimensions")

    def normalise(self, value: Any) -> list[float]:
        """A new list of floats that equal the numbers of ``value``."""
        array = self._array(value)
        if array is not None:
            self._check_array(array)
            return self._from_array(array)
        if not shapes.is_row(value):
            advice = (
                "only the type json takes None"
                if value is None
                else f"give a list or a numpy array; {cure(value)}"
            )
            self.refuse(
                f"must be a sequence of numbers, not {type(value).__name__}: {advice}", value
            )
        entries = list(value)
        if list(map(type, entries)).count(float) == len(entries) and binary.all_finite(entries):
            return entries  # nearly always
        shape = (len(entries),)
        return self._floats(self._numbers(entries, shape, "$"), shape, "$")

    def _from_array(self, array: Any) -> list[float]:
        if array.ndim != 1:
            self.refuse(
                f"must have one dimension, not {array.ndim}: give .ravel() of it, or make the"
                " variable a tensor",
                array,
            )
        if not numpy_support.floats_are_exact(array):
            return self._floats(
                array.tolist(), array.shape, "$"
            )  # which refuses, naming the number
        floats: list[float] = array.astype("f8", copy=False).tolist()
        return floats

    def check(self, value: list[float], constraints: dict[str, Any]) -> None:
        """Refuse a vector of another length than ``dimensions``."""
        if "dimensions" in constraints and len(value) != constraints["dimensions"]:
            reason = f"must have {constraints['dimensions']} numbers, not {len(value)}"
            self.refuse(reason, value[:_SHOWN], constraint="dimensions")

    def decode(self, text: str | None, blob: bytes | None) -> list[float]:
        """The list of floats that ``blob`` holds."""
        block = self._block(text, blob)
        if len(block.shape) != 1:
            message = f"an array of shape {list(block.shape)} is no embedding"
            raise ValueError(message)
        flat: list[Any] = block.flat
        return flat if block.code[0] == "f" else self._floats(flat, block.shape, "$")


class TensorType(_ArrayType):
    """Numbers in a shape: all ints of 64 bits, or all finite floats."""

    name = "tensor"
    constraints = ("shape",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown names, and a shape that is no list of ints of 0 or more."""
        super().check_constraints(constraints)
        if "shape" in constraints:
            shape = constraints["shape"]
            if type(shape) is not list or any(type(size) is not int or size < 0 for size in shape):
                self.refuse(
                    "must be a list of ints of 0 or more, e.g. [64, 64]", shape, constraint="shape"
                )
            reason = binary.why_no_shape(tuple(shape))
            if reason:
                self.refuse(f"no tensor has this shape: {reason}", shape, constraint="shape")

    def normalise(self, value: Any) -> dict[str, Any]:
        """``{"shape": [...], "data": nested list}``, made anew."""
        array = self._array(value)
        if array is not None:
            self._check_array(array)
            self._check_range(array)
            return {"shape": list(array.shape), "data": numpy_support.plain_list(array)}
        if not isinstance(value, Mapping):
            advice = (
                "only the type json takes None"
                if value is None
                else 'give {"shape": [2, 3], "data": [...]} or a numpy array'
            )
            self.refuse(
                f"must be a dict or a numpy array, not {type(value).__name__}: {advice}", value
            )
        if set(value) != {"shape", "data"}:
            self.refuse(
                f"must have the keys shape and data and no other, not {shorten(list(value))}", value
            )
        shape = self._shape(value["shape"])
        flat = self._flat(value["data"], shape)
        return {"shape": list(shape), "data": shapes.nested(flat, shape)}

    def _check_range(self, array: Any) -> None:
        if array.dtype.kind == "u" and array.size and int(array.max()) > _MOST:
            self.refuse(
                "an int of 2**63 or more has more than 64 bits with its sign: give"
                " .astype(numpy.float64) of it",
                array,
            )

    def _shape(self, shape: Any) -> tuple[int, ...]:
        sizes = tuple(map(numpy_support.plain_number, shape)) if shapes.is_row(shape) else (None,)
        plain = tuple(size for size in sizes if type(size) is int and size >= 0)
        if len(plain) < len(sizes):
            self.refuse("must be a list of ints of 0 or more", shape, path="$.shape")
        reason = binary.why_no_shape(plain)
        if reason:
            self.refuse(f"has {reason}", shape, path="$.shape")
        return plain

    def _flat(self, data: Any, shape: tuple[int, ...]) -> list[Any]:
        """The numbers of ``data``, given nested to ``shape`` or flat, all ints or all floats."""
        array = self._array(data)
        if array is not None:
            self._check_array(array, "$.data")
            data = numpy_support.plain_list(array)
        if not shape:
            if shapes.is_row(data):
                self.refuse("must be a lone number where the shape is []", data, path="$.data")
            layout, entries = shape, [data]
        else:
            layout, entries = self._entries(data, shape)
        numbers = self._numbers(entries, layout, "$.data")
        if float in set(map(type, numbers)):
            return self._floats(numbers, layout, "$.data")
        if numbers and not (min(numbers) >= _LEAST and max(numbers) <= _MOST):
            index = next(
                index for index, number in enumerate(numbers) if not _LEAST <= number <= _MOST
            )
            reason = "an int of more than 64 bits: give floats, or keep it in a json variable"
            self.refuse(reason, numbers[index], path=shapes.path_of(index, layout, "$.data"))
        return numbers

    def _entries(self, data: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], list[Any]]:
        """The entries of ``data`` in C order, and the shape in which they were given: ``shape``, or flat."""
        count = math.prod(shape)
        if shapes.is_row(data) and len(data) == count and not (count and shapes.is_row(data[0])):
            return (count,), list(data)
        try:
            return shape, shapes.flattened(data, shape, "$.data")
        except shapes.ShapeError as problem:
            shown = (
                problem.value[:_SHOWN] if isinstance(problem.value, list | tuple) else problem.value
            )
            self.refuse(problem.reason, shown, path=problem.path)

    def check(self, value: dict[str, Any], constraints: dict[str, Any]) -> None:
        """Refuse a tensor of another shape than ``shape``."""
        if "shape" in constraints and value["shape"] != constraints["shape"]:
            self.refuse(
                f"must have the shape {constraints['shape']}", value["shape"], constraint="shape"
            )

    def _parts(self, value: Any) -> tuple[tuple[int, ...], binary.Flat]:
        shape = tuple(value["shape"])
        return shape, shapes.flat_of(value["data"], shape)

    def decode(self, text: str | None, blob: bytes | None) -> dict[str, Any]:
        """The shape and the nested list that ``blob`` holds."""
        block = self._block(text, blob)
        if block.code == "u8" and block.flat and max(block.flat) > _MOST:
            message = "it holds an int of more than 64 bits"
            raise ValueError(message)
        return {"shape": list(block.shape), "data": shapes.nested(block.flat, block.shape)}


_OWN_NORMALISE: Final = (EmbeddingType.normalise, TensorType.normalise)


def to_numpy(value: Any, blob: bytes | None = None) -> Any:
    """A normalised embedding or tensor as a numpy array of one's own, writable.

    Args:
        value: the list or the ``{"shape", "data"}`` of the variable.
        blob: the bytes that it was read with, whose dtype the array then has; None for float64 or,
            of ints, int64.

    Raises:
        ValidationError: numpy is not installed, or ``value`` is neither embedding nor tensor.
    """
    numpy = numpy_support.numpy()
    if blob is not None:
        code, shape, start = binary.split(blob)
        array = numpy.frombuffer(blob, dtype="<" + code, offset=start).reshape(shape)
        return array.astype(code)  # always a copy, in the byte order of this machine
    if isinstance(value, list):
        return numpy.array(value, dtype="f8")
    if isinstance(value, dict) and set(value) == {"shape", "data"}:
        shape = value["shape"]
        flat = shapes.flat_of(value["data"], shape)
        return numpy.array(flat, dtype="i8" if flat and type(flat[0]) is int else "f8").reshape(
            shape
        )
    if numpy_support.as_array(value) is not None:
        return numpy.array(value)
    message = (
        f"only an embedding or a tensor becomes a numpy array, not {type(value).__name__}: use the"
        " value itself"
    )
    raise ValidationError(message, value=value)
