"""Convert integers of up to 4,300 digits to decimal text and back.

``sys.set_int_max_str_digits`` may set the limit of a process as low as 640 digits. What another
process stored must be readable all the same.
"""

from __future__ import annotations

from typing import Final

MAX_DIGITS: Final = 4300
TOO_LONG: Final = 10**MAX_DIGITS
"""The first integer with too many digits to be stored."""

_CHUNK_DIGITS: Final = 500  # always below the interpreter's limit
_CHUNK_BASE: Final = 10**_CHUNK_DIGITS


def text_of(number: int) -> str:
    """``number`` in decimal digits, as JSON writes it."""
    try:
        return int.__repr__(number)
    except ValueError:
        chunks: list[str] = []
        rest = abs(number)
        while rest:
            rest, chunk = divmod(rest, _CHUNK_BASE)
            chunks.append(f"{chunk:0{_CHUNK_DIGITS}d}")
        return ("-" if number < 0 else "") + "".join(reversed(chunks)).lstrip("0")


def integer_of(text: str) -> int:
    """The integer that ``text`` spells: decimal digits, with or without a minus.

    Raises:
        ValueError: if there are too many digits.
    """
    if len(text) > MAX_DIGITS + 1:
        message = f"an integer of {len(text)} digits; the limit is {MAX_DIGITS}"
        raise ValueError(message)
    digits = text.removeprefix("-")
    number = 0
    for start in range(0, len(digits), _CHUNK_DIGITS):
        chunk = digits[start : start + _CHUNK_DIGITS]
        number = number * 10 ** len(chunk) + int(chunk)
    return -number if text.startswith("-") else number
