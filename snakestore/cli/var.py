"""``snakestore var``: the commands about variables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snakestore.cli.commands import GROUPS, new_app
from snakestore.cli.console import json_line, print_json, print_line
from snakestore.cli.parameters import (
    AsJson,
    AsTsv,
    ExpectedVersion,
    Identifier,
    Limit,
    SessionId,
    Store,
)
from snakestore.cli.plots import series_of, terminal_plot, write_png
from snakestore.cli.stores import StoreCommand, reading, writing
from snakestore.cli.tables import cell, print_table, time_text

if TYPE_CHECKING:
    from snakestore import Variable

app = new_app(GROUPS["var"].summary)
VALUES_ARE_NO_OPTIONS = {"ignore_unknown_options": True}  # VALUE may be -5


@app.command(cls=StoreCommand)
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


@app.command(name="set", cls=StoreCommand, context_settings=VALUES_ARE_NO_OPTIONS)
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
    expected_version: ExpectedVersion = None,
) -> None:
    """Update a variable. The value is checked against its type and constraints."""
    document = _parsed(value)
    with writing(store) as repository:
        variable = repository.update_variable(
            session_id, identifier, document, expected_version=expected_version, source="cli"
        )
    print_line(f"version {variable.version}: {json_line(variable.value)}")


@app.command(cls=StoreCommand)
def history(  # noqa: PLR0913 - one for each option
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    *,
    limit: Limit = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the values on the terminal.")] = False,
    png: Annotated[
        str | None,
        typer.Option(metavar="IMAGE", help="Draw the values into a PNG file.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    as_tsv: AsTsv = False,
) -> None:
    """List the values of a variable: the current one, then past ones, newest first."""
    drawn = plot or png is not None
    if drawn and (as_json or as_tsv):
        message = "choose a drawing (--plot, --png) or a list (--json, --tsv)"
        raise typer.BadParameter(message)
    with reading(store) as snapshot:
        values = [
            snapshot.get_variable(session_id, identifier),
            *snapshot.variable_history(session_id, identifier, limit=limit),
        ]
    if drawn:
        _draw(values, plot=plot, png=png)
        return
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
                time_text(value.last_updated_at),
                value.metadata.get("source", ""),
            ]
            for value in values
        ],
        tsv=as_tsv,
    )


def _draw(values: list[Variable], *, plot: bool, png: str | None) -> None:
    series = series_of(values)
    if plot:
        typer.echo(terminal_plot(series))
    if png is not None:
        write_png(series, png)
        print_line(f"image written to {png}", err=True)


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        message = f"VALUE must be JSON. Text needs quotes: '\"fast\"' ({error})"
        raise typer.BadParameter(message) from error
