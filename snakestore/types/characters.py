"""Character classes of Python's ``re`` as ranges of code points."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

Ranges = tuple[tuple[int, int], ...]
"""First and last code points of each range, sorted, with gaps between the ranges."""

Item = tuple[Any, Any]
"""One item of a character class as re's parser returns it: an opcode and its argument."""

LAST: Final = 0x10FFFF
EVERYTHING: Final[Ranges] = ((0, LAST),)
# All letters, digits and white space are in the first four planes. The others are unassigned,
# private or invisible.
_LAST_NAMED: Final = 0x3FFFF
_CHUNK: Final = 256
# keeps a class from being empty; no text that is searched contains a lone surrogate
_NEVER_FOUND: Final = r"\U0000d800"


def merged(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """The union of ranges given in any order."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(pairs):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def complement(ranges: Ranges) -> Ranges:
    """All code points that are not in ``ranges``."""
    edges = [-1, *(edge for pair in ranges for edge in pair), LAST + 1]
    return tuple(
        (before + 1, after - 1)
        for before, after in zip(edges[::2], edges[1::2], strict=True)
        if after - before > 1
    )


@lru_cache(maxsize=16)
def category(letter: str, flags: int) -> Ranges:
    r"""The characters of ``\d``, ``\s`` or ``\w``, or of its complement, as in Python's ``re``."""
    if letter.isupper():
        return complement(category(letter.lower(), flags))
    every = "".join(map(chr, range(128 if flags & re.ASCII else _LAST_NAMED + 1)))
    return tuple(
        (found.start(), found.end() - 1) for found in re.finditer(rf"\{letter}+", every, flags)
    )


@lru_cache(maxsize=1)
def cased() -> str:
    """The characters that have another case: only these are affected by IGNORECASE."""
    found: list[str] = []
    for start in range(0, _LAST_NAMED, _CHUNK):
        chunk = "".join(map(chr, range(start, start + _CHUNK)))
        if chunk.lower() != chunk or chunk.upper() != chunk:
            found += [
                character
                for character in chunk
                if character.lower() != character or character.upper() != character
            ]
    return "".join(found)


@lru_cache(maxsize=1)
def _uncased() -> Ranges:
    return complement(_single(cased()))


def _single(characters: Iterable[str]) -> Ranges:
    return merged((ord(character), ord(character)) for character in characters)


@lru_cache(maxsize=256)
def char_set(items: tuple[Item, ...], flags: int, *, negated: bool = False) -> Ranges:
    """The characters that a class matches.

    Args:
        items: its literals, ranges and categories, as re's parser returns them.
        flags: flags of re; IGNORECASE and ASCII matter.
        negated: whether the class is negated, as in ``[^a]``.
    """
    letters = [_letter(str(argument)) for opcode, argument in items if str(opcode) == "CATEGORY"]
    spans = [
        argument if isinstance(argument, tuple) else (argument, argument)
        for opcode, argument in items
        if str(opcode) != "CATEGORY"
    ]
    literal = merged(spans)
    matched = merged(
        [*literal, *(pair for letter in letters for pair in category(letter, flags & re.ASCII))]
    )
    if negated:
        matched = complement(matched)
    if not flags & re.IGNORECASE:
        return matched
    listed = "".join(
        f"\\U{ord(character):08x}"
        for first, last in literal
        for character in _cased_between(first, last)
    )
    categories = "".join("\\" + letter for letter in letters)
    source = f"[{'^' if negated else ''}{_NEVER_FOUND}{listed}{categories}]"
    # Python's re decides for each character that has another case
    accepted = re.findall(source, cased(), flags & (re.IGNORECASE | re.ASCII))
    return merged([*_single(accepted), *_common(matched, _uncased())])


def _cased_between(first: int, last: int) -> str:
    return cased()[bisect_left(cased(), chr(first)) : bisect_right(cased(), chr(last))]


def _letter(name: str) -> str:
    """The letter of a category by its name in re, e.g. D for CATEGORY_NOT_DIGIT."""
    initial = name.rsplit("_", 1)[1][0]
    return initial if "_NOT_" in name else initial.lower()


def _common(one: Ranges, other: Ranges) -> Ranges:
    return complement(merged([*complement(one), *complement(other)]))
