"""Fork safety: what is closed before a fork, and what a forked child must not use.

SQLite keeps the locks of a file in a table of the process, by device and inode. A forked child gets
a copy of that table, but the operating system's locks stay the parent's. If a file is open at the
fork, no connection of the child to it takes a real lock, not even a new one, and acknowledged
writes are lost.

So idle connections are closed before the fork, and methods of other threads are waited for. A file
that is in use even then is refused in the child, until it executes another program.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Engine
from sqlalchemy.pool import StaticPool

from snakestore.errors import StoreError

MAX_WAIT = 0.1
"""How long a fork waits for methods of other threads, in seconds."""
_PAUSE = 0.001
_DESCRIPTORS = "/proc/self/fd"

FileId = tuple[int, int]
"""Device and inode."""
T = TypeVar("T")

_logger = logging.getLogger("snakestore.fork")

depth = 0
"""How many forks lie between the first process and this one."""


class WeakRegistry(Generic[T]):
    """Objects by weak reference; it can be iterated over while other threads add to it."""

    def __init__(self) -> None:
        self._references: dict[int, weakref.ref[T]] = {}

    def add(self, item: T) -> None:
        """Add an object, which is removed when it is collected."""
        key = id(item)
        self._references[key] = weakref.ref(item, lambda _: self._references.pop(key, None))

    def discard(self, item: T) -> None:
        """Remove an object, if it is there."""
        self._references.pop(id(item), None)

    def __contains__(self, item: T) -> bool:
        return id(item) in self._references

    def __iter__(self) -> Iterator[T]:
        found = [reference() for reference in list(self._references.values())]
        return (item for item in found if item is not None)

    def __len__(self) -> int:
        return len(self._references)


class Participant:
    """An owner of connections or locks, which is called before and after each fork."""

    def before_fork(self) -> None:
        """Give out no connections, and close idle ones. Called repeatedly before one fork."""

    def busy(self) -> bool:
        """Whether the fork waits briefly, because another thread uses a connection."""
        return False

    def after_fork_in_parent(self) -> None:
        """Give out connections again."""

    def after_fork_in_child(self) -> None:
        """Drop the connections and locks of the parent, and give out new ones."""


class ForkSafeLock(Participant):
    """A lock that a forked child finds free, whichever thread held it at the fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        register(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock in the block."""
        with self._lock:
            yield

    def after_fork_in_child(self) -> None:
        """Replace the lock."""
        self._lock = threading.Lock()


class TrackedConnection(Protocol):
    """A connection that must not be used in a forked child."""

    file_id: FileId | None
    """The file that it has open; None on a server."""

    def abandon(self) -> None:
        """In a forked child: refuse to be used from here on, without a word to the database."""


_participants: WeakRegistry[Participant] = WeakRegistry()
_engines: WeakRegistry[Engine] = WeakRegistry()
_connections: WeakRegistry[TrackedConnection] = WeakRegistry()
_inherited_files: set[FileId] = set()
_leaked: list[object] = []


def register(participant: Participant) -> None:
    """Call ``participant`` at each fork, for as long as it exists."""
    _participants.add(participant)


def register_engine(engine: Engine) -> None:
    """Close the idle connections of an engine before each fork; its pool has no upper limit."""
    _engines.add(engine)


def track(connection: TrackedConnection) -> None:
    """Abandon ``connection`` in a child that is forked while it is open, and refuse its file."""
    _connections.add(connection)


def untrack(connection: TrackedConnection) -> None:
    """Forget a connection that was closed."""
    _connections.discard(connection)


def file_id(path: str) -> FileId | None:
    """Device and inode of a file; None if there is no such file."""
    try:
        found = os.stat(path)
    except OSError as error:
        if error.errno is None:  # not the system's, but a signal handler's TimeoutError
            raise
        return None
    return found.st_dev, found.st_ino


def check_file(path: str) -> None:
    """Check that this process may open the file.

    Raises:
        StoreError: the file was in use when this process was forked.
    """
    if _inherited_files and file_id(path) in _inherited_files:
        raise refusal(path)


_REMEDY = (
    "Start worker processes with spawn or forkserver, or fork while no thread or transaction uses"
    " the store."
)


def refusal(database: str) -> StoreError:
    """The error for a database that a forked child must not use."""
    return StoreError(
        f"{database} was in use in the parent process when this process was forked. SQLite's locks"
        f" do not work here, and writes would be lost. {_REMEDY}"
    )


def transaction_refusal() -> StoreError:
    """The error for a transaction that a forked child must not go on with."""
    return StoreError(
        "this transaction was begun by the parent of this forked process, which alone can go on"
        f" with it. {_REMEDY}"
    )


def leak_deliberately(held: object) -> None:
    """Keep ``held``, and all that it refers to, until the process ends.

    For connections that must not be closed, nor collected by the interpreter's clean-up. In a
    forked child, closing the parent's connection would undo the parent's transaction in SQLite's
    shared log, or end the parent's session at a server. Closing a connection to a file that was
    replaced would delete the log of the new file.
    """
    if sys.implementation.name == "cpython":
        import ctypes  # noqa: PLC0415 - rarely needed, and slow to import

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
    _leaked.append(held)


def _before_fork() -> None:
    # in the child, an import might wait for a thread that only the parent has
    import ctypes  # noqa: F401, PLC0415 - slow to import, and rarely used

    _close_idle()
    for _ in range(round(MAX_WAIT / _PAUSE)):
        if not any(each.busy() for each in _participants):
            break
        time.sleep(_PAUSE)
        _close_idle()


def _close_idle() -> None:
    closings = [each.before_fork for each in _participants]
    # a database in memory is its one connection; a pool without a limit is usable after dispose
    closings += [each.pool.dispose for each in _engines if not _in_memory(each)]
    for close in closings:
        try:
            close()
        except Exception:  # the child refuses the file if its connection is open
            _logger.exception("closing idle connections before a fork failed")


def _after_fork_in_parent() -> None:
    for each in _participants:
        each.after_fork_in_parent()


def _after_fork_in_child() -> None:
    global depth  # noqa: PLW0603 - one number for the process
    depth += 1
    _inherited_files.update(_files_of_other_libraries())
    for connection in _connections:
        if connection.file_id is not None:
            _inherited_files.add(connection.file_id)
        leak_deliberately(connection)
        connection.abandon()
        _connections.discard(connection)
    for each in _participants:
        each.after_fork_in_child()
    for engine in _engines:
        if not _in_memory(engine):
            leak_deliberately(engine.pool)
            engine.dispose(close=False)


def _in_memory(engine: Engine) -> bool:
    return isinstance(engine.pool, StaticPool)


def _files_of_other_libraries() -> set[FileId]:
    """Files that SQLite connections which are not snakestore's have open in WAL mode.

    Such a file is open together with its ``-shm`` file. Only Linux tells.
    """
    try:
        names = os.listdir(_DESCRIPTORS)
    except OSError:
        return set()
    descriptors: dict[str, int] = {}
    for name in names:
        try:
            path = os.readlink(f"{_DESCRIPTORS}/{name}")
        except OSError:  # the descriptor of the folder itself
            continue
        descriptors[path.removesuffix(" (deleted)")] = int(name)
    found = (
        os.fstat(descriptor)
        for path, descriptor in descriptors.items()
        if f"{path}-shm" in descriptors
    )
    return {(each.st_dev, each.st_ino) for each in found}


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
