"""How values and stores show themselves: a short ``repr``, and HTML tables in notebooks.

Text of the store is data: all of it is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from reprlib import Repr

from snakestore.errors import SnakeStoreError

MAX_ROWS = 100
"""Rows of a table; a note says when there are more."""
MAX_CELL = 200
"""Characters of a cell."""


class _Brief(Repr):
    """``repr`` whose work and length are bounded, however large the object is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlist = self.maxtuple = self.maxdict = 5
        self.maxlevel = 4

    def repr_bytes(self, value: bytes, _level: int) -> str:
        """Short bytes as they are; of longer ones their number."""
        return repr(value) if len(value) <= self.maxstring else f"<{len(value):,} bytes>"


brief = _Brief().repr
"""``repr``, cut in the middle; at most a few elements of each container."""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table with a caption. Cells are text, and cut."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cut(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def fields_table(title: str, named: Mapping[str, object]) -> str:
    """An HTML table of names and values."""
    return table(title, ("field", "value"), named.items())


def note(text: str) -> str:
    """A paragraph of HTML."""
    return f"<p>{escape(text)}</p>"


def more_than(count: int) -> str:
    """A note for tables with too many rows; ``count`` may be one more than MAX_ROWS."""
    return note(f"only the first {MAX_ROWS} are shown") if count > MAX_ROWS else ""


def or_reason(title: str, show: Callable[[], str]) -> str:
    """What ``show`` returns, or the error of the store: a cell must display, not fail."""
    try:
        return show()
    except SnakeStoreError as error:
        return note(title) + note(f"{type(error).__name__}: {error}")


def _cut(cell: object) -> str:
    """A cell as text: empty for None, a time to the second in UTC."""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    text = "" if cell is None else str(cell)
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
