"""Star patterns that match names, and the index range that each of them covers."""

from __future__ import annotations

from typing import NamedTuple

from snakestore.names import (
    FIRST_SURROGATE,
    LAST_CODE_POINT,
    LAST_SURROGATE,
    identifier_text,
    why_no_name,
)


def _next_prefix(prefix: str) -> str | None:
    """The smallest text, by code point, above everything that starts with ``prefix``; None if there is none."""
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
