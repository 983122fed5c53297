"""Names and ids: what is valid, and how text is taken from a str or an Enum member."""

from __future__ import annotations

import datetime as dt
import enum
import numbers
import pathlib
import uuid
from typing import TypeGuard

from snakestore.errors import InvalidNameError, shorten

MAX_NAME_LENGTH = 255
_CLASSES_OF_IDS = frozenset({"UUID", "ULID", "ObjectId"})
"""Names of classes of other packages whose str() is an id."""
FIRST_SURROGATE, LAST_SURROGATE, LAST_CODE_POINT = 0xD800, 0xDFFF, 0x10FFFF


def is_simple_name(name: object) -> TypeGuard[str]:
    """Whether ``name`` is a valid ASCII name; a fast check that nearly every call passes."""
    return (
        type(name) is str
        and name.isascii()
        and 0 < len(name) <= MAX_NAME_LENGTH
        and "\0" not in name
    )


def identifier_text(name: object, what: str = "identifier") -> str:
    """The text of a name, id or identifier.

    A str is returned as it is. An Enum member stands for its value if that is a str, otherwise for
    its name.

    Raises:
        InvalidNameError: if ``name`` is neither a str nor an Enum member.
    """
    if type(name) is str:
        return name
    if isinstance(name, enum.Enum):
        return str.__str__(name.value) if isinstance(name.value, str) else name.name
    if isinstance(name, str):
        return str.__str__(name)
    message = f"{what} must be a str or an Enum member, not {type(name).__name__}{_advice(name)}"
    raise InvalidNameError(message, value=name)


def _advice(name: object) -> str:
    """How to make a name of ``name``, as the end of a sentence."""
    if isinstance(name, bytes | bytearray):
        return "; convert it with .decode()"
    if isinstance(name, dt.date):
        return "; convert it with .isoformat()"
    # not for None or a bool, which is rather a mistake than an id
    convertible = not isinstance(name, bool) and (
        isinstance(name, numbers.Number | uuid.UUID | pathlib.PurePath)
        or type(name).__name__ in _CLASSES_OF_IDS
    )
    return "; convert it with str(...)" if convertible else ""


def invalid_name_reason(text: str) -> str | None:
    """Why ``text`` is not a valid name, as "must ..."; None if it is valid."""
    if not text:
        return "must not be empty"
    if len(text) > MAX_NAME_LENGTH:
        return f"must have at most {MAX_NAME_LENGTH} characters, not {len(text)}"
    if "\0" in text:
        return "must not contain a NUL character"
    if not text.isascii() and any(
        FIRST_SURROGATE <= ord(character) <= LAST_SURROGATE for character in text
    ):
        return "must not contain a lone surrogate, which no database can store as text"
    return None


def checked_name(name: object, what: str = "name") -> str:
    """The text of a valid name: 1 to 255 characters, no NUL, no lone surrogate.

    ``what`` names the argument in error messages, e.g. ``"variable name"``.

    Raises:
        InvalidNameError: if the name is invalid.
    """
    text = identifier_text(name, what)
    reason = invalid_name_reason(text)
    if reason is not None:
        message = f"invalid {what} {shorten(text)}: {reason}"
        raise InvalidNameError(message, value=text)
    return text
