"""Checks of the arguments of methods. Each raises a typed error that names the remedy."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from snakestore.errors import InvalidNameError, ValidationError, shorten
from snakestore.names import checked_name, identifier_text, invalid_name_reason
from snakestore.session import MAX_TTL
from snakestore.storage.execution.small_arguments import holds_arguments
from snakestore.variable import Variable
from snakestore.versioning import checked_object

MIN_TTL = timedelta(microseconds=1)
MAX_COUNT = 2**63 - 1
"""The greatest int that a database stores."""
MAX_CONNECTIONS = 65_536
"""More than a process can have open."""


@holds_arguments()
class NotGiven(enum.Enum):
    """The default of arguments for which None has a meaning."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return "..."


NOT_GIVEN: Final = NotGiven.NOT_GIVEN


def look_up_text(name: object, what: str) -> str | None:
    """The text of a name to look up; None if nothing can have that name.

    Raises:
        InvalidNameError: if it is neither str nor Enum.
    """
    text = identifier_text(name, what)
    return text if invalid_name_reason(text) is None else None


def checked_ttl(ttl: object) -> float | None:
    """A time to live in seconds; None: the session never expires.

    Raises:
        ValidationError: if it is neither a number, a timedelta nor None, or out of range.
    """
    if ttl is None:
        return None
    if isinstance(ttl, timedelta):
        length = ttl
    elif isinstance(ttl, bool) or not isinstance(ttl, int | float):
        message = (
            "ttl must be a number of seconds, a timedelta or None (never expires), not"
            f" {type(ttl).__name__}"
        )
        raise ValidationError(message, value=ttl)
    # out of range is refused below; NaN compares false, and an int may be beyond all floats
    else:
        length = timedelta(seconds=ttl) if abs(ttl) <= MAX_TTL.total_seconds() else MAX_TTL * 2
    if not MIN_TTL < length <= MAX_TTL:
        message = (
            f"ttl must be more than a microsecond and at most 100 years, not {shorten(ttl)}; None"
            " never expires"
        )
        raise ValidationError(message, value=ttl)
    return length.total_seconds()


def checked_position(position: object, what: str) -> int | None:
    """A position in a log, or None; an int beyond 64 bits is capped.

    Raises:
        ValidationError: if it is neither an int nor None.
    """
    if position is None:
        return None
    if isinstance(position, bool) or not isinstance(position, int):
        message = f"{what} must be None or an int, not {shorten(position)}"
        raise ValidationError(message, value=position)
    return max(-MAX_COUNT, min(int(position), MAX_COUNT))


def checked_count(count: object, what: str) -> int | None:
    """A limit: None (no limit) or an int >= 0, capped at 64 bits.

    Raises:
        ValidationError: if it is neither.
    """
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        message = f"{what} must be None or an int >= 0, not {shorten(count)}"
        raise ValidationError(message, value=count)
    return min(int(count), MAX_COUNT)


def checked_max_connections(count: object) -> int:
    """A number of connections, an int of at least 1.

    Raises:
        ValidationError: it is not.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        message = f"max_connections must be an int of at least 1, not {shorten(count)}"
        raise ValidationError(message, value=count)
    return min(int(count), MAX_CONNECTIONS)


def checked_switch(value: object, what: str) -> bool:
    """True or False.

    Raises:
        ValidationError: it is neither: ``"no"`` would count as true.
    """
    if isinstance(value, bool):
        return value
    message = f"{what} must be True or False, not {shorten(value)}"
    raise ValidationError(message, value=value)


def checked_expected_version(expected: object, what: str = "expected_version") -> int | None:
    """An expected version or length, or None.

    Raises:
        ValidationError: if it is neither an int nor None.
    """
    if expected is None:
        return None
    if isinstance(expected, bool) or not isinstance(expected, int):
        message = f"{what} must be an int or None, not {type(expected).__name__}"
        raise ValidationError(message, value=expected)
    return int(expected)


def checked_expected_versions(
    versions: object, changes: Mapping[Any, Any], what: str
) -> dict[str, int | None]:
    """The expected versions of a batch by identifier as text; None: none.

    Args:
        versions: the versions by identifier.
        changes: the batch; its keys may have expected versions.
        what: the name of the batch in error messages.

    Raises:
        ValidationError: if it is not a dict, or one of its keys or versions is not allowed.
    """
    if versions is None:
        return {}
    if not isinstance(versions, Mapping):
        message = (
            "expected_versions must be a dict of versions by identifier, not"
            f" {type(versions).__name__}"
        )
        raise ValidationError(message, value=versions)
    expected = {
        key_text(key): checked_expected_version(version) for key, version in versions.items()
    }
    unknown = sorted(expected.keys() - {key_text(key) for key in changes})
    if unknown:
        message = f"expected_versions has keys that are not in {what}: {unknown!r}"
        raise ValidationError(message, value=unknown)
    return expected


def checked_optional_name(name: object, what: str) -> str | None:
    """A valid name, or None.

    Raises:
        InvalidNameError: if it is neither.
    """
    return None if name is None else checked_name(name, what)


def checked_metadata(metadata: object) -> dict[str, Any]:
    """A copy of metadata as a JSON object; None: an empty one.

    Raises:
        ValidationError: if it is not a dict, or not JSON-serialisable; ``.path`` says where.
    """
    return checked_object(metadata, "metadata")


def checked_positive(number: object, what: str) -> int:
    """An int >= 1.

    Raises:
        ValidationError: if it is not.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        message = f"{what} must be an int >= 1, not {shorten(number)}"
        raise ValidationError(message, value=number)
    return int(number)


def checked_variable(variable: object) -> Variable:
    """A Variable.

    Raises:
        ValidationError: if it is anything else.
    """
    if not isinstance(variable, Variable):
        message = (
            f"expected a Variable, got {type(variable).__name__}. Create one with"
            " create_variable() or Variable.new()."
        )
        raise ValidationError(message, value=variable)
    return variable


def check_collection(identifiers: object) -> None:
    """Check that it is a collection of identifiers, and not a single str.

    Raises:
        ValidationError: if it is not.
    """
    if isinstance(identifiers, str | bytes | Mapping) or not isinstance(identifiers, Iterable):
        message = f"identifiers must be a list of ids or names, not {type(identifiers).__name__}"
        raise ValidationError(message, value=identifiers)


def checked_identifiers(identifiers: Iterable[Any]) -> list[str]:
    """The texts of identifiers in the given order, without duplicates.

    Raises:
        ValidationError: if it is not a collection of identifiers, such as a single str.
        InvalidNameError: if one of them is neither str nor Enum.
    """
    check_collection(identifiers)
    return list(dict.fromkeys(identifier_text(each) for each in identifiers))


def check_size(what: str, text: str | None, blob: bytes | None, limit: int | None) -> None:
    """Check an encoded value against the repository's ``max_value_bytes``; None: no limit.

    Raises:
        ValidationError: if it is larger.
    """
    binary = 0 if blob is None else len(blob)
    # UTF-8 has at most 4 bytes per character
    if limit is None or binary + (0 if text is None else len(text) * 4) <= limit:
        return
    size = binary + (0 if text is None else len(text.encode()))
    if size > limit:
        message = (
            f"{what}: value is {size:,} bytes, the limit is max_value_bytes={limit:,}. Store large"
            " data in a file and keep its path, or raise the limit."
        )
        raise ValidationError(message, type=what, value=text if blob is None else blob)


def key_text(key: object) -> str:
    """A key of a batch as text, even if it is not an identifier and will be refused."""
    try:
        return identifier_text(key)
    except InvalidNameError:
        try:
            return repr(key)
        except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
            return shorten(key)
