"""The command line: parse, call one verb, print."""

from __future__ import annotations


def main() -> None:
    """Run the ``snakestore`` command with the arguments of the process; exits with its code."""
    from snakestore.cli.app import run  # noqa: PLC0415 - the demo's workers import this package anew, and have no use for typer and rich

    run()
