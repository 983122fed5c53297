"""Print text, JSON and tables. Control characters in stored data are escaped."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

MAX_CELL_LENGTH = 60
# control characters; marks of direction, line and paragraph separators, which make text look like
# other text; lone surrogates, which cannot be printed
_UNSAFE_CHARACTERS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def escaped(text: str) -> str:
    r"""``text`` on one line, with control characters written as ``\uXXXX``."""
    return _UNSAFE_CHARACTERS.sub(_escape, text)


def json_line(value: Any) -> str:
    """``value`` as JSON on one line, with control characters escaped."""
    return escaped(json.dumps(value, ensure_ascii=False))


def cell(value: Any) -> str:
    """``value`` as JSON, shortened to the length of a table cell."""
    text = json_line(value)
    return text if len(text) <= MAX_CELL_LENGTH else text[: MAX_CELL_LENGTH - 3] + "..."


def print_json(document: Any) -> None:
    """Print ``document`` as indented JSON."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    for line in text.split("\n"):  # JSON escapes line breaks inside texts
        typer.echo(escaped(line))


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
        typer.echo(
            "  ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)).rstrip()
        )
