r"""Patterns in Python's ``re`` syntax, searched in linear time so that none can hang the process.

Python's own parser parses the pattern, and ``regex_translation`` rewrites it for RE2 with Python's
meaning. Every character class becomes an exact set of code points. Characters that are in the same
sets of the pattern share one letter, and the text is encoded in these letters before it is
searched. So ``\w`` and IGNORECASE are Unicode as in Python, and the compiled programs are small.

What RE2 cannot do is refused when the pattern is given: look-around, references to groups,
conditional, atomic and possessive groups, ``\B``, and patterns that are too large. RE2 itself comes
with the extra ``snakestore[patterns]`` and is imported on first use.
"""

from __future__ import annotations

import importlib
import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from snakestore.errors import shorten
from snakestore.types.characters import Ranges, category, merged
from snakestore.types.regex_translation import NEWLINE, PatternError, Translation, refuse

__all__ = ["LinearPattern", "PatternError", "TooMuchWorkError", "compiled", "missing_engine"]

MAX_PROGRAM_SIZE: Final = 5_000
"""Instructions. The worst case of this size is 50,000 letters a second; the usual case takes
milliseconds.
"""
MAX_WORK: Final = 1_000_000_000
"""Characters of the text times instructions of the program: five seconds in the worst case."""

_MAX_MEMBERSHIPS: Final = 200_000
_MAX_CACHED_LETTERS: Final = 4096
_LINE_FEED: Final = ord("\n")
_NO_CHARACTER: Final = r"[^\x00-\x{10FFFF}]"
_WORD_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
_SIZE_HINT: Final = "use smaller counts, or min_length and max_length"


class TooMuchWorkError(PatternError):
    """The text is too long for a pattern of this size."""


class _LetterTable(dict[int, str]):
    """The letter of each code point, for ``str.translate``; caches the first ones looked up."""

    def __init__(self, starts: list[int], letters: list[str]) -> None:
        super().__init__()
        self._starts = starts
        self._letters = letters

    def __missing__(self, code_point: int) -> str:
        letter = self._letters[bisect_right(self._starts, code_point) - 1]
        if len(self) < _MAX_CACHED_LETTERS:
            self[code_point] = letter
        return letter


def _regions(sets: dict[Ranges, int]) -> tuple[list[int], list[int]]:
    """The code points at which set memberships change, and the memberships from there on.

    Memberships are an int in which bit n stands for set n.
    """
    changes: dict[int, int] = {0: 0}
    for ranges, number in sets.items():
        for first, last in ranges:
            changes[first] = changes.get(first, 0) ^ (1 << number)
            changes[last + 1] = changes.get(last + 1, 0) ^ (1 << number)
    starts = sorted(changes)
    memberships: list[int] = []
    membership = 0
    for start in starts:
        membership ^= changes[start]
        memberships.append(membership)
    return starts, memberships


