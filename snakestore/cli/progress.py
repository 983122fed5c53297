"""Progress on a terminal, with the rate and the time left; nothing elsewhere.

It is shown on stderr, so that stdout has only data.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snakestore.errors import StoreError

if TYPE_CHECKING:
    from snakestore import SessionRepository

Show = Callable[[int, int | None], None]
"""Shows how many are done, of how many (None: unknown)."""


@contextmanager
def progress(doing: str, unit: str, *, hidden: bool = False) -> Iterator[Show]:
    """A block during which progress is shown.

    Args:
        doing: what is done: "copying".
        unit: what is counted: "sessions".
        hidden: never show it.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - takes time, and only terminals need it
    from rich.progress import (  # noqa: PLC0415 - likewise
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn(doing),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn(f"{unit} {{task.fields[rate]}}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[left]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task(doing, total=None, rate="", left="")

        def show(done: int, total: int | None) -> None:
            """Redraw the bar with its rate, and the time that is left if the total is known."""
            speed = bar.tasks[task].finished_speed or bar.tasks[task].speed
            bar.update(
                task,
                completed=done,
                total=total,
                rate="" if speed is None else f"({speed:,.0f}/s)",
                left="" if total is None else "left",
            )

        yield show


def total_of(repository: SessionRepository, *counts: str) -> int | None:
    """The sum of statistics of the store, if a terminal shows the progress; otherwise None."""
    if not sys.stderr.isatty():
        return None
    try:
        stats = repository.store_stats()
    except StoreError:  # the store is damaged, which the command itself will report
        return None
    return int(sum(getattr(stats, name) for name in counts))
