"""Patterns for names: ``*`` matches any run of characters, everything else is literal."""

from __future__ import annotations

from typing import NamedTuple

from snakestore.names import (
    FIRST_SURROGATE,
    LAST_CODE_POINT,
    LAST_SURROGATE,
    identifier_text,
    invalid_name_reason,
)


def _next_prefix(prefix: str) -> str | None:
    """The first text, by code point, after all texts that start with ``prefix``; None: no end."""
    while prefix:
        last = ord(prefix[-1])
        if last < LAST_CODE_POINT:
            following = last + 1
            if FIRST_SURROGATE <= following <= LAST_SURROGATE:
                following = LAST_SURROGATE + 1
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


class Pattern(NamedTuple):
    """A parsed pattern: the literal ``pieces`` between the stars.

    Matching is anchored at both ends and case-sensitive. It takes linear time for each star, so a
    pattern cannot hang the process. ``lower`` (inclusive) and ``upper`` (exclusive) bound, by code
    point, the names that can match; in the database they are an index range.
    """

    pieces: tuple[str, ...]

    @classmethod
    def parse(cls, pattern: object) -> Pattern:
        """Parse a pattern given as a str or Enum member.

        Raises:
            InvalidNameError: if ``pattern`` is neither.
        """
        return cls(tuple(identifier_text(pattern, "pattern").split("*")))

    @property
    def lower(self) -> str:
        """The literal prefix, which is the first text that can match."""
        return self.pieces[0]

    @property
    def upper(self) -> str | None:
        """The first text, by code point, after all that can match; None if there is no bound."""
        return _next_prefix(self.pieces[0])

    @property
    def only_a_prefix(self) -> bool:
        """Whether the index range alone decides: a literal prefix followed by stars."""
        return len(self.pieces) > 1 and not any(self.pieces[1:])

    @property
    def possible(self) -> bool:
        """Whether any valid name can match."""
        literal = "".join(self.pieces)
        return (invalid_name_reason(literal) is None) if literal else len(self.pieces) > 1

    def matches(self, name: str) -> bool:
        """Whether the pattern matches the whole of ``name``."""
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
