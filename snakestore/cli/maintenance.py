"""The commands about the whole store: sweep, stats, check, backup."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from snakestore.cli.commands import new_app
from snakestore.cli.console import print_json, print_line
from snakestore.cli.parameters import AsJson, Store
from snakestore.cli.stores import StoreCommand, opened_read_only, reading, writing
from snakestore.cli.tables import print_table
from snakestore.errors import StoreError

if TYPE_CHECKING:
    from snakestore import CheckReport

SECONDS_BETWEEN_LINES = 1.0

app = new_app()


@app.command(cls=StoreCommand)
def sweep(
    store: Store,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Delete at most this many sessions.", show_default=False),
    ] = None,
) -> None:
    """Delete expired sessions."""
    with writing(store) as repository:
        deleted = repository.delete_expired(limit)
    print_line(f"{deleted} expired {'session' if deleted == 1 else 'sessions'} deleted")


@app.command(cls=StoreCommand)
def stats(store: Store, *, as_json: AsJson = False) -> None:
    """Show the statistics of the store."""
    with reading(store) as snapshot:
        counted = dataclasses.asdict(snapshot.store_stats())
    if as_json:
        print_json(counted)
    else:
        print_table(
            ["stored", "count"],
            [[name.replace("_", " "), value] for name, value in counted.items()],
        )


@app.command(cls=StoreCommand)
def check(
    store: Store,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Correct the counts of sessions, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the whole store. The exit code is 1 if there is a problem."""
    if repair:
        with writing(store) as repository:
            report = repository.check(repair=True)
    else:
        with opened_read_only(store) as repository:
            report = repository.check()
    if as_json:
        found = {
            kind: [finding._asdict() for finding in getattr(report, kind)]
            for kind in ("problems", "notes")
        }
        print_json({"ok": report.ok, **dataclasses.asdict(report), **found})
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


def _print(report: CheckReport) -> None:
    counted = dataclasses.asdict(report)
    hidden = {"problems", "notes", "problem_count", "note_count", "repaired"}
    print_table(
        ["checked", "found"],
        [[name.replace("_", " "), value] for name, value in counted.items() if name not in hidden],
    )
    for title, findings, count in (
        ("problem", report.problems, report.problem_count),
        ("note", report.notes, report.note_count),
    ):
        if findings:
            print_line()
            print_table([title, "where", "message"], findings)
        if count > len(findings):
            print_line(f"and {count - len(findings)} more")
    remaining = report.problem_count - report.repaired
    print_line()
    if report.repaired:
        print_line(f"{report.repaired} repaired")
    print_line(f"{remaining or 'no'} {'problem' if remaining == 1 else 'problems'}")


@app.command(cls=StoreCommand)
def backup(
    store: Store,
    path: Annotated[
        str, typer.Argument(metavar="TO", help="Path of the backup.", show_default=False)
    ],
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Copy a SQLite store into a single file, while others use the store."""
    last_printed = time.monotonic()

    def progress(copied: int, total: int) -> None:
        nonlocal last_printed
        if time.monotonic() - last_printed >= SECONDS_BETWEEN_LINES:
            last_printed = time.monotonic()
            print_line(f"{copied} of {total} pages", err=True)

    if os.path.lexists(path) and not overwrite:
        message = f"{path} already exists. Choose another name, or pass --overwrite."
        raise StoreError(message)
    with opened_read_only(store) as repository:
        repository.backup(path, overwrite=overwrite, progress=progress)
    print_line(f"backup written to {path}")
