"""What a name or id may be."""

from __future__ import annotations

import enum
from typing import TypeGuard

from snakestore.errors import InvalidNameError, shorten

MAX_NAME_LENGTH = 255
FIRST_SURROGATE, LAST_SURROGATE, LAST_CODE_POINT = 0xD800, 0xDFFF, 0x10FFFF


def is_plain(name: object) -> TypeGuard[str]:
    """Whether ``name`` is the text of a name beyond doubt: what nearly every call passes, told at once."""
    return (
        type(name) is str
        and name.isascii()
        and 0 < len(name) <= MAX_NAME_LENGTH
        and "\0" not in name
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
    if len(text) > MAX_NAME_LENGTH:
        return f"it has {len(text)} characters, more than {MAX_NAME_LENGTH}"
    if "\0" in text:
        return "it holds a NUL character"
    if not text.isascii() and any(
        FIRST_SURROGATE <= ord(character) <= LAST_SURROGATE for character in text
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
