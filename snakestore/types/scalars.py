"""The types of single values: float, integer, string and boolean."""

from __future__ import annotations

import math
from typing import Any, Final

from snakestore.errors import shorten
from snakestore.types import bounds
from snakestore.types.base import VariableType
from snakestore.types.digits import MAX_DIGITS, TOO_LONG, text_of
from snakestore.types.documents import surrogate_position
from snakestore.types.hints import NONE_HINT, number_hint, text_hint
from snakestore.types.json_text import dumps, loads
from snakestore.types.numpy_support import bool_of, exact_float, number_of

_JSON_TEXTS: Final = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
_FIRST_CHARACTERS: Final = frozenset("-0123456789")
_NON_FINITE: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _normalised_text(variable_type: VariableType, value: object) -> str:
    """``value`` as a str without lone surrogates.

    Raises:
        ValidationError: if it is neither a str nor a subclass that equals its text.
    """
    if type(value) is not str:
        if not isinstance(value, str):
            reason = f"must be a str, not {type(value).__name__}; {text_hint(value)}"
            variable_type.refuse(reason, value)
        text = str.__str__(value)
        equal = text == value
        if not equal:
            reason = f"{type(value).__name__} does not equal its own text; convert it with str(...)"
            variable_type.refuse(reason, value)
        value = text
    position = surrogate_position(value)
    if position is not None:
        variable_type.refuse(
            f'contains a lone surrogate at position {position}; clean it with .encode("utf-8",'
            ' "replace").decode()',
            value,
        )
    return value


def _number_hint(value: object) -> str:
    found = bool_of(value)  # numpy's bool too
    return number_hint(value if found is None else found)


class FloatType(VariableType):
    """A float, including NaN and infinities; also an int that a float represents exactly."""

    name = "float"
    constraints: tuple[str, ...] = ("min", "max")

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, and bounds that are not finite numbers in order."""
        super().check_constraints(constraints)
        bounds.check_numbers(self, constraints, (int, float))

    def normalise(self, value: Any) -> float:
        """The float that equals ``value``."""
        if type(value) is float:
            return value
        number = number_of(value)
        if type(number) is float:
            return number
        if number is None:
            reason = f"must be a float or an int, not {type(value).__name__}; {_number_hint(value)}"
            self.refuse(reason, value)
        exact = exact_float(int(number))
        if exact is None:
            self.refuse(
                "no float represents this int exactly; round it with float(...), or use a"
                " variable of type integer",
                value,
            )
        return exact

    def check(self, value: float, constraints: dict[str, Any]) -> None:
        """Refuse a number outside ``min`` and ``max``. NaN fails any bound."""
        if constraints:
            bounds.check_between(self, value, constraints)

    def check_and_encode(
        self, value: Any, constraints: dict[str, Any], previous_blob: bytes | None = None
    ) -> tuple[Any, str | None, bytes | None]:
        """As in the base class; a float needs no more than this."""
        if type(value) is not float or type(self) is not FloatType:
            return super().check_and_encode(value, constraints, previous_blob)
        if constraints:
            bounds.check_between(self, value, constraints)
        text = float.__repr__(value)
        return value, _JSON_TEXTS.get(text, text), None

    def encode(self, value: float) -> tuple[str, None]:
        """A JSON number that decodes to the same float; or "NaN", "Infinity", "-Infinity"."""
        text = float.__repr__(value)
        return _JSON_TEXTS.get(text, text), None

    def decode(self, text: str | None, blob: bytes | None) -> float:
        """The float in JSON text."""
        if (
            blob is None
            and type(text) is str
            and "." in text
            and "_" not in text
            and text[:1] in _FIRST_CHARACTERS
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
            _NON_FINITE.get(value)
            if type(value) is str
            else exact_float(value)
            if type(value) is int
            else None
        )
        if found is None:
            message = f"{shorten(text)} is not a valid float"
            raise ValueError(message)
        return found


class IntegerType(VariableType):
    """An int of at most 4,300 digits; also a whole float."""

    name = "integer"
    constraints: tuple[str, ...] = ("min", "max")

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, and bounds that are not ints in order."""
        super().check_constraints(constraints)
        bounds.check_numbers(self, constraints, (int,))

    def normalise(self, value: Any) -> int:
        """The int that equals ``value``."""
        number = value if type(value) is int else number_of(value)
        if number is None:
            self.refuse(
                f"must be an int or a whole float, not {type(value).__name__};"
                f" {_number_hint(value)}",
                value,
            )
        if type(number) is float:
            if not number.is_integer():
                self.refuse(
                    "is not a whole number; round it with round(...), or use a variable of type"
                    " float",
                    value,
                )
            return int(number)
        if not -TOO_LONG < number < TOO_LONG:
            self.refuse(
                f"has more than {MAX_DIGITS} digits; store it as text, e.g. hex(...)",
                value,
            )
        return int(number)

    def check(self, value: int, constraints: dict[str, Any]) -> None:
        """Refuse a number outside ``min`` and ``max``."""
        if constraints:
            bounds.check_between(self, value, constraints)

    def encode(self, value: int) -> tuple[str, None]:
        """A JSON integer."""
        return text_of(value), None

    def decode(self, text: str | None, blob: bytes | None) -> int:
        """The int in JSON text."""
        value = super().decode(text, blob)
        if type(value) is not int:
            message = f"{shorten(text)} is not a valid integer"
            raise ValueError(message)
        return value


class StringType(VariableType):
    """Any text without lone surrogates; NUL and line breaks are allowed."""

    name = "string"
    constraints: tuple[str, ...] = ("min_length", "max_length", "pattern", "enum")

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, invalid lengths, an unsupported pattern, an invalid enum."""
        super().check_constraints(constraints)
        bounds.check_count(self, constraints, "min_length")
        bounds.check_count(self, constraints, "max_length")
        bounds.check_order(self, constraints, "min_length", "max_length")
        bounds.check_texts(self, constraints, "enum")
        if "pattern" in constraints:
            self._search(constraints["pattern"], "")

    def normalise(self, value: Any) -> str:
        """``value`` as a str."""
        return _normalised_text(self, value)

    def check(self, value: str, constraints: dict[str, Any]) -> None:
        """Refuse a text by its length (in code points), ``enum`` or ``pattern``."""
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
        except regex.PatternError as error:
            self.refuse(
                str(error),
                text if isinstance(error, regex.TooMuchWorkError) else pattern,
                constraint="pattern",
            )

    def encode(self, value: str) -> tuple[str, None]:
        """A JSON string; only control characters are escaped."""
        return dumps(value), None

    def decode(self, text: str | None, blob: bytes | None) -> str:
        """The str in JSON text."""
        value = super().decode(text, blob)
        if type(value) is not str:
            message = f"{shorten(text)} is not a JSON string"
            raise ValueError(message)
        return value


class BooleanType(VariableType):
    """True or False; numbers are refused."""

    name = "boolean"

    def normalise(self, value: Any) -> bool:
        """``value`` as a bool."""
        truth = bool_of(value)
        if truth is None:
            advice = NONE_HINT if value is None else "use a comparison, e.g. value != 0"
            self.refuse(f"must be True or False, not {type(value).__name__}; {advice}", value)
        return truth

    def encode(self, value: bool) -> tuple[str, None]:  # noqa: FBT001 - the value is the argument
        """``true`` or ``false``."""
        return ("true" if value else "false"), None

    def decode(self, text: str | None, blob: bytes | None) -> bool:
        """The bool in JSON text."""
        value = loads(text) if blob is None else None
        if type(value) is not bool:
            message = f"{shorten(text)} is not a boolean"
            raise ValueError(message)
        return value
