"""The ``snakestore`` command with its subcommands, and the exit codes of errors."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Annotated, Any, TextIO

import typer
from typer.completion import get_completion_inspect_parameters

from snakestore import __version__
from snakestore.cli import INTERRUPTED
from snakestore.cli.commands import LazyGroup
from snakestore.cli.console import print_line
from snakestore.cli.stores import db_option
from snakestore.errors import SnakeStoreError
from snakestore.escapes import escaped

# typer contains a copy of click in some releases and imports it in others
_UsageError: Any = typer.BadParameter.__bases__[0]

NAME = "snakestore"
COMPLETE_VARIABLE = "_SNAKESTORE_COMPLETE"
"""Scripts of shells ask for completions in this variable."""
_URL = r"(:/|password=).*"


@contextmanager
def _escaped_usage_errors() -> Iterator[None]:
    """Escape the message of an error that typer prints, and hide a URL: it may have a password."""
    try:
        yield
    except _UsageError as error:
        # without arguments, the message is the help of the command
        if error.ctx is None or error.message != error.ctx.get_help():
            error.message = escaped(
                re.sub(_URL, r"\1...", error.message, flags=re.DOTALL | re.IGNORECASE)
            )
        raise


@contextmanager
def _closed_pipes() -> Iterator[None]:
    """Exit with 0 if the reader of the output has closed the pipe: it has what it wanted."""
    try:
        yield
    except BrokenPipeError as error:
        _discard(sys.stdout, sys.stderr)
        raise typer.Exit from error


def _discard(*streams: TextIO) -> None:
    """Write nothing more to streams. What is still buffered would be written at exit, and fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _discard_unwritable() -> None:
    """Write nothing more to the output if that fails, as where the disk is full."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard(sys.stdout)


@contextmanager
def _reported_errors() -> Iterator[None]:
    """Print an error of snakestore or of the system as one line on stderr, and exit with 1."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, SnakeStoreError, OSError) as error:
        from snakestore.cli.advice import print_message  # noqa: PLC0415 - --version needs none

        interrupted = isinstance(error, KeyboardInterrupt)
        print_message("interrupted" if interrupted else _message_of(error))
        _discard_unwritable()
        raise typer.Exit(INTERRUPTED if interrupted else 1) from error


class _Commands(LazyGroup):
    """The command. Errors of snakestore and of the system are one line on stderr, exit code 1."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.params.insert(0, db_option())

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse the arguments."""
        with _closed_pipes(), _reported_errors(), _escaped_usage_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        from snakestore.cli.logged import printed_warnings  # noqa: PLC0415 - --version needs none

        with _closed_pipes(), _reported_errors(), printed_warnings(), _escaped_usage_errors():
            return super().invoke(ctx)


def _message_of(error: BaseException) -> str:
    """The message of an error, of the system's without its number."""
    if isinstance(error, OSError) and error.strerror:
        name = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return f"{name}{error.strerror}"
    return str(error)


app = typer.Typer(
    name=NAME,
    cls=_Commands,
    help="Inspect, change, back up and migrate stores of snakestore.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:  # noqa: FBT001 - typer passes it by position
    if requested:
        print_line(__version__)
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
    """Options before the subcommand."""


def run() -> None:
    """Run the command and exit.

    The status is 0 for success, 1 refused (stderr says why), 2 wrong usage and 130 interrupted.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until exit
        elif isinstance(stream, TextIOWrapper):
            # a terminal that cannot show an emoji shows its escape
            stream.reconfigure(errors="backslashreplace")
    if COMPLETE_VARIABLE in os.environ:
        get_completion_inspect_parameters()  # it registers the shells
    app(prog_name=NAME)
