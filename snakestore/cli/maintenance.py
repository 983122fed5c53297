"""The commands about the whole store: stats, check, sweep, prune, compact, backup."""

from __future__ import annotations

import dataclasses
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from snakestore.cli.advice import in_commands
from snakestore.cli.commands import new_app
from snakestore.cli.confirmation import confirm
from snakestore.cli.console import counted, print_json, print_line, print_result
from snakestore.cli.parameters import AsJson, Store, Yes
from snakestore.cli.progress import progress, total_of
from snakestore.cli.stores import StoreCommand, opened_read_only, reading, writing
from snakestore.cli.tables import print_table
from snakestore.cli.values import check_number
from snakestore.errors import StoreError

if TYPE_CHECKING:
    from snakestore import CheckReport, SessionRepository

ROWS = ("sessions", "variables", "programs", "versions", "logs", "log_entries")
"""What a check counts."""

app = new_app()
MIN_PAUSE, MAX_PAUSE = 0.01, 30 * 86400.0
"""Seconds between two sweeps: without a pause, they would keep a processor busy."""
MAX_AGE = 100 * 366 * 86400.0
"""A hundred years, in seconds."""


@app.command(cls=StoreCommand)
def sweep(
    store: Store,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Delete at most this many sessions.", show_default=False),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            min=MIN_PAUSE,
            max=MAX_PAUSE,
            metavar="SECONDS",
            help="Sweep again and again.",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Delete expired sessions."""
    if every is not None and as_json:
        message = "--json prints one document: leave out --every"
        raise typer.BadParameter(message)
    check_number(every, "--every")
    with writing(store) as repository:
        deleted = _swept(repository, limit)
        text = f"{counted(deleted, 'expired session')} deleted"
        print_result({"deleted": deleted}, text, as_json=as_json)
        while every is not None:
            time.sleep(every)
            deleted = _swept(repository, limit)
            if deleted:
                print_line(f"{counted(deleted, 'expired session')} deleted")


def _swept(repository: SessionRepository, limit: int | None) -> int:
    with progress("deleting", "sessions") as show:
        total = total_of(repository, "expired_sessions") if limit is None else limit
        return repository.delete_expired(limit, progress=lambda done: show(done, total))


@app.command(cls=StoreCommand)
def prune(
    store: Store,
    *,
    session_id: Annotated[
        str | None,
        typer.Option(
            "--session", metavar="SESSION", help="Only of this session.", show_default=False
        ),
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=MAX_AGE,
            metavar="SECONDS",
            help="Versions replaced longer ago than this.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=0, help="Keep the newest so many past versions.", show_default=False),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete past versions of variables and programs, given by --older-than or --keep."""
    check_number(older_than, "--older-than")
    confirm(f"Delete past versions of {session_id or 'all sessions'}?", yes=yes)
    age = None if older_than is None else timedelta(seconds=older_than)
    with writing(store) as repository, progress("deleting", "versions") as show:
        deleted = repository.prune_history(
            session_id, older_than=age, keep=keep, progress=lambda done: show(done, None)
        )
    text = f"{counted(deleted, 'past version')} deleted"
    print_result({"deleted": deleted}, text, as_json=as_json)


@app.command(cls=StoreCommand)
def compact(store: Store, *, as_json: AsJson = False) -> None:
    """Return the free space of a SQLite file to the disk, and empty its write-ahead log."""
    with writing(store) as repository, progress("returning", "bytes") as show:
        returned = repository.compact(progress=show)
    print_result({"returned_bytes": returned}, f"{returned} bytes returned", as_json=as_json)


@app.command(cls=StoreCommand)
def stats(store: Store, *, as_json: AsJson = False) -> None:
    """Show the statistics of the store."""
    with reading(store) as snapshot, progress("counting", "rows"):
        statistics = dataclasses.asdict(snapshot.store_stats())
    if as_json:
        print_json(statistics)
    else:
        print_table(
            ["stored", "count"],
            [[name.replace("_", " "), value] for name, value in statistics.items()],
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
    """Check the whole store. Exit with 1 if there is a problem."""
    opened = writing(store) if repair else opened_read_only(store)
    with opened as repository, progress("checking", "rows") as show:
        total = total_of(repository, *ROWS)
        report = repository.check(repair=repair, progress=lambda done: show(done, total))
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
    checked = dataclasses.asdict(report)
    hidden = {"problems", "notes", "problem_count", "note_count", "repaired"}
    print_table(
        ["checked", "found"],
        [[name.replace("_", " "), value] for name, value in checked.items() if name not in hidden],
    )
    for title, findings, count in (
        ("problem", report.problems, report.problem_count),
        ("note", report.notes, report.note_count),
    ):
        if findings:
            print_line()
            rows = [(kind, where, in_commands(message)) for kind, where, message in findings]
            print_table([title, "where", "message"], rows)
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
    as_json: AsJson = False,
) -> None:
    """Copy a SQLite store to a file, while others use the store. The file is itself a store."""
    if os.path.lexists(path) and not overwrite:
        message = f"{path} already exists. Choose another name, or pass --overwrite."
        raise StoreError(message)
    with opened_read_only(store) as repository, progress("copying", "pages") as show:
        repository.backup(path, overwrite=overwrite, progress=show)
    written = {"path": path, "size_bytes": os.path.getsize(path)}
    print_result(written, f"backup written to {path}", as_json=as_json)
