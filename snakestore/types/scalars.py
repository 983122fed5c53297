"""The types of single values: float, integer, string and boolean."""

from __future__ import annotations

import math
from typing import Any, Final

from snakestore.errors import shorten
from snakestore.types import bounds
from snakestore.types.base import VariableType
from snakestore.types.digits import MOST_DIGITS, TOO_LONG, text_of
from snakestore.types.documents import dumps, loads, surrogate_position
from snakestore.types.hints import cure
from snakestore.types.numpy_support import exact_float, plain_bool, plain_number

_SPELLED: Final = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
_FIRST_OF_A_NUMBER: Final = frozenset("-0123456789")
_NAMED: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def plain_text(of: VariableType, value: object) -> str:
    """``value`` as a plain str that a database stores; what is none is refused in the name of ``of``."""
    if type(value) is not str:
        if not isinstance(value, str):
            of.refuse(f"must be a str, not {type(value).__name__}{_cure_for_text(value)}", value)
        plain = str.__str__(value)
        equal = plain == value
        if not equal:
            of.refuse(
                f"{type(value).__name__} does not equal the text it holds: give str(...) of it",
                value,
            )
        value = plain
    position = surrogate_position(value)
    if position is not None:
        of.refuse(
            f'holds a lone surrogate at position {position}; clean it with .encode("utf-8",'
            ' "replace").decode()',
            value,
        )
    return value


def _cure_for_text(value: object) -> str:
    if value is None:
        return ": only the type json takes None"
    if isinstance(value, int | float):
        return ": give str(...) of it, or make the variable a number"
    if isinstance(value, bytes):
        return ": give .decode() of it"
    return f": {cure(value)}"


def _cure_for_number(value: object) -> str:
    if value is None:
        return ": only the type json takes None"
    if isinstance(value, bool) or plain_bool(value) is not None:
        return ": give int(...) of it, or make the variable a boolean"
    return ": give float(...) or int(...) of it if it is meant as a number"


class FloatType(VariableType):
    """A float, NaN and the infinities included; an int where a float holds it exactly."""

    name = "float"
    constraints: tuple[str, ...] = ("min", "max")

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown names, and bounds that are not finite numbers in order."""
        super().check_constraints(constraints)
        bounds.check_numbers(self, constraints, (int, float))

    def normalise(self, value: Any) -> float:
        """The float equal to ``value``, bit for bit if it is one."""
        if type(value) is float:
            return value
        number = plain_number(value)
        if type(number) is float:
            return number
        if number is None:
            self.refuse(
                f"must be a float or an int, not {type(value).__name__}{_cure_for_number(value)}",
                value,
            )
        exact = exact_float(int(number))
        if exact is None:
            self.refuse(
                "no float holds this int exactly: round it yourself with float(...), or make the"
                " variable an integer",
                value,
            )
        return exact

    def check(self, value: float, constraints: dict[str, Any]) -> None:
        """Refuse what is outside ``min`` and ``max``; NaN is outside any bound."""
        if constraints:
            bounds.check_between(self, value, constraints)

    def encode(self, value: float) -> tuple[str, None]:
        """A JSON number that reads back the same float, or ``"NaN"``, ``"Infinity"``, ``"-Infinity"``."""
        text = float.__repr__(value)
        return _SPELLED.get(text, text), None

    def decode(self, text: str | None, blob: bytes | None) -> float:
        """The float that ``text`` spells."""
        if (
            blob is None
            and type(text) is str
            and "." in text
            and "_" not in text
            and text[:1] in _FIRST_OF_A_NUMBER
        ):
            try:
                number = float(text)
            except ValueError:
                number = math.nan
            if number - number == 0.0:
                return number
        value = loads(text) if blob is None else super().decode(text, blob)
        if type(value) is float:
            return value
        found = (
            _NAMED.get(value)
            if type(value) is str
            else exact_float(value)
            if type(value) is int
            else None
        )
        if found is None:
            message = f"{shorten(text)} is no float"
            raise ValueError(message)
        return found


class IntegerType(VariableType):
    """An int of at most 4,300 digits; a float where it is whole."""

    name = "integer"
    constraints: tuple[str, ...] = ("min", "max")

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown names, and bounds that are not ints in order."""
        super().check_constraints(constraints)
        bounds.check_numbers(self, constraints, (int,))

    def normalise(self, value: Any) -> int:
        """The int equal to ``value``."""
        number = value if type(value) is int else plain_number(value)
        if number is None:
            self.refuse(
                "must be an int or a whole float, not"
                f" {type(value).__name__}{_cure_for_number(value)}",
                value,
            )
        if type(number) is float:
            if not number.is_integer():
                self.refuse(
                    "is no whole number: round it yourself with round(...), or make the variable a"
                    " float",
                    value,
                )
            return int(number)
        if not -TOO_LONG < number < TOO_LONG:
            self.refuse(
                f"has more than {MOST_DIGITS} digits: store it as text, e.g. hex(...), in a string",
                value,
            )
        return int(number)

    def check(self, value: int, constraints: dict[str, Any]) -> None:
        """Refuse what is outside ``min`` and ``max``."""
        if constraints:
            bounds.check_between(self, value, constraints)

    def encode(self, value: int) -> tuple[str, None]:
        """A JSON integer."""
        return text_of(value), None

    def decode(self, text: str | None, blob: bytes | None) -> int:
        """The int that ``text`` spells."""
        value = super().decode(text, blob)
        if type(value) is not int:
            message = f"{shorten(text)} is no integer"
            raise ValueError(message)
        return value


