r"""Patterns in Python's ``re`` syntax, searched in time linear in the text, so that none can hang a process.

The pattern is parsed by Python's own parser and rewritten for RE2 with Python's meaning. Every
class of characters becomes an exact set of code points; the characters that no set of the pattern
tells apart share one letter, and the text is spelled in those letters before it is searched. So
``\w`` and IGNORECASE are Unicode as Python has it, and the programs are small.

What has no exact counterpart is refused when the pattern is given: look-around, references to
groups, conditional, atomic and possessive groups, ``\B``, and patterns that grow too large.
"""

from __future__ import annotations

import importlib
import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NoReturn

from snakestore.errors import shorten
from snakestore.types.characters import EVERYTHING, Ranges, category, char_set, complement, merged

_LINE_FEED: Final = ord("\n")
MAX_PATTERN_LENGTH: Final = 10_000
MAX_SETS: Final = 500
MAX_REPEATS: Final = 1_000  # what RE2 takes for one count
MAX_PROGRAM_SIZE: Final = 5_000
"""Instructions: against 50,000 letters a second where everything goes wrong, milliseconds where it
does not.
"""
MAX_WORK: Final = 1_000_000_000
"""Characters of the text times instructions of the program: five seconds where everything goes
wrong.
"""

_MOST_MEMBERSHIPS: Final = 200_000
_TYPE_FLAGS: Final = re.ASCII | re.LOCALE | re.UNICODE
_NEWLINE: Final[Ranges] = ((10, 10),)
_NEVER: Final = r"[^\x00-\x{10FFFF}]"
_WORD_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_REMEMBERED: Final = 4096

Part = str | int
"""A piece of the rewritten pattern, or the number of a set of characters whose letters are not yet
known.
"""

