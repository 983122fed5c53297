"""Text of the store on a terminal or in an image: what is not shown is escaped."""

from __future__ import annotations

import re
import unicodedata

_NOT_ASCII = re.compile("[^ -~]")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters; characters without a width, and those that change the direction of text, so
that it looks like other text; lone surrogates, which cannot be printed; line separators.
"""
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\ufdd0-\ufdef\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)
"""Letters, marks and reserved characters that are not shown (Default_Ignorable_Code_Point), and
code points that are no characters, which XML forbids.
"""


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) in _UNSAFE_CATEGORIES or _INVISIBLE.match(character):
        units = character.encode("utf-16-be", "surrogatepass")
        return "".join(
            f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)
        )
    return character


def escaped(text: str) -> str:
    r"""``text`` on one line, in which invisible characters become ``\uXXXX``.

    These are control characters, and those without a width or that change the direction of text.
    """
    return _NOT_ASCII.sub(_escape, text)
