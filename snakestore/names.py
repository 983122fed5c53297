"""What a name or id may be, and the star patterns that find names."""

from __future__ import annotations

import enum
from typing import NamedTuple, TypeGuard

from snakestore.errors import InvalidNameError, shorten

LONGEST_NAME = 255
_FIRST_SURROGATE, _LAST_SURROGATE, _LAST_CODE_POINT = 0xD800, 0xDFFF, 0x10FFFF


def is_plain(name: object) -> TypeGuard[str]:
    """Whether ``name`` is the text of a name beyond doubt: what nearly every call passes, told at once."""
    return (
        type(name) is str and name.isascii() and 0 < len(name) <= LONGEST_NAME and "\0" not in name
    )


def identifier_text(name: object, what: str = "an identifier") -> str:
    """The text of a name, id or identifier: a str as it is, an Enum member's value if that is a str, else its name.

    Raises:
        InvalidNameError: it is neither str nor Enum.
    """
    if type(name) is str:
        return name
    if isinstance(name, enum.Enum):
        return str.__str__(name.value) if isinstance(name.value, str) else name.name
    if isinstance(name, str):
        return str.__str__(name)
    message = f"{what} must be a str or an Enum member, not {type(name).__name__}"
    raise InvalidNameError(message, value=name)


def why_no_name(text: str) -> str | None:
    """Why ``text`` may not be a name, or None if it may."""
    if not text:
        return "it is empty"
    if len(text) > LONGEST_NAME:
        return f"it has {len(text)} characters, more than {LONGEST_NAME}"
    if "\0" in text:
        return "it holds a NUL character"
    if not text.isascii() and any(
        _FIRST_SURROGATE <= ord(character) <= _LAST_SURROGATE for character in text
    ):
        return "it holds a lone surrogate, which no database can store as text"
    return None


def checked_name(name: object, what: str = "a name") -> str:
    """``name`` as the text of a name that may be stored: non-empty, at most 255 characters, no NUL, no lone surrogate.

    Raises:
        InvalidNameError: it may not be one.
    """
    text = identifier_text(name, what)
    reason = why_no_name(text)
    if reason is not None:
        message = f"{what} may not be {shorten(text)}: {reason}"
        raise InvalidNameError(message, value=text)
    return text


def _next_prefix(prefix: str) -> str | None:
    """The smallest text, by code point, above everything that starts with ``prefix``; None if there is none."""
    while prefix:
        last = ord(prefix[-1])
        if last < _LAST_CODE_POINT:
            following = last + 1
            if _FIRST_SURROGATE <= following <= _LAST_SURROGATE:
                following = _LAST_SURROGATE + 1
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


class Pattern(NamedTuple):
    """A pattern in which ``*`` stands for any run of characters and everything else for itself.

    Matching is anchored at both ends, case-sensitive and takes time linear in the name for each
    star, so that no pattern can hang a process. ``lower`` (inclusive) and ``upper`` (exclusive,
    None: open) bound, by code point, the names that can match: an index range in the database.
    """

    pieces: tuple[str, ...]

    @classmethod
    def parse(cls, pattern: object) -> Pattern:
        """Read a pattern given as a str or Enum member.

        Raises:
            InvalidNameError: it is neither.
        """
        return cls(tuple(identifier_text(pattern, "a pattern").split("*")))

    @property
    def lower(self) -> str:
        """The literal prefix: the first text that can match."""
        return self.pieces[0]

    @property
    def upper(self) -> str | None:
        """The first text, by code point, that can no longer match; None where nothing bounds it."""
        return _next_prefix(self.pieces[0])

    @property
    def only_a_prefix(self) -> bool:
        """Whether the index range alone decides: a literal prefix and stars."""
        return len(self.pieces) > 1 and not any(self.pieces[1:])

    @property
    def possible(self) -> bool:
        """Whether any name could match at all."""
        literal = "".join(self.pieces)
        return (why_no_name(literal) is None) if literal else len(self.pieces) > 1

    def matches(self, name: str) -> bool:
        """Whether the whole of ``name`` is described."""
        first, *rest = self.pieces
        if not rest:
            return name == first
        *middle, last = rest
        if (
            len(name) < len(first) + len(last)
            or not name.startswith(first)
            or not name.endswith(last)
        ):
            return False
        position, end = len(first), len(name) - len(last)
        for piece in middle:
            position = name.find(piece, position, end)
            if position < 0:
                return False
            position += len(piece)
        return True