_LACKING: Final = {
    "ASSERT": (
        "look-ahead or look-behind, (?=...) or (?<=...): check that in a type of your own"
        " (register_type)"
    ),
    "ASSERT_NOT": (
        "negative look-around, (?!...) or (?<!...): list what is allowed with enum, or check that"
        " in a type of your own (register_type)"
    ),
    "GROUPREF": "a reference to a group, \\1 or (?P=name): write the alternatives out",
    "GROUPREF_EXISTS": "a conditional group, (?(1)...|...): write both alternatives out with |",
    "ATOMIC_GROUP": "an atomic group, (?>...): write (?:...), which cannot backtrack here",
    "POSSESSIVE_REPEAT": "a possessive repeat such as a++: write a+, which cannot backtrack here",
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
    """The pattern is broken, or asks for what its engine lacks; the message names the cure."""


class TooMuchWorkError(PatternError):
    """The text is too long for a pattern of this size."""


class _Translation:
    """One pattern, rewritten: ``parts``, and the sets of characters that they speak of."""

    def __init__(self, pattern: str) -> None:
        self.sets: dict[Ranges, int] = {}
        self.anchors: set[str] = set()
        parsed = _parse(pattern)
        self.parts = self._sequence(parsed, parsed.state.flags)
        if "boundary" in self.anchors and "ascii boundary" in self.anchors:
            _refuse(r"\b both with and without the ASCII flag: use one of the two")
        if "end" in self.anchors and "line" in self.anchors:
            _refuse(
                r"$ or ^ both with and without the MULTILINE flag: write \Z or \A for the ends of"
                r" the text"
            )

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
                parts = self._set(EVERYTHING if flags & re.DOTALL else complement(_NEWLINE))
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
                kept = flags & ~_TYPE_FLAGS if added & _TYPE_FLAGS else flags
                parts = ["(?:", *self._sequence(body, (kept | added) & ~removed), ")"]
            case "MAX_REPEAT" | "MIN_REPEAT":  # greedy or not, the same texts match
                least, most, body = argument
                parts = _repeated(
                    ["(?:", *self._sequence(body, flags), ")"],
                    int(least),
                    None if str(most) == "MAXREPEAT" else int(most),
                )
            case _:
                _refuse(_LACKING.get(opcode, f"{opcode}: write it another way"))
        return parts

    def _set(self, ranges: Ranges) -> list[Part]:
        if len(self.sets) > MAX_SETS:
            _refuse(
                f"more than {MAX_SETS} different classes of characters: write fewer, or use enum"
            )
        return [self.sets.setdefault(ranges, len(self.sets))]

    def _branch(self, branches: Iterable[Any], flags: int) -> list[Part]:
        parts: list[Part] = []
        for branch in branches:
            parts += ["|", *self._sequence(branch, flags)]
        return ["(?:", *parts[1:], ")"]

    def _anchor(self, name: str, flags: int) -> str:
        """RE2's spelling of an anchor. ``$`` is the end of a line to RE2: the text is spelled so that only a last break is one."""
        if name == "AT_BOUNDARY":
            self.anchors.add("ascii boundary" if flags & re.ASCII else "boundary")
        elif name in ("AT_BEGINNING", "AT_END") and flags & re.MULTILINE:
            self.anchors.add("line")
            name += "_LINE"
        elif name == "AT_END":
            self.anchors.add("end")
        if name not in _ANCHORS:
            _refuse(
                r"\B, whose meaning on an empty text differs between versions of Python: name the"
                r" characters around it"
            )
        return _ANCHORS[name]


def _parse(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN_LENGTH:
        message = (
            f"has {len(pattern)} characters, more than {MAX_PATTERN_LENGTH}: use enum or choices for"
            " long lists"
        )
        raise PatternError(message)
    try:
        return importlib.import_module("re._parser").parse(pattern)
    except (
        re.error,
        ValueError,
        OverflowError,
        Warning,
    ) as problem:  # a warning where warnings are errors: the meaning may change
        message = f"is not sound in Python's re syntax: {problem}"
        raise PatternError(message) from problem


def _refuse(what: str) -> NoReturn:
    message = f"has what its engine, which runs in linear time, lacks: {what}"
    raise PatternError(message)


def _repeated(body: list[Part], least: int, most: int | None) -> list[Part]:
    """``body`` from ``least`` to ``most`` times (None: any number)."""
    if max(least, most or 0) > MAX_REPEATS:
        _refuse(f"a count of more than {MAX_REPEATS}: use min_length and max_length")
    if (least, most) in _QUANTIFIERS:
        return [*body, _QUANTIFIERS[least, most]]
    return [*body, f"{{{least},{'' if most is None else most}}}"]


class _Spelling(dict[int, str]):
    """The letter of each code point, found once and remembered for the most frequent."""

    def __init__(self, starts: list[int], letters: list[str]) -> None:
        super().__init__()
        self._starts = starts
        self._letters = letters

    def __missing__(self, code_point: int) -> str:
        letter = self._letters[bisect_right(self._starts, code_point) - 1]
        if len(self) < _REMEMBERED:
            self[code_point] = letter
        return letter


def _regions(sets: dict[Ranges, int]) -> tuple[list[int], list[int]]:
    """Where characters begin to be in other sets than those before, and in which: bit n says in set n."""
    changes: dict[int, int] = {0: 0}
    for ranges, number in sets.items():
        for first, last in ranges:
            changes[first] = changes.get(first, 0) ^ (1 << number)
            changes[last + 1] = changes.get(last + 1, 0) ^ (1 << number)
    starts = sorted(changes)
    members: list[int] = []
    member = 0
    for start in starts:
        member ^= changes[start]
        members.append(member)
    return starts, members


class LinearPattern:
    """A pattern ready to be searched for. Make it by ``compiled``, which remembers it."""

    def __init__(self, pattern: str) -> None:
        translation = _Translation(pattern)
        anchors = translation.anchors
        self._last_break_counts = "end" in anchors
        newline = (
            translation.sets.setdefault(_NEWLINE, len(translation.sets))
            if anchors & {"end", "line"}
            else None
        )
        word: int | None = None
        if anchors & {"boundary", "ascii boundary"}:
            ranges = category("w", re.ASCII if "ascii boundary" in anchors else 0)
            word = translation.sets.setdefault(ranges, len(translation.sets))
        starts, members = _regions(translation.sets)
        letters = self._letters(dict.fromkeys(members), newline, word)
        self._spelling = _Spelling(starts, [letters[member] for member in members])
        self._program = _program("".join(self._spelled(translation, letters, newline)))

    def _letters(
        self, members: Iterable[int], newline: int | None, word: int | None
    ) -> dict[int, str]:
        """A letter for each way of being in sets. The line break keeps its own where only line breaks matter."""
        words = iter(_WORD_LETTERS)
        others = (
            chr(code)
            for code in range(0xD800)
            if code != _LINE_FEED and (word is None or chr(code) not in _WORD_LETTERS)
        )
        letters: dict[int, str] = {}
        for member in members:
            if newline is not None and member >> newline & 1:
                letters[member] = next(others) if self._last_break_counts else "\n"
            elif word is not None and member >> word & 1:
                letters[member] = next(words, "")
                if not letters[member]:
                    _refuse(
                        rf"\b together with more than {len(_WORD_LETTERS)} different letters: write"
                        r" fewer of them, or use enum"
                    )
            else:
                letters[member] = next(others)
        return letters

    def _spelled(
        self, translation: _Translation, letters: dict[int, str], newline: int | None
    ) -> Iterable[str]:
        if sum(member.bit_count() for member in letters) > _MOST_MEMBERSHIPS:
            _refuse("so many overlapping classes of characters: write fewer, or use enum")
        codes: list[list[int]] = [[] for _ in translation.sets]
        for member, letter in letters.items():
            # As the last character of a text a line break is spelled as itself.
            spelled = (
                [ord(letter), 10]
                if self._last_break_counts and newline is not None and member >> newline & 1
                else [ord(letter)]
            )
            for number in _bits(member):
                codes[number] += spelled
        classes = [_class_of(held) for held in codes]
        return (part if isinstance(part, str) else classes[part] for part in translation.parts)

    def found_in(self, text: str) -> bool:
        """Whether ``re.search(pattern, text)`` would find it.

        Raises:
            TooMuchWorkError: the text is too long for a pattern of this size.
        """
        spelled = text.translate(self._spelling).encode()
        if self._last_break_counts and text.endswith("\n"):
            spelled = spelled[: -len(self._spelling[10].encode())] + b"\n"
        if len(spelled) * self._program.programsize > MAX_WORK:
            message = (
                f"is too large for a text of {len(text)} characters: give max_length as well, or a"
                " simpler pattern"
            )
            raise TooMuchWorkError(message)
        return self._program.search(spelled) is not None


def _bits(member: int) -> Iterable[int]:
    while member:
        lowest = member & -member
        yield lowest.bit_length() - 1
        member ^= lowest


def _class_of(codes: list[int]) -> str:
    spans = merged((code, code) for code in codes)
    return (
        "[" + "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in spans) + "]"
        if spans
        else _NEVER
    )


_SMALLER: Final = "use smaller counts, or min_length and max_length"


def _program(rewritten: str) -> Any:
    try:
        re2 = importlib.import_module("re2")
    except ImportError as problem:
        message = (
            "needs the package google-re2, which is not installed: pip install google-re2, or use"
            " enum"
        )
        raise PatternError(message) from problem
    options = re2.Options()
    options.log_errors = False  # it would write to stderr
    options.never_capture = True
    try:
        program = re2.compile(rewritten, options)
    except re2.error as problem:
        told = (
            problem.args[0].decode(errors="replace")
            if problem.args and isinstance(problem.args[0], bytes)
            else str(problem)
        )
        message = f"is too large for its engine ({shorten(told)}): {_SMALLER}"
        raise PatternError(message) from problem
    if program.programsize > MAX_PROGRAM_SIZE:
        message = (
            f"is too large ({program.programsize} instructions, more than {MAX_PROGRAM_SIZE}):"
            f" {_SMALLER}"
        )
        raise PatternError(message)
    return program


@lru_cache(maxsize=128)
def compiled(pattern: str) -> LinearPattern:
    """``pattern`` ready to be searched for; the last ones asked for are remembered.

    Raises:
        PatternError: it is broken, or asks for what the engine lacks.
    """
    try:
        return LinearPattern(pattern)
    except RecursionError as problem:
        message = "is nested too deep: write it with fewer groups one within another"
        raise PatternError(message) from problem
