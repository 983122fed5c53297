"""The commands that change a store: set, sweep."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from snakestore.cli.console import json_line, print_line
from snakestore.cli.read import Identifier, SessionId
from snakestore.cli.stores import Store, StoreCommand, writing


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    settings = {"ignore_unknown_options": True}  # VALUE may be -5
    app.command(name="set", cls=StoreCommand, context_settings=settings)(set_)
    app.command(cls=StoreCommand)(sweep)


def set_(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    value: Annotated[
        str,
        typer.Argument(
            metavar="VALUE",
            help="The new value as JSON. Text needs quotes: '\"fast\"'.",
            show_default=False,
        ),
    ],
    expected_version: Annotated[
        int | None,
        typer.Option(
            "--expected-version",
            help="Fail if the variable is at another version.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Update a variable. The value is checked against its type and constraints."""
    document = _parsed(value)
    with writing(store) as repository:
        variable = repository.update_variable(
            session_id, identifier, document, expected_version=expected_version, source="cli"
        )
    print_line(f"version {variable.version}: {json_line(variable.value)}")


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


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        message = f"VALUE must be JSON. Text needs quotes: '\"fast\"' ({error})"
        raise typer.BadParameter(message) from error
