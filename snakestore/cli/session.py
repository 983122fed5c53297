"""``snakestore session``: the commands about sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.console import is_terminal, print_json, print_json_list, print_line
from snakestore.cli.paging import Listing
from snakestore.cli.parameters import After, AsJson, AsTsv, Limit, Pattern, SessionId, Store
from snakestore.cli.records import session_record
from snakestore.cli.stores import StoreCommand, reading, session_in
from snakestore.cli.tables import cell, duration, print_table, time_text
from snakestore.cli.variables import VARIABLE_COLUMNS, variable_or_reason, variable_row

if TYPE_CHECKING:
    from snakestore import Session

app = new_app(GROUPS["session"].summary)


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
        listed = [
            {"name": name, "error": value} if isinstance(value, str) else value.to_dict()
            for name, value in variables.items()
        ]
        print_json(
            {
                "session": session_record(session),
                "variables": listed,
                "programs": programs,
                "logs": logs,
            }
        )
        return
    print_table(["session", session.id], list(_facts(session).items()))
    print_line()
    print_table(VARIABLE_COLUMNS, [variable_row(name, value) for name, value in variables.items()])
    for columns, rows in (
        (["program", "document"], [[key, cell(value)] for key, value in programs.items()]),
        (["log", "entries"], [[log, length] for log, length in logs.items()]),
    ):
        if rows:
            print_line()
            print_table(columns, rows)


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
        "metadata": cell(session.metadata),
    }
