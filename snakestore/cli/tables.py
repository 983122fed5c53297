"""Print tables: drawn to fit a terminal; otherwise aligned by spaces, or separated by tabs.

A table on a terminal has one line a row: long cells end with an ellipsis, and columns without
content are omitted. Other output has all columns and whole cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

import typer

from snakestore.cli.console import is_terminal, print_line
from snakestore.escapes import escaped

ROWS_ALIGNED = 1000
"""Rows that are aligned with each other, so that the first are printed before the last are read."""
MAX_PADDED = 80
"""Longer cells move the rest of their row, rather than make every row so long."""
NOT_CUT = 20
"""Columns of at most so many characters are not cut while longer ones can be."""

_UNITS = (("day", 86400), ("h", 3600), ("min", 60), ("s", 1))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, tsv: bool = False
) -> None:
    """Print a table. On a terminal, the whole table is read before its first line is printed."""
    texts = ([escaped(str(entry)) for entry in row] for row in rows)
    if tsv:
        for row in chain([columns], texts):
            typer.echo("\t".join(row))
    elif is_terminal():
        _draw(columns, list(texts))
    else:
        _align(columns, texts)


def time_text(when: datetime | None) -> str:
    """A time to the second, in UTC."""
    return "never" if when is None else f"{when:%Y-%m-%d %H:%M:%S}Z"


def duration(seconds: float) -> str:
    """A duration in its largest unit: ``3 h``."""
    for unit, length in _UNITS:
        if abs(seconds) >= length:
            count = int(seconds // length)
            return f"{count} {unit}s" if unit == "day" and count != 1 else f"{count} {unit}"
    return "0 s"


def _align(columns: Sequence[str], rows: Iterator[list[str]]) -> None:
    widths = [0] * len(columns)
    lines = chain([list(columns)], rows)
    while page := list(islice(lines, ROWS_ALIGNED)):
        for row in page:
            widths = [
                max(width, min(len(entry), MAX_PADDED))
                for width, entry in zip(widths, row, strict=True)
            ]
        for row in page:
            aligned = (entry.ljust(width) for entry, width in zip(row, widths, strict=True))
            print_line("  ".join(aligned).rstrip())


def _draw(columns: Sequence[str], rows: list[list[str]]) -> None:
    from rich import box  # noqa: PLC0415 - takes time, and only terminals need it
    from rich.console import Console  # noqa: PLC0415 - likewise
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    console = Console(highlight=False)
    shown = [index for index in range(len(columns)) if not rows or any(row[index] for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for index in shown:
        longest = max((len(row[index]) for row in rows), default=0)
        numbers = all(row[index].isdecimal() for row in rows)
        table.add_column(
            Text(columns[index]),
            no_wrap=longest <= NOT_CUT,
            justify="right" if numbers else "left",
        )
    for row in rows:
        # a Text is not parsed as markup; what is wider than the terminal is not measured
        table.add_row(
            *(
                Text(row[index][: console.width + 1], no_wrap=True, overflow="ellipsis")
                for index in shown
            )
        )
    console.print(table)
