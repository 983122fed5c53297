"""Integers of up to 4,300 digits as decimal text, whatever limit the interpreter was given for such conversions.

``sys.set_int_max_str_digits`` may be set as low as 640 for the whole process; what one process
stored must still be read by another that was started so.
"""

from __future__ import annotations

from typing import Final

MOST_DIGITS: Final = 4300
TOO_LONG: Final = 10**MOST_DIGITS
"""The first integer with more digits than are stored."""

_PIECE: Final = 500  # the interpreter always converts this many
_PIECE_VALUE: Final = 10**_PIECE


def text_of(number: int) -> str:
    """``number`` in decimal digits, as JSON writes it."""
    try:
        return int.__repr__(number)
    except ValueError:
        pieces: list[str] = []
        rest = abs(number)
        while rest:
            rest, piece = divmod(rest, _PIECE_VALUE)
            pieces.append(f"{piece:0{_PIECE}d}")
        return ("-" if number < 0 else "") + "".join(reversed(pieces)).lstrip("0")


def integer_of(text: str) -> int:
    """The integer that decimal digits, with a minus or without, spell.

    Raises:
        ValueError: there are more digits than are ever stored.
    """
    if len(text) > MOST_DIGITS + 1:
        message = f"an integer of {len(text)} digits, more than {MOST_DIGITS}"
        raise ValueError(message)
    digits = text.removeprefix("-")
    number = 0
    for start in range(0, len(digits), _PIECE):
        piece = digits[start : start + _PIECE]
        number = number * 10 ** len(piece) + int(piece)
    return -number if text.startswith("-") else number
