"""The checksum of a session: the same for equal sessions in every database."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from snakestore.clock import to_text
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.session_pages import session_pages
from snakestore.storage.queries import copying as sql
from snakestore.storage.queries.statement import Row

Cells = dict[str, Any]
"""The cells of a row by the names of its columns."""


class Reading:
    """A session that is read page by page, with its checksum and its counts."""

    def __init__(self, tx: TransactionContext, cells: Cells) -> None:
        self._tx = tx
        self._sid = cells["id"]
        self._hash = hashlib.sha256()
        self.counts = Counter[str]()
        # expires_at follows from the access and the ttl, and lags behind on some databases
        self._hash_cells(value for name, value in cells.items() if name != "expires_at")

    def pages(self) -> Iterator[tuple[sql.CopiedTable, list[Row]]]:
        """All rows, in the order in which they can be inserted."""
        for table in sql.TABLES:
            self._hash.update(table.name.encode())
            for rows in session_pages(self._tx, table, self._sid):
                self.counts[table.name] += len(rows)
                for row in rows:
                    self._hash_cells(row)
                yield table, rows

    def finish(self) -> Reading:
        """Read to the end, for the checksum."""
        for _ in self.pages():
            pass
        return self

    def checksum(self) -> bytes:
        """The checksum of what was read."""
        return self._hash.digest()

    def _hash_cells(self, cells: Iterable[Any]) -> None:
        for value in cells:
            kind, content = _hashed(value)
            self._hash.update(b"%s%d:" % (kind, len(content)))
            self._hash.update(content)


def _hashed(value: Any) -> tuple[bytes, bytes]:
    """A letter for a value's type, and bytes that are the same from every database."""
    if value is None:
        return b"n", b""
    if isinstance(value, datetime):
        return b"t", to_text(value).encode()
    if isinstance(value, bytes):
        return b"b", value
    if isinstance(value, float):
        return b"f", value.hex().encode()
    return b"i" if isinstance(value, int) else b"s", str(value).encode()
