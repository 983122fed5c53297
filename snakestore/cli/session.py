"""``snakestore session``: the commands about sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.confirmation import confirm
from snakestore.cli.console import (
    is_terminal,
    json_line,
    print_json,
    print_json_list,
    print_line,
    print_result,
)
from snakestore.cli.paging import Listing
from snakestore.cli.parameters import (
    After,
    AsJson,
    AsTsv,
    Limit,
    Metadata,
    Pattern,
    Seconds,
    SessionId,
    Store,
    Yes,
)
from snakestore.cli.progress import progress
from snakestore.cli.records import session_record
from snakestore.cli.stores import StoreCommand, reading, session_in, writing
from snakestore.cli.tables import duration, print_table, time_text
from snakestore.cli.values import parsed_count, parsed_object, parsed_seconds
from snakestore.cli.variables import (
    VARIABLE_COLUMNS,
    variable_or_reason,
    variable_record,
    variable_row,
)
from snakestore.errors import SessionNotFoundError

if TYPE_CHECKING:
    from snakestore import Session

app = new_app(GROUPS["session"].summary)

Worker = Annotated[
    str | None, typer.Option("--worker", help="The worker that uses it.", show_default=False)
]
History = Annotated[
    str | None,
    typer.Option(
        "--history", metavar="N", help="Past versions to keep, or 'all'.", show_default=False
    ),
]


@app.command(name="list", cls=StoreCommand)
def list_(
    store: Store,
    pattern: Pattern = None,
    *,
    expired: Annotated[
        bool, typer.Option("--expired", help="Include expired sessions that are not deleted yet.")
    ] = False,
    limit: Limit = None,
    after: After = None,
    as_json: AsJson = False,
    as_tsv: AsTsv = False,
) -> None:
    """List the sessions, ordered by id."""
    with reading(store) as snapshot:
        sessions = Listing(
            lambda last, size: snapshot.list_sessions(
                pattern, limit=size, after=last, include_expired=expired
            ),
            lambda session: session.id,
            limit=limit,
            after=after,
            whole=as_json or as_tsv,
        )
        if as_json:
            print_json_list(session_record(session) for session in sessions)
        elif is_terminal() and not as_tsv:
            now = datetime.now(UTC)
            print_table(
                ["session", "variables", "programs", "updates", "idle", "expires in"],
                ([session.id, *_counts(session), *_ages(session, now)] for session in sessions),
            )
            sessions.print_rest()
        else:
            print_table(
                ["session", "variables", "programs", "updates", "last accessed", "expires"],
                (
                    [
                        session.id,
                        *_counts(session),
                        time_text(session.last_accessed),
                        time_text(session.expires_at),
                    ]
                    for session in sessions
                ),
                tsv=as_tsv,
            )


@app.command(cls=StoreCommand)
def show(store: Store, session_id: SessionId, *, as_json: AsJson = False) -> None:
    """Show a session with its variables, programs and logs."""
    with reading(store) as snapshot:
        session = session_in(snapshot, session_id)
        variables = {
            name: variable_or_reason(snapshot, session_id, name)
            for name in snapshot.variable_names(session_id)
        }
        programs = snapshot.get_programs(session_id)
        logs = {log: snapshot.log_length(session_id, log) for log in snapshot.list_logs(session_id)}
    if as_json:
        print_json(
            {
                "session": session_record(session),
                "variables": [variable_record(name, value) for name, value in variables.items()],
                "programs": programs,
                "logs": logs,
            }
        )
        return
    print_table(["session", session.id], list(_facts(session).items()))
    print_line()
    print_table(VARIABLE_COLUMNS, [variable_row(name, value) for name, value in variables.items()])
    for columns, rows in (
        (["program", "document"], [[key, json_line(value)] for key, value in programs.items()]),
        (["log", "entries"], [[log, length] for log, length in logs.items()]),
    ):
        if rows:
            print_line()
            print_table(columns, rows)


@app.command(cls=StoreCommand)
def create(
    store: Store,
    session_id: Annotated[
        str | None,
        typer.Argument(metavar="SESSION", help="The id of the session; left out with --new-id."),
    ] = None,
    *,
    new_id: Annotated[bool, typer.Option("--new-id", help="Create a unique id.")] = False,
    ttl: Seconds = None,
    metadata: Metadata = None,
    worker: Worker = None,
    history: History = None,
    exist_ok: Annotated[
        bool, typer.Option("--exist-ok", help="Take the session that there is, if there is one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a session, and print its id. --json prints the session."""
    if (session_id is None) != new_id:
        message = "give either SESSION or --new-id"
        raise typer.BadParameter(message)
    given = _given(ttl, history)
    document = parsed_object(metadata, "--metadata")
    with writing(store) as repository:
        session = repository.create_session(
            session_id, metadata=document, worker_id=worker, exist_ok=exist_ok, **given
        )
    _print_session(session, as_json=as_json)


