"""Reads sessions as records, page by page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice

from snakestore import types
from snakestore.errors import CorruptStoreError, UnknownTypeError, ValidationError, shorten
from snakestore.patterns import NameRange
from snakestore.repository.records.checking import Row, SessionState
from snakestore.repository.records.format import (
    FORMAT,
    HISTORY,
    KINDS,
    SESSION,
    VERSION,
    Cells,
    Checksums,
    Kind,
    Record,
    canonical,
    record_of,
)
from snakestore.repository.sessions.reads import sessions_in
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.session_pages import session_pages
from snakestore.storage.mapping.cells import named
from snakestore.storage.mapping.sessions import session_cells_from
from snakestore.storage.queries import copying as sql

logger = logging.getLogger("snakestore.sessions")

SESSIONS_PER_PAGE = 100
RECORDS_PER_PAGE = 500
MAX_PAGE_BYTES = 4_000_000
"""How much of a page is in memory at once, unless a single record is larger."""
MAX_RECORDS_KEPT = 2_000
"""A session of more records is read twice: once for damage, once for its records."""


class Export:
    """The records of an export, read in pages while they are consumed."""

    def __init__(self, pattern: object, *, history: bool, include_expired: bool) -> None:
        """Export the sessions whose ids match ``pattern``.

        Raises:
            InvalidNameError: if ``pattern`` is neither str nor Enum.
        """
        self._pattern = pattern
        NameRange.parse(pattern)
        self._kinds = [kind for kind in KINDS if history or kind.name not in HISTORY]
        self._history = history
        self._include_expired = include_expired
        self._checksums = Checksums()
        self._tx: TransactionContext | None = None
        self._records = self._checked()

    def next_page(self, tx: TransactionContext) -> list[Record]:
        """The next records, all in one snapshot; none: the export is complete."""
        self._tx = tx
        page: list[Record] = []
        size = 0
        for record, length in self._records:
            page.append(record)
            size += length
            if len(page) == RECORDS_PER_PAGE or size > MAX_PAGE_BYTES:
                break
        return page

    def _checked(self) -> Iterator[tuple[Record, int]]:
        """All records with their checksums, and how long they are."""
        header = {
            "kind": "header",
            "format": FORMAT,
            "version": VERSION,
            "history": self._history,
        }
        sessions = records = 0
        contents = self._of_sessions()
        first = list(islice(contents, 1))  # with the first read the snapshot begins
        for record in chain([header], first, contents):
            sessions += record["kind"] == SESSION.name
            records += 1
            yield self._with_checksum(record)
        yield self._with_checksum({"kind": "end", "sessions": sessions, "records": records + 1})

    def _with_checksum(self, record: Record) -> tuple[Record, int]:
        content = canonical(record)
        record["checksum"] = self._checksums.next(content)
        return record, len(content)

    def _of_sessions(self) -> Iterator[Record]:
        after: str | None = None
        while sessions := sessions_in(
            self._present,
            NameRange.parse(self._pattern, after=after),
            SESSIONS_PER_PAGE,
            include_expired=self._include_expired,
        ):
            for session in sessions:
                yield from self._of_undamaged(session.id)
            after = session.id

    @property
    def _present(self) -> TransactionContext:
        assert self._tx is not None  # noqa: S101 - next_page has set it
        return self._tx

    def _of_undamaged(self, sid: str) -> Iterator[Record]:
        """The records of a session, or none of them if one is damaged, which is logged."""
        kept: list[Record] = []
        count = 0
        try:
            for count, record in enumerate(self._of_session(sid), start=1):
                if count <= MAX_RECORDS_KEPT:
                    kept.append(record)
        except CorruptStoreError as error:
            logger.warning(
                "did not export the session %s, which is damaged: %s", shorten(sid), error
            )
            return
        yield from kept if count == len(kept) else self._of_session(sid)

    def _of_session(self, sid: str) -> Iterator[Record]:
        row = self._present.fetch_first(sql.SELECT_SESSION, sid=sid)
        if row is None:
            return
        state = SessionState(sid)
        yield _importable(SESSION, session_cells_from(sql.SESSION_COLUMNS, row), state)
        for kind in self._kinds:
            assert kind.table is not None  # noqa: S101 - of all but sessions
            for rows in session_pages(self._present, kind.table, sid):
                for each in rows:
                    yield _importable(kind, named(kind.table.columns, each), state)


def _check_value(kind: Kind, cells: Cells) -> None:
    """Check a value by its type and, unless their engine is missing, its constraints."""
    type_name = cells["type"]
    value = types.decode_value(type_name, cells["value"], cells["value_blob"])
    constraints = None
    if kind.name == "variable":
        constraints, _ = types.checkable(type_name, types.loads(cells["constraints"]))
    types.validate(value, type_name, constraints)


def _importable(kind: Kind, cells: Cells, state: SessionState) -> Record:
    """The record of a row.

    Raises:
        CorruptStoreError: if the row is damaged, so that no import would take it.
    """
    record = record_of(kind, cells)
    try:
        for name, _, read in kind.fields:
            read(record[name])
        if kind is not SESSION:
            state.check(Row(kind, cells))
        if kind.has_value:
            # another process knows a type that is not registered in this one
            with suppress(UnknownTypeError):
                _check_value(kind, cells)
    except ValidationError as error:
        message = f"a {kind.name}, {shorten(cells[kind.owner])}: {error}"
        raise CorruptStoreError(message) from error
    return record
