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


class NameRange(NamedTuple):
    """The names that a listing returns: those that ``pattern`` matches, within bounds.

    The bounds are an index range. Names are compared by code point.
    """

    pattern: Pattern
    lower: str
    upper: str | None
    """The first text after all names; None: no bound."""
    beyond: bool = False
    """Whether ``lower`` itself is left out."""

    @classmethod
    def parse(
        cls,
        pattern: object = None,
        *,
        prefix: object = None,
        after: object = None,
        reverse: bool = False,
    ) -> NameRange:
        """Parse the arguments of a listing; None: no such restriction.

        Args:
            pattern: what names match.
            prefix: literal text that names start with.
            after: the name that a page starts beyond.
            reverse: whether the listing is in descending order, so that a page starts below it.

        Raises:
            InvalidNameError: if one of them is neither str nor Enum.
        """
        found = cls.of(Pattern.parse("*" if pattern is None else pattern))
        if prefix is not None:
            found = found.starting_with(identifier_text(prefix, "prefix"))
        if after is not None:
            text = identifier_text(after, "after")
            bound = _first_storable(text)
            if reverse:
                found = found.below(bound)
            else:
                found = found.above(text) if bound == text else found.at_least(bound)
        return found

    @classmethod
    def of(cls, pattern: Pattern) -> NameRange:
        """The names that match a pattern."""
        lower = pattern.lower if pattern.possible else ""
        return cls(pattern, lower, pattern.upper if pattern.possible else "")

    def starting_with(self, prefix: str) -> NameRange:
        """Those that start with ``prefix``."""
        if prefix and invalid_name_reason(prefix) is not None:
            return self._replace(upper="")
        bounded = self.at_least(prefix)
        following = _next_prefix(prefix)
        return bounded if following is None else bounded.below(following)

    def above(self, text: str) -> NameRange:
        """Those after ``text``."""
        return self if text < self.lower else self._replace(lower=text, beyond=True)

    def below(self, text: str) -> NameRange:
        """Those before ``text``."""
        return self if self.upper is not None and self.upper <= text else self._replace(upper=text)

    def at_least(self, text: str) -> NameRange:
        """Those from ``text``."""
        return self if text <= self.lower else self._replace(lower=text, beyond=False)

    @property
    def is_empty(self) -> bool:
        """Whether no name can be in the range."""
        return self.upper is not None and self.upper <= self.lower

    @property
    def is_unbounded(self) -> bool:
        """Whether every name is in the range and matches."""
        return self.is_exact and not self.lower and self.upper is None

    @property
    def is_exact(self) -> bool:
        """Whether every name in the range matches."""
        return self.pattern.only_a_prefix

    def matches(self, name: str) -> bool:
        """Whether a name matches the pattern; the bounds are not compared."""
        return self.is_exact or self.pattern.matches(name)

    def includes(self, name: str) -> bool:
        """Whether a name matches and is within the bounds."""
        above = name > self.lower if self.beyond else name >= self.lower
        return above and (self.upper is None or name < self.upper) and self.matches(name)

    def bounds(self) -> dict[str, str]:
        """The bounds as parameters of a RangeQuery."""
        lower = {"after" if self.beyond else "lower": self.lower}
        return lower if self.upper is None else lower | {"upper": self.upper}


def _first_storable(text: str) -> str:
    """The first text, by code point, that is not before ``text`` and that a name may begin with.

    A database stores neither NUL nor lone surrogates.
    """
    for position, character in enumerate(text):
        if character == "\0":
            return text[:position] + "\1"
        if FIRST_SURROGATE <= ord(character) <= LAST_SURROGATE:
            return text[:position] + chr(LAST_SURROGATE + 1)
    return text
