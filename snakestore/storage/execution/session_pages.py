"""All rows of a session as they are stored, in pages of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.cells import key_and_size
from snakestore.storage.queries.copying import CopiedTable
from snakestore.storage.queries.statement import Row

KEYS_PER_PAGE = 500
MAX_PAGE_BYTES = 4_000_000
"""About how much of a session is in memory at once, unless a single value is larger."""


def session_pages(tx: TransactionContext, table: CopiedTable, sid: str) -> Iterator[list[Row]]:
    """The rows of a session in one table, ordered by key."""
    after: tuple[Any, ...] = table.start
    while page := tx.fetch_all(
        table.keys, sid=sid, limit=KEYS_PER_PAGE, **_numbered("after", after)
    ):
        keys = [key_and_size(row) for row in page]
        first, size = None, 0
        for number, (key, of_row) in enumerate(keys, start=1):
            first = key if first is None else first
            size += of_row
            if size >= MAX_PAGE_BYTES or number == len(keys):
                bounds = _numbered("first", first) | _numbered("last", key)
                yield tx.fetch_all(table.rows, sid=sid, **bounds)
                first, size = None, 0
            after = key


def _numbered(prefix: str, key: tuple[Any, ...]) -> dict[str, Any]:
    return {f"{prefix}_{number}": value for number, value in enumerate(key)}
