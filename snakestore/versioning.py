"""Version numbers and metadata of versioned values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from snakestore import types
from snakestore.clock import to_iso
from snakestore.errors import ValidationError, shorten
from snakestore.names import identifier_text

MAX_VERSION = 2**63 - 1


def checked_version(version: object, what: str = "version") -> int:
    """A version number: an int from 0 to 2**63-1.

    Raises:
        ValidationError: if ``version`` is not a valid version number.
    """
    if isinstance(version, bool) or not isinstance(version, int):
        message = f"{what} must be an int, not {type(version).__name__}"
        raise ValidationError(message, value=version)
    if not 0 <= version <= MAX_VERSION:
        message = f"{what} must be from 0 to {MAX_VERSION}, not {shorten(version)}"
        raise ValidationError(message, value=version)
    return int(version)


def next_version(version: int) -> int:
    """The version after ``version``.

    Raises:
        ValidationError: if ``version`` is the highest possible one.
    """
    if version >= MAX_VERSION:
        message = (
            f"version {version} is the highest possible. Delete what has it and store it anew."
        )
        raise ValidationError(message, value=version)
    return version + 1


def checked_object(value: object, what: str) -> dict[str, Any]:
    """A deep copy of a JSON object; None means an empty one. ``what`` names it in error messages.

    Raises:
        ValidationError: if ``value`` is not a mapping, or is not JSON-serialisable; ``.path`` says
            where.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        message = f"{what} must be a dict, not {type(value).__name__}"
        raise ValidationError(message, value=value)
    return cast(
        "dict[str, Any]",
        types.checked_document(value if type(value) is dict else dict(value), what),
    )


def write_stamp(source: object, now: datetime) -> dict[str, Any]:
    """What each write puts into the metadata: ``source`` and ``updated_at``.

    Raises:
        ValidationError: if ``source`` is not text.
    """
    text = identifier_text(source, "source")
    if not text.isascii():
        types.checked_document(text, "source")
    return {"source": text, "updated_at": to_iso(now)}


def merged_metadata(
    old: Mapping[str, Any], new: Mapping[str, Any] | None, source: object, now: datetime
) -> dict[str, Any]:
    """Metadata after an update: ``old``, then ``new``, then ``source`` and ``updated_at``.

    It is merged one level deep; later keys replace earlier ones.

    Raises:
        ValidationError: if ``new`` is not a mapping or ``source`` is not text.
    """
    if new is not None and type(new) is not dict and not isinstance(new, Mapping):
        message = f"metadata must be a dict, not {type(new).__name__}"
        raise ValidationError(message, value=new)
    return {**old, **(new or {}), **write_stamp(source, now)}


class SharedMerge:
    """Adds the same keys to several JSON objects, of which many are equal.

    Each different text is merged and encoded once, and decoded once if its object has no others
    inside.
    """

    def __init__(self, added: dict[str, Any]) -> None:
        """``added`` is what is added: a checked object, whose keys replace others."""
        self._added = added
        self._adds_nested = _is_nested(added)
        self._known: dict[str, tuple[dict[str, Any] | None, str]] = {}

    def merged(self, text: str, decode: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str]:
        """The object after the merge, which is the caller's own, and its text.

        Args:
            text: the object as text.
            decode: returns it, decoded.
        """
        known = self._known.get(text)
        if known is None:
            return self._first_merged(text, decode())
        merged, merged_text = known
        return (types.loads(merged_text) if merged is None else merged.copy()), merged_text

    def _first_merged(self, text: str, document: dict[str, Any]) -> tuple[dict[str, Any], str]:
        merged = document | self._added
        merged_text = types.dumps(merged)
        self._known[text] = (None if _is_nested(merged) else merged.copy()), merged_text
        return (types.loads(merged_text) if self._adds_nested else merged), merged_text


def _is_nested(document: dict[str, Any]) -> bool:
    """Whether a JSON object has objects or arrays inside."""
    return any(type(each) is dict or type(each) is list for each in document.values())