class StringType(VariableType):
    """A text: any characters but lone surrogates, NUL and line breaks included."""

    name = "string"
    constraints: tuple[str, ...] = ("min_length", "max_length", "pattern", "enum")

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown names, lengths that are no ints in order, a pattern its engine lacks, an unsound enum."""
        super().check_constraints(constraints)
        bounds.check_count(self, constraints, "min_length")
        bounds.check_count(self, constraints, "max_length")
        bounds.check_order(self, constraints, "min_length", "max_length")
        bounds.check_texts(self, constraints, "enum")
        if "pattern" in constraints:
            self._search(constraints["pattern"], "")

    def normalise(self, value: Any) -> str:
        """``value`` as a plain str."""
        return plain_text(self, value)

    def check(self, value: str, constraints: dict[str, Any]) -> None:
        """Refuse a length (in code points) out of bounds, a text in which the pattern is not found, or none of the enum."""
        if not constraints:
            return
        if len(value) < constraints.get("min_length", 0):
            self.refuse(
                f"must have at least {constraints['min_length']} characters, not {len(value)}",
                value,
                constraint="min_length",
            )
        if "max_length" in constraints and len(value) > constraints["max_length"]:
            self.refuse(
                f"must have at most {constraints['max_length']} characters, not {len(value)}",
                value,
                constraint="max_length",
            )
        bounds.check_among(self, value, constraints, "enum")
        if "pattern" in constraints and not self._search(constraints["pattern"], value):
            self.refuse(
                f"must match the pattern {shorten(constraints['pattern'])}",
                value,
                constraint="pattern",
            )

    def _search(self, pattern: Any, text: str) -> bool:
        if type(pattern) is not str:
            self.refuse(
                f"must be a str in Python's re syntax, not {type(pattern).__name__}",
                pattern,
                constraint="pattern",
            )
        from snakestore.types import regex  # noqa: PLC0415 - loaded on use

        try:
            return regex.compiled(pattern).found_in(text)
        except regex.PatternError as problem:
            self.refuse(
                str(problem),
                text if isinstance(problem, regex.TooMuchWorkError) else pattern,
                constraint="pattern",
            )

    def encode(self, value: str) -> tuple[str, None]:
        """A JSON string with its characters as they are."""
        return dumps(value), None

    def decode(self, text: str | None, blob: bytes | None) -> str:
        """The str that ``text`` spells."""
        value = super().decode(text, blob)
        if type(value) is not str:
            message = f"{shorten(text)} is no JSON string"
            raise ValueError(message)
        return value


class BooleanType(VariableType):
    """True or False; a number is neither."""

    name = "boolean"

    def normalise(self, value: Any) -> bool:
        """``value`` as a bool."""
        plain = plain_bool(value)
        if plain is None:
            advice = (
                "only the type json takes None"
                if value is None
                else "give a comparison, e.g. value != 0"
            )
            self.refuse(f"must be True or False, not {type(value).__name__}: {advice}", value)
        return plain

    def encode(self, value: bool) -> tuple[str, None]:  # noqa: FBT001 - the value is the argument
        """``true`` or ``false``."""
        return ("true" if value else "false"), None

    def decode(self, text: str | None, blob: bytes | None) -> bool:
        """The bool that ``text`` spells."""
        value = loads(text) if blob is None else None
        if type(value) is not bool:
            message = f"{shorten(text)} is no boolean"
            raise ValueError(message)
        return value
