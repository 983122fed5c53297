"""Print text, JSON and tables. Characters that are not shown as themselves are escaped."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snakestore.types import to_jsonable

MAX_CELL_LENGTH = 60
_NOT_ASCII = re.compile("[^ -~]")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters; characters without a width, and those that change the direction of text, so
that it looks like other text; lone surrogates, which cannot be printed; line separators.
"""
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Letters, marks and reserved characters that are not shown (Default_Ignorable_Code_Point)."""


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) in _UNSAFE_CATEGORIES or _INVISIBLE.match(character):
        units = character.encode("utf-16-be", "surrogatepass")
        return "".join(
            f"\\u{high:02x}{low:02x}" for high, low in zip(units[::2], units[1::2], strict=True)
        )
    return character


def escaped(text: str) -> str:
    r"""``text`` on one line, with characters that are not shown written as ``\uXXXX``.

    These are control characters, and those without a width or that change the direction of text.
    """
    return _NOT_ASCII.sub(_escape, text)


def print_line(text: str = "", *, err: bool = False) -> None:
    """Print ``text`` on one line, escaped."""
    typer.echo(escaped(text), err=err)


def json_line(value: Any) -> str:
    """``value`` as JSON on one line, with control characters escaped. Bytes become base64 text."""
    shown = to_jsonable("bytes", value) if isinstance(value, bytes) else value
    return escaped(json.dumps(shown, ensure_ascii=False))


def cell(value: Any) -> str:
    """``value`` as JSON, shortened to the length of a table cell."""
    text = json_line(value)
    return text if len(text) <= MAX_CELL_LENGTH else text[: MAX_CELL_LENGTH - 3] + "..."


def print_json(document: Any) -> None:
    """Print ``document`` as indented JSON."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    for line in text.split("\n"):  # JSON escapes line breaks inside texts
        print_line(line)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: drawn on a terminal, otherwise with columns aligned by spaces."""
    head, *cells = ([escaped(str(entry)) for entry in row] for row in [columns, *rows])
    if sys.stdout.isatty():
        table = Table(box=box.SIMPLE_HEAD)
        for column in head:
            table.add_column(Text(column), overflow="fold")
        for row in cells:
            table.add_row(*(Text(entry) for entry in row))  # a Text is not parsed as markup
        Console(highlight=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    for row in [head, *cells]:
        print_line(
            "  ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)).rstrip()
        )
