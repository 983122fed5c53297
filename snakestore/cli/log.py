"""``snakestore log``: the commands about logs."""

from __future__ import annotations

import json
from bisect import bisect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.confirmation import confirm
from snakestore.cli.console import counted, is_terminal, json_line, print_json_list, print_result
from snakestore.cli.paging import LIMIT_ON_A_TERMINAL, PAGE, Listing
from snakestore.cli.parameters import (
    After,
    AsJson,
    AsTsv,
    FromFile,
    Limit,
    LogName,
    Pattern,
    SessionId,
    Store,
    Yes,
)
from snakestore.cli.records import entry_record
from snakestore.cli.stores import StoreCommand, reading, writing
from snakestore.cli.tables import print_table, time_text
from snakestore.cli.values import given_bytes, one_of, parsed, text_of
from snakestore.errors import LogNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snakestore import LogEntry, SessionRepository

app = new_app(GROUPS["log"].summary)


@app.command(name="list", cls=StoreCommand)
def list_(
    store: Store,
    session_id: SessionId,
    pattern: Pattern = None,
    *,
    limit: Limit = None,
    after: After = None,
    as_json: AsJson = False,
    as_tsv: AsTsv = False,
) -> None:
    """List the logs of a session with their lengths, ordered by name."""
    with reading(store) as snapshot:
        names = snapshot.list_logs(session_id, pattern)
        logs = Listing(
            lambda last, size: names[0 if last is None else bisect(names, last) :][:size],
            str,
            limit=limit,
            after=after,
            whole=as_json or as_tsv,
        )
        lengths = ((log, snapshot.log_length(session_id, log)) for log in logs)
        if as_json:
            print_json_list({"name": log, "length": length} for log, length in lengths)
            return
        print_table(["log", "entries"], lengths, tsv=as_tsv)
        logs.print_rest()


@app.command(cls=StoreCommand)
def show(
    store: Store,
    session_id: SessionId,
    log: LogName,
    *,
    last: Annotated[
        int | None,
        typer.Option(min=0, help="The newest so many entries.", show_default=False),
    ] = None,
    after: Annotated[
        int | None, typer.Option(help="Entries after this position.", show_default=False)
    ] = None,
    before: Annotated[
        int | None, typer.Option(help="Entries before this position.", show_default=False)
    ] = None,
    limit: Limit = None,
    as_json: AsJson = False,
    as_tsv: AsTsv = False,
) -> None:
    """Show the entries of a log, in order. A terminal shows the newest 100."""
    chosen = {"last": last, "after": after, "before": before, "limit": limit}
    if all(value is None for value in chosen.values()) and not (as_json or as_tsv):
        chosen["last"] = LIMIT_ON_A_TERMINAL if is_terminal() else None
    with reading(store) as snapshot:
        entries = _entries(snapshot, session_id, log, chosen)
        if as_json:
            print_json_list(entry_record(entry) for entry in entries)
        else:
            print_table(
                ["position", "value", "written"],
                (
                    [entry.position, json_line(entry.value), time_text(entry.created_at)]
                    for entry in entries
                ),
                tsv=as_tsv,
            )


def _entries(
    snapshot: SessionRepository, session_id: str, log: str, chosen: dict[str, int | None]
) -> Iterator[LogEntry]:
    """The entries; without a bound on their number, in pages."""
    if chosen["last"] is not None or chosen["limit"] is not None:
        yield from snapshot.read_log(session_id, log, **chosen)
        return
    while page := snapshot.read_log(session_id, log, **{**chosen, "limit": PAGE}):
        yield from page
        chosen["after"] = page[-1].position


@app.command(cls=StoreCommand, context_settings={"ignore_unknown_options": True})
def append(
    store: Store,
    session_id: SessionId,
    log: LogName,
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="VALUE",
            help="The entry as JSON; left out with --file.",
            show_default=False,
        ),
    ] = None,
    *,
    file: FromFile = None,
    expected_length: Annotated[
        int | None,
        typer.Option(help="Fail if the log has another length.", show_default=False),
    ] = None,
    keep_last: Annotated[
        int | None, typer.Option(min=0, help="Keep only so many entries.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Append an entry, or with --file the JSON lines of a file. A missing log is created."""
    one_of(value, file, "VALUE")
    entries = [parsed(value, "VALUE")] if value is not None else _lines(given_bytes(str(file)))
    with writing(store) as repository:
        length = repository.append_log(
            session_id, log, entries, expected_length=expected_length, keep_last=keep_last
        )
    print_result({"length": length}, counted(length, "entry", "entries"), as_json=as_json)


def _lines(content: bytes) -> list[Any]:
    """The JSON documents of the lines of a file.

    Raises:
        BadParameter: if a line is not JSON.
    """
    entries = []
    for number, line in enumerate(text_of(content, "the content of --file").split("\n"), 1):
        if line.strip():
            try:
                entries.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                message = f"line {number} of --file is not JSON ({error})"
                raise typer.BadParameter(message) from error
    return entries


@app.command(cls=StoreCommand)
def pop(store: Store, session_id: SessionId, log: LogName, *, as_json: AsJson = False) -> None:
    """Remove the newest entry of a log and print its value as JSON."""
    with writing(store) as repository:
        value = repository.pop_log(session_id, log)
    print_result({"value": value}, json_line(value), as_json=as_json)


@app.command(cls=StoreCommand)
def trim(
    store: Store,
    session_id: SessionId,
    log: LogName,
    *,
    keep_last: Annotated[
        int | None, typer.Option(min=0, help="Keep the newest so many.", show_default=False)
    ] = None,
    before: Annotated[
        int | None,
        typer.Option(help="Drop the entries before this position.", show_default=False),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Drop the oldest entries of a log, given by --keep-last or --before."""
    if keep_last is None and before is None:
        message = "give --keep-last, --before or both"
        raise typer.BadParameter(message)
    confirm(f"Drop entries of the log {log} of {session_id}?", yes=yes)
    with writing(store) as repository:
        dropped = repository.trim_log(session_id, log, keep_last=keep_last, before=before)
    text = f"{counted(dropped, 'entry', 'entries')} dropped"
    print_result({"dropped": dropped}, text, as_json=as_json)


@app.command(cls=StoreCommand)
def delete(
    store: Store,
    session_id: SessionId,
    log: LogName,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a log with its entries."""
    confirm(f"Delete the log {log} of {session_id} with its entries?", yes=yes)
    with writing(store) as repository:
        if not repository.delete_log(session_id, log):
            raise LogNotFoundError(session_id, log)
    print_result({"deleted": log}, f"deleted {log}", as_json=as_json)