@app.command(cls=StoreCommand)
def update(
    store: Store,
    session_id: SessionId,
    *,
    ttl: Seconds = None,
    metadata: Metadata = None,
    replace_metadata: Annotated[
        bool, typer.Option("--replace-metadata", help="Do not merge it with the present one.")
    ] = False,
    worker: Worker = None,
    history: History = None,
    as_json: AsJson = False,
) -> None:
    """Change the ttl, metadata, worker or history of a session."""
    given = _given(ttl, history)
    if worker is not None:
        given["worker_id"] = worker
    if metadata is not None:
        given["metadata"] = parsed_object(metadata, "--metadata")
        given["replace_metadata"] = replace_metadata
    with writing(store) as repository:
        session = repository.update_session(session_id, **given)
    _print_session(session, as_json=as_json)


@app.command(cls=StoreCommand)
def touch(
    store: Store, session_id: SessionId, *, worker: Worker = None, as_json: AsJson = False
) -> None:
    """Record an access, so that the idle time of a session starts again."""
    with writing(store) as repository:
        session = repository.touch(session_id, worker_id=worker)
    _print_session(session, as_json=as_json)


@app.command(cls=StoreCommand)
def revive(
    store: Store, session_id: SessionId, *, ttl: Seconds = None, as_json: AsJson = False
) -> None:
    """Bring back an expired session that no sweep has deleted."""
    with writing(store) as repository:
        session = repository.revive_session(session_id, **_given(ttl, None))
    _print_session(session, as_json=as_json)


@app.command(cls=StoreCommand)
def delete(
    store: Store, session_id: SessionId, *, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Delete a session with its variables, programs, logs and their history."""
    confirm(f"Delete the session {session_id} with all that it holds?", yes=yes)
    with writing(store) as repository, progress("deleting", "rows"):
        if not repository.delete_session(session_id):
            raise SessionNotFoundError(session_id)
    print_result({"deleted": session_id}, f"deleted {session_id}", as_json=as_json)


def _given(ttl: str | None, history: str | None) -> dict[str, Any]:
    """The arguments for the options that are given."""
    given: dict[str, Any] = {}
    if ttl is not None:
        given["ttl"] = parsed_seconds(ttl, "--ttl")
    if history is not None:
        given["history"] = None if history == "all" else parsed_count(history, "--history")
    return given


def _print_session(session: Session, *, as_json: bool) -> None:
    print_result(session_record(session), session.id, as_json=as_json)


def _counts(session: Session) -> list[int]:
    stats = session.stats
    return [stats.variable_count, stats.program_count, stats.total_variable_updates]


def _ages(session: Session, now: datetime) -> list[str]:
    """How long the session was idle, and the time until it expires."""
    idle = duration(session.time_since_access(now))
    if session.expires_at is None:
        return [idle, "never"]
    left = (session.expires_at - now).total_seconds()
    return [idle, "expired" if left < 0 else duration(left)]


def _facts(session: Session) -> dict[str, str]:
    return {
        "created": time_text(session.created_at),
        "last accessed": time_text(session.last_accessed),
        "expires": time_text(session.expires_at),
        "last worker": session.last_worker_id or "",
        "updates": str(session.stats.total_variable_updates),
        "metadata": json_line(session.metadata),
    }
