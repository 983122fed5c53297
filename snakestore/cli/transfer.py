"""The command that copies a store to another database."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from snakestore import copy
from snakestore.cli.console import print_json, print_table
from snakestore.cli.stores import AsJson, Store, StoreCommand, checking_existence


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command(name="copy", cls=StoreCommand)(copy_)


def copy_(
    store: Store,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help="Path or URL of the target. It is created or migrated first.",
            show_default=False,
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Copy every session to another store, exactly as stored. Run again to continue."""
    columns = (
        TextColumn("copying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("sessions"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    hidden = as_json or not console.is_terminal
    with (
        checking_existence(store),
        Progress(*columns, console=console, transient=True, disable=hidden) as bar,
    ):
        task = bar.add_task("copying", total=None)
        report = copy(
            store,
            target,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    counts = {
        name: getattr(report, name)
        for name in (
            "sessions",
            "copied",
            "replaced",
            "skipped",
            "variables",
            "versions",
            "programs",
            "logs",
            "log_entries",
            "checksum",
        )
    }
    if as_json:
        print_json(counts)
    else:
        print_table(["what", "count"], list(counts.items()))
