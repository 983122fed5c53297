"""Copies sessions, each with all that it holds, in one transaction of the target."""

from __future__ import annotations

from collections import Counter

from snakestore.errors import SessionExistsError, StoreError
from snakestore.repository.sessions.writes import delete_sessions
from snakestore.session import expiry
from snakestore.storage.execution.context import GrowingTables, TransactionContext
from snakestore.storage.mapping.cells import named
from snakestore.storage.mapping.sessions import session_cells_from
from snakestore.storage.queries import copying as sql
from snakestore.storage.queries.sessions import LOCK_SESSION
from snakestore.transfer.checksum import Cells, Reading
from snakestore.transfer.records import record, recorded

_CONFLICT_ADVICE = (
    "The target's session is another one, or it was used since it was copied. Nothing of it was"
    " changed. Delete it at the target to have it copied."
)


def copy_sessions(
    target: TransactionContext,
    source: TransactionContext,
    ids: list[str],
    *,
    source_has_records: bool,
) -> tuple[Counter[str], list[bytes]]:
    """Copy sessions. Returns counts by outcome and by table, and the checksum of each session."""
    counts = Counter[str]()
    checksums = []
    for sid in ids:
        cells = _session_cells(source, sid)
        if cells is None:
            continue  # deleted since
        # a store that the source itself was copied from has a state that the source had
        copied = {recorded(source, sid)} if source_has_records else set()
        outcome, reading = _copy_session(target, source, cells, copied)
        counts.update({"sessions": 1, outcome: 1})
        counts.update(reading.counts)
        checksums.append(reading.checksum())
    return counts, checksums


def _session_cells(tx: TransactionContext, sid: str) -> Cells | None:
    row = tx.fetch_first(sql.SELECT_SESSION, sid=sid)
    return None if row is None else session_cells_from(sql.SESSION_COLUMNS, row)


def _copy_session(
    target: TransactionContext,
    source: TransactionContext,
    cells: Cells,
    copied: set[str | None],
) -> tuple[str, Reading]:
    """Copy a session and read it back.

    ``copied`` has checksums that the session is known to have had at the source, besides the one
    that the target recorded. Returns whether it was copied, replaced or skipped, and how it was
    read from the source.
    """
    sid = cells["id"]
    target.fetch_first(LOCK_SESSION, sid=sid)
    existing = _session_cells(target, sid)
    if existing is not None:
        of_source = Reading(source, cells).finish()
        present = Reading(target, existing).finish().checksum()
        if present == of_source.checksum():
            record(target, sid, present)
            return "skipped", of_source
        if present.hex() not in {*copied, recorded(target, sid)}:
            raise SessionExistsError(sid, advice=_CONFLICT_ADVICE)
        _check_is_earlier(existing, cells)
        delete_sessions(target, [sid])
    reading = Reading(source, cells)
    # on some databases the recorded expiry lags behind; it is copied exact
    expires_at = expiry(cells["last_accessed"], cells["ttl"])
    target.execute(sql.INSERT_SESSION, **(cells | {"expires_at": expires_at}))
    tables = GrowingTables(target)
    for table, rows in reading.pages():
        tables.add(len(rows))
        target.send_many(table.insert, [named(table.columns, row) for row in rows])
    written = _session_cells(target, sid)
    if written is None or Reading(target, written).finish().checksum() != reading.checksum():
        message = (
            f"the target does not return session {sid!r} as it was written. Nothing of it was kept."
        )
        raise StoreError(message)
    record(target, sid, reading.checksum())
    return "copied" if existing is None else "replaced", reading


def _check_is_earlier(existing: Cells, cells: Cells) -> None:
    """Check that what the target has is not a later state of the session, or another session.

    Raises:
        SessionExistsError: if it is.
    """
    if (
        existing["created_at"] != cells["created_at"]
        or existing["last_accessed"] > cells["last_accessed"]
    ):
        raise SessionExistsError(cells["id"], advice=_CONFLICT_ADVICE)
