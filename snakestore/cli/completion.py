"""Completion of session ids and names in the shell.

Those of a file are read by ``file_names``, because loading the library takes longer than one waits
for a completion. After an error, nothing is completed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from snakestore.cli import file_names
from snakestore.errors import SnakeStoreError

if TYPE_CHECKING:
    from snakestore import SessionRepository

MAX_NAMES = 100
"""Names that are offered at most."""


def session_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The session ids that start with the word."""
    return _completed(
        ctx,
        incomplete,
        "sessions",
        lambda snapshot, _sid: [
            session.id
            for session in snapshot.list_sessions(
                f"{incomplete}*", limit=MAX_NAMES, include_expired=True
            )
        ],
    )


def variable_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of variables that start with the word."""
    return _completed(
        ctx,
        incomplete,
        "variables",
        lambda snapshot, sid: snapshot.variable_names(sid, prefix=incomplete, limit=MAX_NAMES),
    )


def program_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ids of programs that start with the word."""
    return _completed(
        ctx,
        incomplete,
        "programs",
        lambda snapshot, sid: snapshot.program_ids(sid, prefix=incomplete, limit=MAX_NAMES),
    )


def log_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of logs that start with the word."""
    return _completed(
        ctx,
        incomplete,
        "logs",
        lambda snapshot, sid: snapshot.list_logs(sid, f"{incomplete}*")[:MAX_NAMES],
    )


def _completed(
    ctx: typer.Context,
    incomplete: str,
    kind: str,
    listed: Callable[[SessionRepository, str], list[str]],
) -> list[str]:
    store, sid = str(ctx.params.get("store") or ""), str(ctx.params.get("session_id") or "")
    try:
        if file_names.is_file(store):
            return list(_printable(file_names.names(store, kind, sid, incomplete, MAX_NAMES)))
        return list(_printable(_of_server(store, sid, listed)))
    except (SnakeStoreError, OSError):
        return []


def _printable(names: list[str]) -> Iterator[str]:
    """The names that a shell can show as they are."""
    return (name for name in names if name.isprintable())


def _of_server(
    store: str, sid: str, listed: Callable[[SessionRepository, str], list[str]]
) -> list[str]:
    from snakestore.cli.stores import reading  # noqa: PLC0415 - it imports this module's users

    with reading(store) as snapshot:
        return listed(snapshot, sid)
