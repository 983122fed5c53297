"""Printing: nothing that a stored name or value holds reaches the terminal as a control sequence or as markup."""

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

LONGEST_CELL = 60
# control characters drive a terminal; marks of direction, line and paragraph separators make text
# look like other text; lone surrogates cannot be printed at all
_NOT_FOR_A_TERMINAL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def plain(text: str) -> str:
    r"""``text`` on one line, whatever could drive a terminal written as ``\uXXXX``."""
    return _NOT_FOR_A_TERMINAL.sub(_escaped, text)


def json_line(value: Any) -> str:
    """``value`` as JSON on one line, safe to print and still the same JSON."""
    return plain(json.dumps(value, ensure_ascii=False))


def cell(value: Any) -> str:
    """``value`` as JSON, cut to what a cell of a table holds."""
    text = json_line(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 3] + "..."


def print_json(document: Any) -> None:
    """Print ``document`` as indented JSON."""
    for line in json.dumps(document, ensure_ascii=False, indent=2).split(
        "\n"
    ):  # JSON itself escapes the line breaks of its texts
        typer.echo(plain(line))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print ``rows`` under ``columns``: a drawn table on a terminal, else aligned lines that ``grep`` and ``awk`` can read."""
    head, *cells = ([plain(str(entry)) for entry in row] for row in [columns, *rows])
    if sys.stdout.isatty():
        table = Table(box=box.SIMPLE_HEAD)
        for column in head:
            table.add_column(Text(column), overflow="fold")
        for row in cells:
            table.add_row(*(Text(entry) for entry in row))  # a Text is never read as markup
        Console(highlight=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    for row in [head, *cells]:
        typer.echo(
            "  ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)).rstrip()
        )
