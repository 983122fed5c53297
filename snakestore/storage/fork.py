"""Connections that may not be closed, and are left alone until the process is gone."""

from __future__ import annotations

import os
import sys

generation = 0
"""How many forks lie between this process and the first: a connection of an earlier one is the
parent's.
"""


def _load() -> None:
    # before the fork: in the child, an import may wait for a thread that only the parent has
    import ctypes  # noqa: F401, PLC0415 - a start can do without


def _born() -> None:
    global generation  # noqa: PLW0603 - one count a process
    generation += 1


os.register_at_fork(before=_load, after_in_child=_born)


def leak_deliberately(held: object) -> None:
    """Keep ``held`` and all that it refers to until the process is gone, past the interpreter's own clean-up.

    For a forked child: to close the parent's connection there, or to have it collected, would undo
    the parent's transaction in the shared log of SQLite, or end the parent's connection to the
    server. And for a file that was replaced: to close it would delete the log of that name, which
    is the new file's.
    """
    if sys.implementation.name == "cpython":
        import ctypes  # noqa: PLC0415 - rarely needed, and it takes as long to load as ten modules of ours

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    _kept.append(held)


_kept: list[object] = []
