"""The ``snakestore`` command: parse the arguments, call one method of the library, print.

Read ``app`` first, then ``commands``: the table of all commands. ``stores`` opens the store that
a command names. ``console`` and ``tables`` print, ``paging`` lists, ``parameters`` has what several
commands take. Then one module per group of commands: ``session``, ``var``, ``db``; ``maintenance``
and ``transfer`` have the commands about the whole store.
"""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""What shells call the status of a process that SIGINT has ended: 128 + 2."""


def main() -> None:
    """Run the ``snakestore`` command with the arguments of the process, and exit."""
    try:
        # the demo's workers import this package too
        from snakestore.cli.app import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:  # before or after a command, which reports it itself
        sys.exit(INTERRUPTED)
