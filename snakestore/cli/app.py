"""The ``snakestore`` command: its groups of verbs, put together, and the one place where an error becomes an exit code."""

from __future__ import annotations

import errno
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from snakestore import __version__
from snakestore.cli import db, demo, maintenance, read, transfer, write
from snakestore.cli.console import plain
from snakestore.errors import SnakeStoreError


class _Commands(TyperGroup):
    """The verbs; an error of snakestore's, or of the system's, is told in one line on stderr, with exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SnakeStoreError as error:
            typer.echo(f"snakestore: {plain(str(error))}", err=True)
            raise typer.Exit(1) from error
        except OSError as error:
            if (
                error.errno == errno.EPIPE
            ):  # whoever reads has seen enough, which typer ends quietly
                raise
            typer.echo(f"snakestore: {plain(str(error))}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    name="snakestore",
    cls=_Commands,
    help="A durable home for the state of LLM programs: look into a store, change it, migrate it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (demo, read, write, maintenance, transfer):
    group.add_to(app)
app.add_typer(db.app, name="db")


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Hold the options that come before the verb."""


def run() -> None:
    """Run the command and exit: 0 done, 1 refused (told on stderr), 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                errors="backslashreplace"
            )  # an emoji in a name is no reason to fail on a terminal without emoji
    app()
