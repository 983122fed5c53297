"""Stores checked records, in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from snakestore.errors import SessionExistsError
from snakestore.reports import ImportReport
from snakestore.repository.records.checking import CheckedRecords, Row
from snakestore.repository.records.format import SESSION, Cells, Kind
from snakestore.repository.session_access import has_expired
from snakestore.repository.sessions.writes import delete_sessions
from snakestore.session import expiry
from snakestore.storage.execution.context import GrowingTables, TransactionContext
from snakestore.storage.queries import checks
from snakestore.storage.queries import copying as sql
from snakestore.storage.queries import sessions as sessions_sql

ROWS_PER_STATEMENT = 200
MAX_STATEMENT_BYTES = 4_000_000

_CONFLICT_ADVICE = (
    'Nothing was imported. Pass on_conflict="skip" to leave it, or "replace" to replace it.'
)


class _Outcome(NamedTuple):
    """What becomes of a session: a field of ImportReport."""

    name: str
    is_conflict: bool
    is_there: bool
    """Whether the store has a session of this id, which may have expired."""


def preview_import(
    tx: TransactionContext, records: CheckedRecords, on_conflict: str
) -> ImportReport:
    """What an import would do."""
    outcomes = Counter[str]()
    conflicts = []
    for row in records.rows():
        if row.kind is SESSION:
            sid = row.cells["id"]
            outcome = _outcome(tx, sid, on_conflict, sessions_sql.SELECT_SESSION_STATE)
            outcomes[outcome.name] += 1
            if outcome.is_conflict:
                conflicts.append(sid)
    return _report(outcomes, conflicts)


def import_records(
    tx: TransactionContext, records: CheckedRecords, on_conflict: str
) -> ImportReport:
    """Store all sessions.

    Raises:
        SessionExistsError: if a live session has the id of one, and ``on_conflict`` is "fail".
    """
    outcomes = Counter[str]()
    conflicts = []
    tables = GrowingTables(tx)
    for session, rows in _sessions(records.rows()):
        sid = session["id"]
        lock = sessions_sql.SELECT_SESSION_STATE_FOR_UPDATE
        outcome = _outcome(tx, sid, on_conflict, lock)
        if outcome.is_conflict:
            conflicts.append(sid)
            if on_conflict == "fail":
                raise SessionExistsError(sid, advice=_CONFLICT_ADVICE)
        outcomes[outcome.name] += 1
        if outcome.name == "skipped":
            continue
        if outcome.is_there:
            delete_sessions(tx, [sid])
        _insert(tx, session, rows, tables)
    return _report(outcomes, conflicts)


def _report(outcomes: Counter[str], conflicts: list[str]) -> ImportReport:
    return ImportReport(
        imported=outcomes["imported"],
        skipped=outcomes["skipped"],
        replaced=outcomes["replaced"],
        conflicts=tuple(conflicts),
    )


def _outcome(tx: TransactionContext, sid: str, on_conflict: str, state: Any) -> _Outcome:
    row = tx.fetch_first(state, sid=sid)
    if row is None or has_expired(tx, sid, row):
        return _Outcome("imported", is_conflict=False, is_there=row is not None)
    outcome = {"skip": "skipped", "replace": "replaced", "fail": "failed"}[on_conflict]
    return _Outcome(outcome, is_conflict=True, is_there=True)


def _sessions(rows: Iterator[Row]) -> Iterator[tuple[Cells, Iterator[Row]]]:
    """Each session's cells, with the rows of what it holds."""
    number = 0

    def _of_session(row: Row) -> int:
        nonlocal number
        number += row.kind is SESSION
        return number

    for _, group in groupby(rows, key=_of_session):
        yield next(group).cells, group  # noqa: B031 - the rest of the group


def _insert(
    tx: TransactionContext, session: Cells, rows: Iterator[Row], tables: GrowingTables
) -> None:
    sid = session["id"]
    expires_at = expiry(session["last_accessed"], session["ttl"])
    tx.send(
        sql.INSERT_SESSION,
        **session,
        expires_at=expires_at,
        variable_count=0,
        program_count=0,
    )
    counts = Counter[str]()
    lengths = Counter[str]()
    logs: dict[str, int] = {}
    for kind, cells in _statements(rows):
        assert kind.table is not None  # noqa: S101 - of all but sessions
        counts[kind.name] += len(cells)
        if kind.name == "log":
            logs |= {each["name"]: each["next_position"] for each in cells}
        elif kind.name == "log_entry":
            lengths.update(each["log_name"] for each in cells)
        tables.add(len(cells))
        absent = dict.fromkeys(kind.absent) | ({"length": 0} if kind.name == "log" else {})
        tx.send_many(kind.table.insert, [each | absent for each in cells])
    tx.send(
        checks.UPDATE_COUNTS,
        sid=sid,
        variables=counts["variable"],
        programs=counts["program"],
        updates=max(
            session["total_variable_updates"], counts["variable"] + counts["variable_version"]
        ),
    )
    for log, length in lengths.items():
        tx.send(
            checks.UPDATE_LOG_COUNTS,
            sid=sid,
            log=log,
            new_length=length,
            new_next_position=logs[log],
        )


def _statements(rows: Iterator[Row]) -> Iterator[tuple[Kind, list[Cells]]]:
    """The rows of one kind that are inserted at once."""
    for kind, of_kind in groupby(rows, key=lambda row: row.kind):
        group: list[Cells] = []
        size = 0
        for row in of_kind:
            group.append(row.cells)
            size += sum(len(cell) for cell in row.cells.values() if isinstance(cell, str | bytes))
            if len(group) == ROWS_PER_STATEMENT or size >= MAX_STATEMENT_BYTES:
                yield kind, group
                group, size = [], 0
        if group:
            yield kind, group
