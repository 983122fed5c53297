"""The ``snakestore`` command: parse the arguments, call one method of the library, print.

Read ``app`` first: the command and its subcommands. ``stores`` opens the store that a command
names, ``console`` prints. Then one module per group of commands: ``read``, ``write``,
``maintenance``, ``transfer``, ``db`` and ``demo``.
"""

from __future__ import annotations


def main() -> None:
    """Run the ``snakestore`` command with the arguments of the process, and exit."""
    from snakestore.cli.app import run  # noqa: PLC0415 - the demo's workers import this package too

    run()
