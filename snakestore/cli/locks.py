"""The commands lock, claim and unlock of ``snakestore var``: the optimisation of a variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from snakestore.cli.console import print_line, print_result
from snakestore.cli.parameters import AsJson, Identifier, Optimizer, SessionId, Store
from snakestore.cli.stores import writing
from snakestore.cli.tables import time_text
from snakestore.cli.values import parsed_seconds

if TYPE_CHECKING:
    from snakestore import Variable

Holder = Annotated[str, typer.Option("--as", metavar="ID", help="The id of the optimiser.")]
Lease = Annotated[
    str,
    typer.Option("--seconds", metavar="N", help="For how long, or 'none': until it is unlocked."),
]
Pid = Annotated[
    str | None, typer.Option("--pid", help="The optimiser's process.", show_default=False)
]


def lock(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    *,
    holder: Holder,
    seconds: Lease = "none",
    pid: Pid = None,
    as_json: AsJson = False,
) -> None:
    """Hold a variable as an optimiser, or renew that: only the holder can write it."""
    lease = parsed_seconds(seconds, "--seconds")
    with writing(store) as repository:
        variable = repository.start_optimization(session_id, identifier, holder, pid, lease=lease)
    _print_holder(variable, as_json=as_json)


def claim(
    store: Store,
    session_id: SessionId,
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="Names to choose from. * matches any run of characters.",
            show_default=False,
        ),
    ],
    *,
    holder: Holder,
    seconds: Lease = "none",
    pid: Pid = None,
    as_json: AsJson = False,
) -> None:
    """Hold the first matching variable that nobody holds. The exit code is 1 if there is none."""
    lease = parsed_seconds(seconds, "--seconds")
    with writing(store) as repository:
        variable = repository.claim_variable(session_id, pattern, holder, pid, lease=lease)
    if variable is None:
        print_line(f"snakestore: no variable that matches {pattern} is free", err=True)
        raise typer.Exit(1)
    _print_holder(variable, as_json=as_json)


def unlock(
    store: Store,
    session_id: SessionId,
    identifier: Identifier,
    *,
    optimizer: Optimizer = None,
    as_json: AsJson = False,
) -> None:
    """End the optimisation of a variable. With --as, only if this optimiser holds it."""
    with writing(store) as repository:
        variable = repository.end_optimization(session_id, identifier, optimizer)
    _print_holder(variable, as_json=as_json)


def _print_holder(variable: Variable, *, as_json: bool) -> None:
    status = variable.optimization_status
    until = "it is unlocked" if status.expires_at is None else time_text(status.expires_at)
    text = (
        f"{variable.name} is held by {status.optimizer_id} until {until}"
        if status.optimizing
        else f"{variable.name} is free"
    )
    print_result(variable.to_dict(), text, as_json=as_json)
