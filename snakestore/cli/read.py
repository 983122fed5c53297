"""The commands that only read: sessions, show, get, history, stats."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Annotated, Any

import typer

from snakestore import Session, SessionRepository, Variable
from snakestore.cli.console import cell, json_line, print_json, print_line, print_table
from snakestore.cli.stores import AsJson, Store, StoreCommand, reading, session_in
from snakestore.errors import CorruptStoreError, UnknownTypeError

SessionId = Annotated[
    str, typer.Argument(metavar="SESSION", help="The id of the session.", show_default=False)
]
Identifier = Annotated[
    str, typer.Argument(metavar="NAME", help="The name or id of the variable.", show_default=False)
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    for function in (sessions, show, get, history, stats):
        app.command(cls=StoreCommand)(function)


def sessions(
    store: Store,
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            help="List only matching ids. * matches any run of characters.",
            show_default=False,
        ),
    ] = None,
    *,
    expired: Annotated[
        bool, typer.Option("--expired", help="Include expired sessions that are not deleted yet.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=0, help="List at most this many.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the sessions."""
    with reading(store) as snapshot:
        found = snapshot.list_sessions(pattern, limit=limit, include_expired=expired)
    if as_json:
        print_json([session_record(session) for session in found])
        return
    print_table(
        ["session", "variables", "programs", "updates", "last accessed", "expires"],
        [
            [
                session.id,
                session.stats.variable_count,
                session.stats.program_count,
                session.stats.total_variable_updates,
                _time_text(session.last_accessed),
                _time_text(session.expires_at),
            ]
            for session in found
        ],
    )


def show(store: Store, session_id: SessionId, *, as_json: AsJson = False) -> None:
    """Show a session with its variables and programs."""
    with reading(store) as snapshot:
        session = session_in(snapshot, session_id)
        variables = {
            name: _variable_or_reason(snapshot, session_id, name)
            for name in snapshot.variable_names(session_id)
        }
        programs = snapshot.get_programs(session_id)
    if as_json:
        listed = [
            value.to_dict() if isinstance(value, Variable) else {"name": name, "error": value}
            for name, value in variables.items()
        ]
        print_json({"session": session_record(session), "variables": listed, "programs": programs})
        return
    print_table(
        ["session", session.id], [[name, text] for name, text in _session_rows(session).items()]
    )
    print_line()
    print_table(
        ["variable", "type", "value", "version", "updated", "optimised by"],
        [_row(name, value) for name, value in variables.items()],
    )
    if programs:
        print_line()
        print_table(
            ["program", "document"],
            [[program_id, cell(document)] for program_id, document in programs.items()],
        )


def get(
    store: Store, session_id: SessionId, identifier: Identifier, *, as_json: AsJson = False
) -> None:
    """Print the value of a variable as JSON. --json prints the whole variable."""
    with reading(store) as snapshot:
        variable = snapshot.get_variable(session_id, identifier)
    if as_json:
        print_json(variable.to_dict())
    else:
        print_line(json_line(variable.value))


def history(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    *,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="List at most this many past values.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the values of a variable: the current one, then past ones, newest first."""
    with reading(store) as snapshot:
        values = [
            snapshot.get_variable(session_id, identifier),
            *snapshot.variable_history(session_id, identifier, limit=limit),
        ]
    if as_json:
        print_json([value.to_dict() for value in values])
        return
    print_table(
        ["version", "value", "type", "written", "source"],
        [
            [
                value.version,
                cell(value.value),
                value.type,
                _time_text(value.last_updated_at),
                value.metadata.get("source", ""),
            ]
            for value in values
        ],
    )


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


def session_record(session: Session) -> dict[str, Any]:
    """The session as JSON-serialisable data; times are ISO 8601 text."""
    return {
        "id": session.id,
        "created_at": session.created_at.isoformat(),
        "last_accessed": session.last_accessed.isoformat(),
        "ttl": session.ttl,
        "expires_at": None if session.expires_at is None else session.expires_at.isoformat(),
        "last_worker_id": session.last_worker_id,
        "metadata": session.metadata,
        "variable_count": session.stats.variable_count,
        "program_count": session.stats.program_count,
        "total_variable_updates": session.stats.total_variable_updates,
    }


def _session_rows(session: Session) -> dict[str, str]:
    return {
        "created": _time_text(session.created_at),
        "last accessed": _time_text(session.last_accessed),
        "expires": _time_text(session.expires_at),
        "last worker": session.last_worker_id or "",
        "updates": str(session.stats.total_variable_updates),
        "metadata": cell(session.metadata),
    }


def _variable_or_reason(snapshot: SessionRepository, session_id: str, name: str) -> Variable | str:
    """The variable, or the reason why it cannot be read."""
    try:
        return snapshot.get_variable(session_id, name)
    except (UnknownTypeError, CorruptStoreError) as error:
        return str(error)


def _row(name: str, value: Variable | str) -> list[object]:
    if isinstance(value, str):
        return [name, "", value, "", "", ""]
    return [
        name,
        value.type,
        cell(value.value),
        value.version,
        _time_text(value.last_updated_at),
        value.optimization_status.optimizer_id or "",
    ]


def _time_text(when: datetime | None) -> str:
    return "never" if when is None else f"{when:%Y-%m-%d %H:%M:%S}Z"
