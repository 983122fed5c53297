"""Switch a database into WAL mode, in which readers and the writer do not wait for each other."""

from __future__ import annotations

import random
import sqlite3
import time

from snakestore.clock import steady_seconds
from snakestore.storage.dialects.sqlite.errors import primary_code

_MIN_SECONDS = 5.0
"""How long the switch is tried at least."""
_MIN_PAUSE, _MAX_PAUSE = 0.002, 0.05


def journal_mode(connection: sqlite3.Connection) -> str:
    """How the database keeps what it can roll back, in lower case."""
    mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
    return mode


def switch_to_wal(connection: sqlite3.Connection, busy_timeout: float) -> bool:
    """Put the database into WAL mode if it is not; a new file also gets incremental vacuum.

    The switch takes an exclusive lock and does not wait for it as other statements do, so the
    waiting is done here.

    Returns:
        Whether the connection has a log open.
    """
    if journal_mode(connection) == "wal":
        return True
    began, paused = steady_seconds(), 0.0
    limit = max(busy_timeout, _MIN_SECONDS)
    # takes effect only before the first page is written, which the switch does
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            connection.execute("PRAGMA schema_version").fetchone()  # opens the log
        except sqlite3.OperationalError as error:
            # a test tool may have stopped all clocks
            waited = max(steady_seconds() - began, paused)
            if primary_code(error) != sqlite3.SQLITE_BUSY or waited > limit:
                raise
        else:
            return bool(mode == "wal")
        pause = random.uniform(_MIN_PAUSE, _MAX_PAUSE)  # noqa: S311 - jitter, no secret
        time.sleep(pause)
        paused += pause
