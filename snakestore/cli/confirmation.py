"""Ask before something is deleted."""

from __future__ import annotations

import sys

import typer

from snakestore.cli.console import escaped, print_line

WRONG_USAGE = 2


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal, and go on only after a yes. Elsewhere ``--yes`` is required.

    Raises:
        Exit: with 1, if the answer is not yes; with 2, if there is no terminal.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        print_line(f"snakestore: {question} Nobody can answer here: pass --yes.", err=True)
        raise typer.Exit(WRONG_USAGE)
    if not typer.confirm(escaped(question), err=True):
        raise typer.Exit(1)
