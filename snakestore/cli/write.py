"""The verbs that change what a store holds: set, sweep."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from snakestore.cli.console import json_line
from snakestore.cli.read import Identifier, SessionId
from snakestore.cli.stores import Store, StoreCommand, writing


def add_to(app: typer.Typer) -> None:
    """Give ``app`` these verbs."""
    app.command(name="set", cls=StoreCommand, context_settings={"ignore_unknown_options": True})(
        set_
    )  # a VALUE may be -5
    app.command(cls=StoreCommand)(sweep)


def set_(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    value: Annotated[
        str,
        typer.Argument(
            metavar="VALUE",
            help="The new value as JSON; text needs its quotes: '\"fast\"'.",
            show_default=False,
        ),
    ],
    expected_version: Annotated[
        int | None,
        typer.Option(
            "--expected-version",
            help="Only if the variable is still at this version.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Give a variable a new value, checked against its type and constraints."""
    document = _parsed(value)
    with writing(store) as repository:
        variable = repository.update_variable(
            session_id, identifier, document, expected_version=expected_version, source="cli"
        )
    typer.echo(f"version {variable.version}: {json_line(variable.value)}")


def sweep(
    store: Store,
    limit: Annotated[
        int | None, typer.Option(min=0, help="At most so many sessions.", show_default=False)
    ] = None,
) -> None:
    """Delete the sessions that have expired."""
    with writing(store) as repository:
        deleted = repository.delete_expired(limit)
    typer.echo(f"{deleted} expired {'session' if deleted == 1 else 'sessions'} deleted")


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        message = f"VALUE must be JSON; text needs its quotes, as in '\"fast\"' ({error})"
        raise typer.BadParameter(message) from error
