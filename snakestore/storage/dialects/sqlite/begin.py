"""Begin transactions on SQLAlchemy connections of snakestore's engines.

The driver begins nothing by itself (``isolation_level=None``). What a user sends through SQLAlchemy
begins here, right before its first statement, so that DDL rolls back and savepoints work.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from snakestore.errors import StoreError
from snakestore.storage.dialects.sqlite.file_watch import WATCH, Watch

BEGIN_WRITE = "BEGIN IMMEDIATE"
READ_ONLY = "snakestore_read_only"
"""Under this key a pool's entry notes that its connection cannot write."""
FULL = "snakestore_full_durability"
"""Under this key a pool's entry notes that what its connection commits is to be synced."""
_AUTOCOMMIT = "snakestore_autocommit"
"""Under this key a pool's entry notes whether COMMIT has no effect on its connection."""
_FIRST_WORD = r"(?:\s|--[^\n]*|/\*[\s\S]*?\*/)*([A-Za-z]+)"
_CHANGES = r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b"
_READS = frozenset({"SELECT", "VALUES"})
# what opens or ends a transaction, cannot run inside one, or takes effect only outside
_ALONE = frozenset(
    {"BEGIN", "COMMIT", "END", "ROLLBACK", "PRAGMA", "EXPLAIN", "VACUUM", "ATTACH", "DETACH"}
)


@lru_cache(maxsize=1024)
def begin_for(statement: str) -> str | None:
    """The BEGIN to send before ``statement`` if no transaction is open; None if none is needed."""
    found = re.match(_FIRST_WORD, statement)
    word = found.group(1).upper() if found else ""
    if word in _ALONE:
        return None
    if word in _READS or (word == "WITH" and not re.search(_CHANGES, statement, re.IGNORECASE)):
        return "BEGIN"
    return BEGIN_WRITE


def check_commits(connection: Connection) -> None:
    """Check that the driver's COMMIT has an effect, while no transaction is open.

    Raises:
        StoreError: it has none.
    """
    autocommit = getattr(connection.connection.driver_connection, "autocommit", None)
    if autocommit is None and sys.version_info >= (3, 12):  # aiosqlite, which does not show it
        autocommit = connection.info.get(_AUTOCOMMIT)
        if autocommit is None:
            autocommit = connection.info[_AUTOCOMMIT] = _commit_does_nothing(connection)
    if autocommit is True:
        message = (
            "sqlite3's autocommit=True makes commit() and rollback() do nothing: leave it out of"
            " connect_args, or use snakestore.create_engine()"
        )
        raise StoreError(message)


def _commit_does_nothing(connection: Connection) -> bool:
    proxied = connection.connection
    cursor = proxied.cursor()
    try:
        cursor.execute("BEGIN")
        proxied.commit()
        still_open = bool(getattr(proxied.driver_connection, "in_transaction", False))
        if still_open:
            cursor.execute("ROLLBACK")
    finally:
        cursor.close()
    return still_open


def check_file(connection: Connection) -> None:
    """Check before a write that the file and its log are still those that were opened.

    Raises:
        StoreError: they were removed or replaced.
    """
    watch: Watch | None = connection.info.get(WATCH)
    if watch is not None:
        watch.check_replaced()


def check_before_commit(connection: Connection) -> None:
    """Listen to ``commit`` and check a transaction again that took long.

    Raises:
        StoreError: the file or its log was removed or replaced meanwhile.
    """
    watch: Watch | None = connection.info.get(WATCH)
    if watch is not None:
        watch.check_before_commit()


def begin_before_statement(
    connection: Connection, cursor: Any, statement: str, _parameters: Any, _context: Any, _many: Any
) -> None:
    """Listen to ``before_cursor_execute`` and begin if no transaction is open."""
    if (
        cursor.connection.in_transaction
        or connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
    ):
        return
    begin = begin_for(statement)
    if begin == BEGIN_WRITE:
        check_file(connection)
    if begin is not None:
        # through SQLAlchemy, so that an error is wrapped and echo shows it
        connection.exec_driver_sql("BEGIN" if connection.info.get(READ_ONLY) else begin)
