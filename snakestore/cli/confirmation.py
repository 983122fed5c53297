"""Ask before something is deleted."""

from __future__ import annotations

import sys

import typer

from snakestore.cli import INTERRUPTED
from snakestore.cli.console import print_line
from snakestore.escapes import escaped

WRONG_USAGE = 2


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal, and go on only after a yes. Elsewhere ``--yes`` is required.

    Raises:
        Exit: with 1, if the answer is no; with 2, if there is no terminal; with 130, if the
            question is interrupted.
    """
    if yes:
        return
    # the caller may have closed stdin
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        print_line(f"snakestore: {question} There is no terminal to ask on: pass --yes.", err=True)
        raise typer.Exit(WRONG_USAGE)
    try:
        agreed = typer.confirm(escaped(question), err=True)
    except typer.Abort as error:  # Ctrl-C, or the end of the input
        raise typer.Exit(INTERRUPTED) from error
    if not agreed:
        raise typer.Exit(1)
