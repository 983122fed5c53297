"""The commands history and rollback of ``snakestore var``: the versions of a variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from snakestore.cli.console import json_line, print_json, print_line
from snakestore.cli.parameters import (
    AsJson,
    AsTsv,
    ExpectedVersion,
    Identifier,
    Limit,
    Optimizer,
    Reason,
    SessionId,
    Store,
    VersionNumber,
)
from snakestore.cli.plots import series_of, terminal_plot, write_png
from snakestore.cli.stores import check_is_not_store, reading, writing
from snakestore.cli.tables import print_table, time_text
from snakestore.cli.variables import print_version, shown_value

if TYPE_CHECKING:
    from snakestore import Variable


def history(
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
    if png is not None:
        check_is_not_store(store, png)
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
        ["version", "value", "type", "written", "source", "reason"],
        [
            [
                value.version,
                json_line(shown_value(value)),
                value.type,
                time_text(value.last_updated_at),
                value.metadata.get("source", ""),
                _reason(value),
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


def _reason(variable: Variable) -> str:
    """Why this version was rolled back to, if it was."""
    rolled_back = variable.metadata.get("source") == "rollback"
    return str(variable.metadata.get("reason") or "") if rolled_back else ""


def rollback(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    version: VersionNumber,
    *,
    expected_version: ExpectedVersion = None,
    reason: Reason = None,
    optimizer: Optimizer = None,
    as_json: AsJson = False,
) -> None:
    """Store the value of an earlier version as a new version."""
    with writing(store) as repository:
        variable = repository.rollback_variable(
            session_id,
            identifier,
            version,
            expected_version=expected_version,
            reason=reason,
            optimizer_id=optimizer,
        )
    print_version(variable, as_json=as_json)