class LinearPattern:
    """A compiled pattern. ``compiled`` creates it and caches it."""

    def __init__(self, pattern: str) -> None:
        translation = Translation(pattern)
        anchors = translation.anchors
        self._last_break_counts = "end" in anchors
        newline = translation.set_number(NEWLINE) if anchors & {"end", "line"} else None
        word: int | None = None
        if anchors & {"boundary", "ascii boundary"}:
            ranges = category("w", re.ASCII if "ascii boundary" in anchors else 0)
            word = translation.set_number(ranges)
        starts, memberships = _regions(translation.sets)
        letters = self._choose_letters(dict.fromkeys(memberships), newline, word)
        self._table = _LetterTable(starts, [letters[membership] for membership in memberships])
        self._program = _compile("".join(self._rewritten(translation, letters, newline)))

    def _choose_letters(
        self, memberships: Iterable[int], newline: int | None, word: int | None
    ) -> dict[int, str]:
        """A letter for each membership.

        Members of the set ``word`` get letters that are word characters to RE2. A line break stays
        a line break if only line breaks matter.
        """
        words = iter(_WORD_LETTERS)
        others = (
            chr(code)
            for code in range(0xD800)
            if code != _LINE_FEED and (word is None or chr(code) not in _WORD_LETTERS)
        )
        letters: dict[int, str] = {}
        for membership in memberships:
            if newline is not None and membership >> newline & 1:
                letters[membership] = next(others) if self._last_break_counts else "\n"
            elif word is not None and membership >> word & 1:
                letters[membership] = next(words, "")
                if not letters[membership]:
                    refuse(
                        rf"\b together with more than {len(_WORD_LETTERS)} different letters; write"
                        r" fewer of them, or use enum"
                    )
            else:
                letters[membership] = next(others)
        return letters

    def _rewritten(
        self, translation: Translation, letters: dict[int, str], newline: int | None
    ) -> Iterable[str]:
        """The parts of the pattern for RE2, with each set of characters as a class of letters."""
        if sum(membership.bit_count() for membership in letters) > _MAX_MEMBERSHIPS:
            refuse("so many overlapping character classes; write fewer, or use enum")
        codes: list[list[int]] = [[] for _ in translation.sets]
        for membership, letter in letters.items():
            # a line break at the end of a text is encoded as itself
            is_break = newline is not None and membership >> newline & 1
            encoded = [ord(letter), 10] if self._last_break_counts and is_break else [ord(letter)]
            for number in _bits(membership):
                codes[number] += encoded
        classes = [_class_of(members) for members in codes]
        return (part if isinstance(part, str) else classes[part] for part in translation.parts)

    def found_in(self, text: str) -> bool:
        """Whether ``re.search(pattern, text)`` would find a match.

        Raises:
            TooMuchWorkError: if the text is too long for a pattern of this size.
        """
        encoded = text.translate(self._table).encode()
        if self._last_break_counts and text.endswith("\n"):
            encoded = encoded[: -len(self._table[10].encode())] + b"\n"
        if len(encoded) * self._program.programsize > MAX_WORK:
            message = (
                f"is too large for a text of {len(text)} characters; add max_length, or use a"
                " simpler pattern"
            )
            raise TooMuchWorkError(message)
        return self._program.search(encoded) is not None


def _bits(number: int) -> Iterable[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def _class_of(codes: list[int]) -> str:
    if not codes:
        return _NO_CHARACTER
    spans = merged((code, code) for code in codes)
    return "[" + "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in spans) + "]"


def _engine() -> Any:
    try:
        return importlib.import_module("re2")
    except ImportError as error:
        message = (
            "needs the package google-re2, which cannot be imported"
            f" ({shorten(str(error))}): pip install 'snakestore[patterns]'"
        )
        raise PatternError(message) from error


def missing_engine() -> str | None:
    """Why no pattern can be compiled, with the remedy; None if the engine is installed."""
    try:
        _engine()
    except PatternError as error:
        return f"a pattern {error}"
    return None


def _compile(rewritten: str) -> Any:
    re2 = _engine()
    options = re2.Options()
    options.log_errors = False  # otherwise it writes to stderr
    options.never_capture = True
    try:
        program = re2.compile(rewritten, options)
    except re2.error as error:
        is_bytes = bool(error.args) and isinstance(error.args[0], bytes)
        reason = error.args[0].decode(errors="replace") if is_bytes else str(error)
        message = f"is too large for its engine ({shorten(reason)}); {_SIZE_HINT}"
        raise PatternError(message) from error
    if program.programsize > MAX_PROGRAM_SIZE:
        message = (
            f"is too large: {program.programsize} instructions, the limit is {MAX_PROGRAM_SIZE};"
            f" {_SIZE_HINT}"
        )
        raise PatternError(message)
    return program


@lru_cache(maxsize=128)
def compiled(pattern: str) -> LinearPattern:
    """A compiled pattern; the most recent ones are cached.

    Raises:
        PatternError: if the pattern is invalid or unsupported.
    """
    try:
        return LinearPattern(pattern)
    except RecursionError as error:
        message = "is nested too deeply; use fewer groups inside one another"
        raise PatternError(message) from error
