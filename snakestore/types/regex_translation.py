"""Parse a pattern in Python's ``re`` syntax and rewrite it for RE2; see ``regex``."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from snakestore.types.characters import EVERYTHING, Ranges, char_set, complement

MAX_PATTERN_LENGTH: Final = 10_000
MAX_SETS: Final = 500
MAX_REPEATS: Final = 1_000  # the limit of RE2 for one count
NEWLINE: Final[Ranges] = ((10, 10),)

_TYPE_FLAGS: Final = re.ASCII | re.LOCALE | re.UNICODE

Part = str | int
"""A piece of the rewritten pattern; an int is the number of a set of characters."""

_UNSUPPORTED: Final = {
    "ASSERT": (
        "look-ahead or look-behind, (?=...) or (?<=...); check that in a type of your own"
        " (register_type)"
    ),
    "ASSERT_NOT": (
        "negative look-around, (?!...) or (?<!...); list what is allowed with enum, or check that"
        " in a type of your own (register_type)"
    ),
    "GROUPREF": "a reference to a group, \\1 or (?P=name); write the alternatives out",
    "GROUPREF_EXISTS": "a conditional group, (?(1)...|...); write both alternatives out with |",
    "ATOMIC_GROUP": "an atomic group, (?>...); write (?:...), which cannot backtrack here",
    "POSSESSIVE_REPEAT": "a possessive repeat such as a++; write a+, which cannot backtrack here",
}

_ANCHORS: Final = {
    "AT_BEGINNING": r"\A",
    "AT_BEGINNING_LINE": "(?m:^)",
    "AT_BEGINNING_STRING": r"\A",
    "AT_BOUNDARY": r"\b",
    "AT_END": "(?m:$)",
    "AT_END_LINE": "(?m:$)",
    "AT_END_STRING": r"\z",
}

_QUANTIFIERS: Final = {(0, None): "*", (1, None): "+", (0, 1): "?"}


class PatternError(ValueError):
    """The pattern is invalid or unsupported; the message names the remedy."""


def refuse(feature: str) -> NoReturn:
    """Refuse a pattern that uses an unsupported feature.

    Raises:
        PatternError: always.
    """
    message = f"is not supported by the linear-time engine: {feature}"
    raise PatternError(message)


class Translation:
    """A rewritten pattern: its ``parts``, and the ``sets`` of characters that they refer to."""

    def __init__(self, pattern: str) -> None:
        self.sets: dict[Ranges, int] = {}
        self.anchors: set[str] = set()
        parsed = _parse(pattern)
        self.parts = self._sequence(parsed, parsed.state.flags)
        if "boundary" in self.anchors and "ascii boundary" in self.anchors:
            refuse(r"\b both with and without the ASCII flag; use one of the two")
        if "end" in self.anchors and "line" in self.anchors:
            refuse(
                r"$ or ^ both with and without the MULTILINE flag; write \Z or \A for the ends of"
                r" the text"
            )

    def set_number(self, ranges: Ranges) -> int:
        """The number of a set of characters, which is added if it is new."""
        return self.sets.setdefault(ranges, len(self.sets))

    def _sequence(self, nodes: Iterable[tuple[Any, Any]], flags: int) -> list[Part]:
        parts: list[Part] = []
        for opcode, argument in nodes:
            parts += self._node(str(opcode), argument, flags)
        return parts

    def _node(self, opcode: str, argument: Any, flags: int) -> list[Part]:
        match opcode:
            case "LITERAL" | "NOT_LITERAL":
                parts = self._set(
                    char_set((("LITERAL", argument),), flags, negated=opcode != "LITERAL")
                )
            case "ANY":
                parts = self._set(EVERYTHING if flags & re.DOTALL else complement(NEWLINE))
            case "IN":
                negated = str(argument[0][0]) == "NEGATE"
                parts = self._set(
                    char_set(tuple(argument[1:] if negated else argument), flags, negated=negated)
                )
            case "AT":
                parts = [self._anchor(str(argument), flags)]
            case "BRANCH":
                parts = self._branch(argument[1], flags)
            case "SUBPATTERN":
                _, added, removed, body = argument
                inherited = flags & ~_TYPE_FLAGS if added & _TYPE_FLAGS else flags
                parts = ["(?:", *self._sequence(body, (inherited | added) & ~removed), ")"]
            case "MAX_REPEAT" | "MIN_REPEAT":  # greedy or not, the same texts match
                minimum, maximum, body = argument
                parts = _repeated(
                    ["(?:", *self._sequence(body, flags), ")"],
                    int(minimum),
                    None if str(maximum) == "MAXREPEAT" else int(maximum),
                )
            case _:
                refuse(_UNSUPPORTED.get(opcode, f"{opcode}; write it another way"))
        return parts

    def _set(self, ranges: Ranges) -> list[Part]:
        if len(self.sets) > MAX_SETS:
            refuse(f"more than {MAX_SETS} different character classes; write fewer, or use enum")
        return [self.set_number(ranges)]

    def _branch(self, branches: Iterable[Any], flags: int) -> list[Part]:
        parts: list[Part] = []
        for branch in branches:
            parts += ["|", *self._sequence(branch, flags)]
        return ["(?:", *parts[1:], ")"]

    def _anchor(self, name: str, flags: int) -> str:
        """RE2's form of an anchor.

        ``$`` is the end of a line in RE2. The text is encoded so that only a last line break is
        one.
        """
        if name == "AT_BOUNDARY":
            self.anchors.add("ascii boundary" if flags & re.ASCII else "boundary")
        elif name in ("AT_BEGINNING", "AT_END") and flags & re.MULTILINE:
            self.anchors.add("line")
            name += "_LINE"
        elif name == "AT_END":
            self.anchors.add("end")
        if name not in _ANCHORS:
            refuse(
                r"\B, whose meaning for an empty text differs between versions of Python; name the"
                r" characters around it"
            )
        return _ANCHORS[name]


def _parse(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN_LENGTH:
        message = (
            f"must have at most {MAX_PATTERN_LENGTH} characters, not {len(pattern)}; use enum or"
            " choices for long lists"
        )
        raise PatternError(message)
    try:
        return importlib.import_module("re._parser").parse(pattern)
    except (re.error, ValueError, OverflowError, Warning) as error:
        # a warning (of future meanings) is raised where warnings are errors
        message = f"is not valid in Python's re syntax: {error}"
        raise PatternError(message) from error


def _repeated(body: list[Part], minimum: int, maximum: int | None) -> list[Part]:
    """``body`` repeated from ``minimum`` to ``maximum`` times (None: unlimited)."""
    if max(minimum, maximum or 0) > MAX_REPEATS:
        refuse(f"a count of more than {MAX_REPEATS}; use min_length and max_length")
    if (minimum, maximum) in _QUANTIFIERS:
        return [*body, _QUANTIFIERS[minimum, maximum]]
    return [*body, f"{{{minimum},{'' if maximum is None else maximum}}}"]
