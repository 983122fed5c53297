"""Progress on a terminal, with the rate and the time left; nothing elsewhere.

It is shown on stderr, so that stdout has only data.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit} {{task.fields[rate]}}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, auto_refresh=True) as bar:
        task = bar.add_task(doing, total=None, rate="")

        def show(done: int, total: int | None) -> None:
            speed = bar.tasks[task].finished_speed or bar.tasks[task].speed
            bar.update(
                task,
                completed=done,
                total=total,
                rate="" if speed is None else f"({speed:,.0f}/s)",
            )

        yield show
