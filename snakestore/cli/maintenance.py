"""The commands check and backup."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Annotated

import typer

from snakestore import CheckReport, StoreError
from snakestore.cli.console import print_json, print_line, print_table
from snakestore.cli.stores import AsJson, Store, StoreCommand, opened_read_only, writing

SECONDS_BETWEEN_LINES = 1.0


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for function in (check, backup):
        app.command(cls=StoreCommand)(function)


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
