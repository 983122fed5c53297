"""Times: aware UTC datetimes with microseconds, their text form, and the system clock."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from snakestore.errors import ValidationError, shorten

Clock = Callable[[], datetime]
_TEXT_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
)

steady_seconds: Callable[[], float] = (
    time.monotonic if sys.platform == "win32" else partial(time.clock_gettime, time.CLOCK_MONOTONIC)
)
"""Seconds for time-outs. Test tools that stop ``time.monotonic`` leave this clock alone."""


def _remember_last(function: Callable[[datetime], str]) -> Callable[[datetime], str]:
    """A pure function of a datetime that remembers its last result.

    One write formats the same datetime for several columns. The cache is compared by identity and
    replaced as one tuple, so threads need no lock.
    """
    remembered: tuple[datetime | None, str] = (None, "")

    def _remembering(when: datetime) -> str:  # a closure: calling an object takes twice as long
        nonlocal remembered
        last, text = remembered
        if last is not when:
            text = function(when)
            remembered = (when, text)
        return text

    return _remembering


def utc_now() -> datetime:
    """The system's clock, as an aware UTC datetime."""
    return datetime.now(UTC)


def as_utc(when: datetime, what: str = "time") -> datetime:
    """``when`` in UTC; ``what`` names the argument in error messages.

    Raises:
        ValidationError: if ``when`` is not a datetime, has no time zone, or is before year 1 or
            after 9999 in UTC.
    """
    if type(when) is datetime and when.tzinfo is UTC:
        return when
    if not isinstance(when, datetime):
        message = f"{what} must be an aware datetime, not {type(when).__name__}"
        raise ValidationError(message, value=when)
    if when.utcoffset() is None:
        message = (
            f"{what} must be an aware datetime: {when!r} is naive (it has no time zone). Add one,"
            " e.g. tzinfo=datetime.UTC."
        )
        raise ValidationError(message, value=when)
    try:
        return when.astimezone(UTC)
    except OverflowError as error:
        message = f"{what} must be in the years 1 to 9999 in UTC: {when!r} is not."
        raise ValidationError(message, value=when) from error


def now_or(when: datetime | None, what: str = "now") -> datetime:
    """``when`` in UTC if it is given, otherwise the system's clock."""
    return utc_now() if when is None else as_utc(when, what)


def _format_text(when: datetime) -> str:
    # isoformat takes twice as long, because it asks for the offset and formats it
    return "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % (  # noqa: UP031 - format() takes twice as long
        when.year,
        when.month,
        when.day,
        when.hour,
        when.minute,
        when.second,
        when.microsecond,
    )


to_text = _remember_last(_format_text)
"""An aware UTC datetime as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``.

The text always has 27 characters, so text order is time order.
"""


def _format_iso(when: datetime) -> str:
    # a write needs the other text too, so that it is remembered
    return to_text(when)[:-1] + "+00:00" if when.microsecond else when.isoformat()


to_iso = _remember_last(_format_iso)
"""``when.isoformat()`` of an aware UTC datetime."""


def from_text(text: str) -> datetime:
    """The datetime that ``to_text`` formatted.

    Raises:
        ValueError: if the text is not in that form.
    """
    if _TEXT_FORM.fullmatch(text) is None:
        message = f"{text!r} is not of the form YYYY-MM-DDTHH:MM:SS.ffffffZ"
        raise ValueError(message)
    return datetime.fromisoformat(text)


def from_iso(text: str, what: str = "time") -> datetime:
    """The datetime of ISO 8601 text with an offset, in UTC; ``what`` names it in error messages.

    Raises:
        ValidationError: if the text is not in that form, or has no offset.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{what} must be ISO 8601 text, not {shorten(text)}"
        raise ValidationError(message, value=text) from error
    return as_utc(when, what)


def shifted(when: datetime, by: timedelta, *, back: bool = False) -> datetime:
    """``when`` plus ``by`` (``back``: minus), limited to the range that datetime has."""
    try:
        return when - by if back else when + by
    except OverflowError:
        return (
            datetime.min.replace(tzinfo=UTC)
            if back == (by > timedelta(0))
            else datetime.max.replace(tzinfo=UTC)
        )


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Seconds from ``earlier`` to ``later``; 0.0 if the clock has been set back since."""
    return max(0.0, (later - earlier).total_seconds())
