"""The verbs that keep a store safe: check, backup."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Annotated

import typer

from snakestore import CheckReport, StoreError
from snakestore.cli.console import plain, print_json, print_table
from snakestore.cli.stores import AsJson, Store, StoreCommand, opened_read_only, writing

SECONDS_BETWEEN_LINES = 1.0


def add_to(app: typer.Typer) -> None:
    """Give ``app`` these verbs."""
    for verb in (check, backup):
        app.command(cls=StoreCommand)(verb)


def check(
    store: Store,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend the counts of sessions; nothing else is changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the whole store: exit code 0 where nothing is wrong (any more), 1 where something is."""
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
            typer.echo()
            print_table([title, "where", "what"], findings)
        if count > len(findings):
            typer.echo(f"and {count - len(findings)} more")
    left = report.problem_count - report.repaired
    typer.echo()
    typer.echo(
        "nothing is wrong" if not left else f"{left} {'problem' if left == 1 else 'problems'}"
    )
    if report.repaired:
        typer.echo(f"{report.repaired} mended")


def backup(
    store: Store,
    path: Annotated[
        str, typer.Argument(metavar="TO", help="The file to make.", show_default=False)
    ],
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Take the place of a file that is there.")
    ] = False,
) -> None:
    """Copy a SQLite store, while others use it, into a single file that is a store itself."""
    told = time.monotonic()

    def progress(copied: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            typer.echo(f"{copied} of {total} pages", err=True)

    if os.path.lexists(path) and not overwrite:
        message = f"{path} is there already: give another name, or --overwrite"
        raise StoreError(message)
    with opened_read_only(store) as repository:
        repository.backup(path, overwrite=overwrite, progress=progress)
    typer.echo(f"{plain(path)} made")
