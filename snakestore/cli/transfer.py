"""The commands that copy, export and import sessions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Annotated, Any

import typer

import snakestore
from snakestore.cli.commands import new_app
from snakestore.cli.confirmation import confirm
from snakestore.cli.console import counted, is_terminal, print_json, print_json_list, print_result
from snakestore.cli.parameters import AsJson, Pattern, Store, Yes
from snakestore.cli.progress import Show, progress, total_of
from snakestore.cli.stores import (
    StoreCommand,
    check_is_not_store,
    checking_existence,
    opened_read_only,
    writing,
)
from snakestore.cli.tables import print_table
from snakestore.cli.values import standard_input
from snakestore.errors import ValidationError

COUNTS = (
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
    with checking_existence(store), progress("copying", "sessions", hidden=as_json) as show:
        report = snakestore.copy(store, target, progress=show)
    counts = {name: getattr(report, name) for name in COUNTS}
    if as_json:
        print_json(counts)
    else:
        print_table(["what", "count"], list(counts.items()))


@app.command(cls=StoreCommand)
def export(
    store: Store,
    pattern: Pattern = None,
    *,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="PATH", help="Write to a file.", show_default=False),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history/--no-history", help="Include past versions.")
    ] = True,
    expired: Annotated[
        bool, typer.Option("--expired", help="Include expired sessions that are not deleted yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write sessions as JSON, one record a line. --json prints one list of all records.

    With --output, the file appears complete or not at all, and --json prints what was written.
    """
    if output is not None:
        check_is_not_store(store, output)
    beside_records = output is None and is_terminal()
    with (
        opened_read_only(store) as repository,
        progress("exporting", "sessions", hidden=beside_records) as show,
    ):
        total = total_of(repository, "sessions") if pattern is None else None
        records = _with_progress(
            repository.export_sessions(pattern, history=history, include_expired=expired),
            lambda sessions: show(sessions, total),
        )
        if output is not None:
            with _replacing(output) as file:
                last: dict[str, Any] = {}
                for record in records:
                    file.write(json.dumps(record) + "\n")
                    last = record
            written = {"path": output, "sessions": last["sessions"], "records": last["records"]}
        elif as_json:
            print_json_list(records)
        else:
            for record in records:
                typer.echo(json.dumps(record))
    if output is not None:
        text = f"{counted(written['sessions'], 'session')} written to {output}"
        print_result(written, text, as_json=as_json)


@app.command(name="import", cls=StoreCommand)
def import_(
    store: Store,
    path: Annotated[
        str,
        typer.Argument(
            metavar="FROM", help="The file of an export; - is stdin.", show_default=False
        ),
    ],
    *,
    on_conflict: Annotated[
        str,
        typer.Option(
            metavar="fail|skip|replace", help="What to do with a session that the store has."
        ),
    ] = "fail",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the records, and change nothing.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Store the sessions of an export, all or none."""
    if on_conflict == "replace" and not dry_run:
        confirm("Replace sessions that the store has by those of the export?", yes=yes)
    with (
        _opened(path) as file,
        writing(store) as repository,
        progress("importing", "bytes") as show,
    ):
        report = repository.import_sessions(
            _records(file, show), on_conflict=on_conflict, dry_run=dry_run
        )
    counts = {
        "imported": report.imported,
        "skipped": report.skipped,
        "replaced": report.replaced,
    }
    if as_json:
        print_json({"dry_run": dry_run, **counts, "conflicts": list(report.conflicts)})
    else:
        counts["conflicts"] = len(report.conflicts)
        print_table(["sessions", "count"], list(counts.items()))


def _with_progress(
    records: Iterator[dict[str, Any]], show: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """The records as they come. ``show`` is called with the sessions so far."""
    sessions = 0
    for record in records:
        if record["kind"] == "session":
            sessions += 1
            show(sessions)
        yield record


@contextmanager
def _replacing(path: str) -> Iterator[IO[str]]:
    """A file that takes the place of ``path`` at the end, synced to the disk.

    What is no regular file, such as a device or a pipe, is written to.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8") as file:
            yield file
        return
    path = os.path.realpath(path)  # a symlink stays
    unfinished = f"{path}.unfinished-{os.getpid()}"
    try:
        with open(unfinished, "x", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
        raise


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield standard_input()
        return
    with open(path, "rb") as file:
        yield file


def _records(file: IO[bytes], show: Show) -> Iterator[dict[str, Any]]:
    """The records of a file.

    Raises:
        ValidationError: if a line is not JSON.
    """
    size = os.fstat(file.fileno()).st_size or None if file.seekable() else None
    read = 0
    for number, line in enumerate(file, 1):
        read += len(line)
        show(read, size)
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            message = f"line {number} of the export is not JSON: {error}"
            raise ValidationError(message) from error
