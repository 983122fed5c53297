"""Names in a SQLite file, read with ``sqlite3`` alone, for completion.

It is the only module outside of ``storage/dialects`` that knows a database: the library loads
SQLAlchemy, which takes longer than one waits for a completion. The file is not changed.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from urllib.parse import quote

from snakestore.errors import StoreError

_URL = "sqlite:///"
_LAST = "\U0010ffff"
"""Follows every other character in the order of the database."""
_STATEMENTS = {
    "sessions": (
        "SELECT id FROM sessions WHERE id >= :first AND id < :last ORDER BY id LIMIT :limit"
    ),
    "variables": (
        "SELECT name FROM variables WHERE session_id = :sid AND name >= :first AND name < :last"
        " ORDER BY name LIMIT :limit"
    ),
    "programs": (
        "SELECT id FROM programs WHERE session_id = :sid AND id >= :first AND id < :last"
        " ORDER BY id LIMIT :limit"
    ),
    "logs": (
        "SELECT name FROM logs WHERE session_id = :sid AND name >= :first AND name < :last"
        " ORDER BY name LIMIT :limit"
    ),
}


def is_file(store: str) -> bool:
    """Whether a store is given as a path, or the URL of one."""
    return "://" not in store.removeprefix(_URL)


def names(store: str, kind: str, session_id: str, prefix: str, limit: int) -> list[str]:
    """The ids of sessions or programs, or the names of variables or logs, with a prefix, in order.

    Raises:
        StoreError: if the file is no store, or cannot be read.
    """
    path = os.path.abspath(store.removeprefix(_URL))
    # without a write-ahead log, "immutable" creates none; it would overlook one
    mode = "mode=ro" if os.path.exists(f"{path}-wal") else "mode=ro&immutable=1"
    bounds = {"sid": session_id, "first": prefix, "last": prefix + _LAST, "limit": limit}
    try:
        address = f"file:{quote(path)}?{mode}"
        with closing(sqlite3.connect(address, uri=True, timeout=1)) as connection:
            return [name for (name,) in connection.execute(_STATEMENTS[kind], bounds)]
    except sqlite3.Error as error:
        message = f"{path} cannot be read: {error}"
        raise StoreError(message) from error
