"""What verbs take: refused here, with a typed error that names the cure, before anything is asked of the database."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, Literal

from snakestore.errors import InvalidNameError, ValidationError, shorten
from snakestore.names import checked_name, identifier_text, invalid_name_reason
from snakestore.session import MAX_TTL
from snakestore.variable import Variable
from snakestore.versioning import checked_object

MIN_TTL = timedelta(microseconds=1)
MAX_CONNECTIONS = 65_536
"""More than a process can have open."""


class Missing(enum.Enum):
    """The one value that stands for an argument that was not given, where None means something."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "..."


NOT_GIVEN: Final = Missing.NOT_GIVEN
NotGiven = Literal[Missing.NOT_GIVEN]


def look_up_text(name: object, what: str) -> str | None:
    """The text of a name that is looked for; None where no name can be that text, so that nothing is found.

    Raises:
        InvalidNameError: it is neither str nor Enum.
    """
    text = identifier_text(name, what)
    return text if invalid_name_reason(text) is None else None


def checked_ttl(ttl: object) -> float | None:
    """A time to live in seconds, None where a session never expires.

    Raises:
        ValidationError: it is no number of seconds or timedelta, or out of range.
    """
    if ttl is None:
        return None
    if isinstance(ttl, timedelta):
        length = ttl
    elif isinstance(ttl, bool) or not isinstance(ttl, int | float):
        message = (
            "ttl is a number of seconds, a timedelta or None (never expires), not"
            f" {type(ttl).__name__}"
        )
        raise ValidationError(message, value=ttl)
    # what is out of range is refused below; NaN compares false, and an int may be larger than any
    # float
    else:
        length = timedelta(seconds=ttl) if abs(ttl) <= MAX_TTL.total_seconds() else MAX_TTL * 2
    if not MIN_TTL < length <= MAX_TTL:
        message = (
            f"ttl must be more than a microsecond and at most 100 years, not {shorten(ttl)}; None"
            " never expires"
        )
        raise ValidationError(message, value=ttl)
    return length.total_seconds()


def checked_count(count: object, what: str) -> int | None:
    """A limit: None (no limit) or an int of at least 0; one beyond 64 bits is as good as none.

    Raises:
        ValidationError: it is neither.
    """
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        message = f"{what} must be None or an int of at least 0, not {shorten(count)}"
        raise ValidationError(message, value=count)
    return min(int(count), 2**63 - 1)


def checked_max_connections(count: object) -> int:
    """A number of connections, an int of at least 1.

    Raises:
        ValidationError: it is not.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        message = f"max_connections must be an int of at least 1, not {shorten(count)}"
        raise ValidationError(message, value=count)
    return min(int(count), MAX_CONNECTIONS)


def checked_expected_version(expected: object) -> int | None:
    """The version a caller saw, or None.

    Raises:
        ValidationError: it is no int.
    """
    if expected is None:
        return None
    if isinstance(expected, bool) or not isinstance(expected, int):
        message = f"expected_version must be an int or None, not {type(expected).__name__}"
        raise ValidationError(message, value=expected)
    return int(expected)


def checked_optional_name(name: object, what: str) -> str | None:
    """A name, or None where none is given.

    Raises:
        InvalidNameError: it may not be one.
    """
    return None if name is None else checked_name(name, what)


def checked_metadata(metadata: object) -> dict[str, Any]:
    """Metadata as a JSON object of its own; None is the empty one.

    Raises:
        ValidationError: it is no dict, or holds what JSON cannot say; ``.path`` says where.
    """
    return checked_object(metadata, "metadata")


def checked_positive(number: object, what: str) -> int:
    """An int of at least 1.

    Raises:
        ValidationError: it is none.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        message = f"{what} must be an int of at least 1, not {shorten(number)}"
        raise ValidationError(message, value=number)
    return int(number)


def checked_variable(variable: object) -> Variable:
    """A Variable, and nothing like one.

    Raises:
        ValidationError: it is something else.
    """
    if not isinstance(variable, Variable):
        message = (
            f"a Variable is wanted, not {type(variable).__name__}: make one with create_variable or"
            " Variable.new"
        )
        raise ValidationError(message, value=variable)
    return variable


def checked_identifiers(identifiers: object) -> list[str]:
    """Identifiers as texts, each once, in the order given.

    Raises:
        ValidationError: it is no collection of identifiers (a lone str is one name, not many).
        InvalidNameError: one of them is neither str nor Enum.
    """
    if isinstance(identifiers, str | bytes | Mapping) or not isinstance(identifiers, Iterable):
        message = f"identifiers must be a list of ids or names, not {type(identifiers).__name__}"
        raise ValidationError(message, value=identifiers)
    return list(dict.fromkeys(identifier_text(each) for each in identifiers))


def check_size(what: str, text: str | None, blob: bytes | None, most: int | None) -> None:
    """Refuse what is larger, in its stored form, than the repository's ``max_value_bytes``.

    Raises:
        ValidationError: it is; says how large.
    """
    binary = 0 if blob is None else len(blob)
    if (
        most is None or binary + (0 if text is None else len(text) * 4) <= most
    ):  # UTF-8 takes at most 4 a character
        return
    size = binary + (0 if text is None else len(text.encode()))
    if size > most:
        message = (
            f"{what}: {size:,} bytes are more than max_value_bytes, {most:,}: keep it in a file and"
            " store its name, or raise the limit"
        )
        raise ValidationError(message, type=what, value=text if blob is None else blob)


def key_text(key: object) -> str:
    """A batch's key as text, also where it is no identifier at all and will be refused as such."""
    try:
        return identifier_text(key)
    except InvalidNameError:
        try:
            return repr(key)
        except Exception:  # noqa: BLE001 - somebody else's __repr__ may raise anything, and a long int's does
            return shorten(key)
