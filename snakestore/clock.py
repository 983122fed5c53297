"""Time: aware UTC datetimes with microseconds, in one text form, and the clock that a repository reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from snakestore.errors import ValidationError

Clock = Callable[[], datetime]


_last_text: tuple[datetime | None, str] = (None, "")
_last_iso: tuple[datetime | None, str] = (None, "")


def utc_now() -> datetime:
    """The system's clock, as an aware UTC datetime."""
    return datetime.now(UTC)


def as_utc(moment: datetime, what: str = "a time") -> datetime:
    """``moment`` in UTC.

    Raises:
        ValidationError: it is no datetime, or a naive one, which could mean any instant.
    """
    if type(moment) is datetime and moment.tzinfo is UTC:
        return moment
    if not isinstance(moment, datetime):
        message = f"{what} must be an aware datetime, not {type(moment).__name__}"
        raise ValidationError(message, value=moment)
    if moment.utcoffset() is None:
        message = (
            f"{what} must be an aware datetime: {moment!r} is naive and could mean any instant; add"
            " a timezone, e.g. tzinfo=datetime.UTC"
        )
        raise ValidationError(message, value=moment)
    return moment.astimezone(UTC)


def now_or(moment: datetime | None, what: str = "now") -> datetime:
    """``moment`` in UTC where one is given, else the system's clock."""
    return utc_now() if moment is None else as_utc(moment, what)


def to_text(moment: datetime) -> str:
    """An aware UTC datetime as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``: always 27 characters, so that text order is time order."""
    global _last_text  # noqa: PLW0603 - a memo of one, swapped whole, so that threads need no lock
    remembered, text = _last_text
    if remembered is not moment:  # one write puts the same moment into several columns
        of = (
            moment.year,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
            moment.microsecond,
        )
        text = "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % of  # noqa: UP031 - half the time of isoformat, in every write
        _last_text = (moment, text)
    return text


def to_iso(moment: datetime) -> str:
    """An aware datetime as ``isoformat`` spells it, remembered for the many variables of one batch."""
    global _last_iso  # noqa: PLW0603 - as above
    remembered, text = _last_iso
    if remembered is not moment:
        text = moment.isoformat()
        _last_iso = (moment, text)
    return text


def from_text(text: str) -> datetime:
    """The datetime that ``to_text`` wrote.

    Raises:
        ValueError: the text is not of that form.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not UTC:
        return as_utc(moment)
    return moment


def shifted(moment: datetime, by: timedelta, *, back: bool = False) -> datetime:
    """``moment`` moved by ``by``, or ``back`` by it; the first or last moment there is, where that would go beyond."""
    try:
        return moment - by if back else moment + by
    except OverflowError:
        return (
            datetime.min.replace(tzinfo=UTC)
            if back == (by > timedelta(0))
            else datetime.max.replace(tzinfo=UTC)
        )


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Seconds from ``earlier`` to ``later``, never negative: a clock that stepped back has aged nothing."""
    return max(0.0, (later - earlier).total_seconds())
