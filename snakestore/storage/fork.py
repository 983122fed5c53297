"""Fork safety: what a forked child inherits, and what it does with it.

This is the only place with hooks at a fork. In the child,

- ``depth`` grows by one, by which a connection tells that it was made by a parent;
- connections of engines and of repositories are dropped without being closed: using one would
  share a file position and locks, and closing one would roll back the parent's transaction, delete
  its write-ahead log or end its session on the server;
- a database in memory is copied with the process, so its connection stays in use;
- locks are free again, for the thread that held one is only in the parent.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

depth = 0
"""How many forks lie between this process and the first."""


class Inherited(Protocol):
    """What a forked child must not go on using as it is."""

    def forget_parent(self) -> None:
        """In the child: drop the parent's connections without closing them."""


_inherited: weakref.WeakSet[Inherited] = weakref.WeakSet()
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_leaked: list[object] = []


def register(inherited: Inherited) -> None:
    """Have ``forget_parent`` called in every forked child, as long as the object lives."""
    _inherited.add(inherited)


def register_engine(engine: Engine) -> None:
    """Have the connections of an engine's pool dropped in every forked child."""
    _engines.add(engine)


class ForkSafeLock:
    """A lock that a forked child finds free, whichever thread held it at the fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        register(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock in the block."""
        with self._lock:
            yield

    def forget_parent(self) -> None:
        """Replace the lock."""
        self._lock = threading.Lock()


def leak_deliberately(leaked: object) -> None:
    """Keep an object and all it refers to until the process ends, without ever closing it.

    It is kept even when the interpreter shuts down. For connections that must not be closed: those
    of a parent process, and those to a replaced file, whose closing would delete the new file's
    log.
    """
    if sys.implementation.name == "cpython":
        import ctypes  # noqa: PLC0415 - rarely needed, and slow to load

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(leaked))
    _leaked.append(leaked)


def _before_fork() -> None:
    # in the child, an import may wait for a thread that only the parent has
    import ctypes  # noqa: F401, PLC0415 - slow to load


def _in_child() -> None:
    global depth  # noqa: PLW0603 - one number for the process
    depth += 1
    for inherited in list(_inherited):
        inherited.forget_parent()
    for engine in list(_engines):
        if not isinstance(engine.pool, StaticPool):
            leak_deliberately(engine.pool)
            engine.dispose(close=False)


os.register_at_fork(before=_before_fork, after_in_child=_in_child)
