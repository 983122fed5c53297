"""The command that copies a store to another database."""

from __future__ import annotations

from typing import Annotated

import typer

import snakestore
from snakestore.cli.commands import new_app
from snakestore.cli.console import print_json
from snakestore.cli.parameters import AsJson, Store
from snakestore.cli.stores import StoreCommand, checking_existence
from snakestore.cli.tables import print_table

app = new_app()


@app.command(cls=StoreCommand)
def copy(
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
    from rich.console import Console  # noqa: PLC0415 - takes time, and the help does not need it
    from rich.progress import (  # noqa: PLC0415 - likewise
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

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
        report = snakestore.copy(
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
