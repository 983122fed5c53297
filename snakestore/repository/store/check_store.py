"""Reads the whole store for ``check()``, in pages, each in a snapshot of its own.

So no writer waits, and memory stays bounded. What cannot be read is a finding like any other, and
the rest is checked all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from snakestore.errors import CorruptStoreError, SchemaError, StoreError
from snakestore.reports import CheckReport
from snakestore.repository.store import check_rows
from snakestore.repository.store.check_rows import Cells, Findings, RowCheck
from snakestore.repository.store.stats import sizes
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.runner import Runner
from snakestore.storage.mapping.cells import (
    DialectFinding,
    SchemaPart,
    dialect_findings_from,
    named,
    schema_parts_from,
)
from snakestore.storage.queries import checks as sql
from snakestore.storage.queries import sessions as sessions_sql
from snakestore.storage.queries.checks import CheckedTable
from snakestore.storage.queries.statement import Row, Statement
from snakestore.storage.schema.alterations import check_encoding
from snakestore.storage.schema.revisions import HEAD, VIEW_NAMES
from snakestore.storage.schema.tables import Base

PAGE = 500
"""Rows per page."""
MAX_GROUP_SIZE = 4 * 1024 * 1024
"""Characters and bytes of the rows that are read at once, unless a single one is larger."""

Key = tuple[str | int, ...]

_CHECKS: tuple[tuple[CheckedTable, RowCheck], ...] = (
    (sql.SESSIONS, check_rows.check_session),
    (sql.VARIABLES, check_rows.check_variable),
    (sql.VERSIONS, check_rows.check_past_value),
    (sql.PROGRAMS, check_rows.check_program),
    (sql.PROGRAM_VERSIONS, check_rows.check_past_program),
    (sql.LOGS, check_rows.check_log),
    (sql.ENTRIES, check_rows.check_entry),
)


@dataclass(slots=True)
class _Progress:
    """What a check has found and counted so far."""

    found: Findings = field(default_factory=Findings)
    counted: dict[str, int] = field(default_factory=lambda: {table.name: 0 for table, _ in _CHECKS})
    repaired: int = 0
    report: Callable[[int], None] | None = None

    def count(self, table: str, rows: int) -> None:
        """Count rows that were checked, and report how many there are so far."""
        self.counted[table] += rows
        if self.report is not None:
            self.report(sum(self.counted.values()))


def check_store(
    runner: Runner, *, repair: bool, progress: Callable[[int], None] | None = None
) -> CheckReport:
    """Check the whole store of ``runner``; see the method ``check``.

    Raises:
        StoreReadOnlyError: if counts are to be repaired and the store is read-only.
        StoreError: if the database cannot be reached.
    """
    state = _Progress(report=progress)
    schema = _check_database(runner, state)
    for table, check in _CHECKS:
        _check_table(runner, table, check, state, repair=repair)
    size, free, wal = runner.lookup(sizes)
    found, counted = state.found, state.counted
    if wal > 2 * runner.backend.max_log_bytes:
        message = f"it has {wal} bytes: a long read keeps it from being reused"
        found.note("log", "the write-ahead log", message)
    return CheckReport(
        problems=found.problems,
        notes=found.notes,
        problem_count=found.problem_count,
        note_count=found.note_count,
        repaired=state.repaired,
        schema=schema,
        sessions=counted["sessions"],
        variables=counted["variables"],
        programs=counted["programs"],
        versions=counted["variable_versions"] + counted["program_versions"],
        logs=counted["logs"],
        log_entries=counted["log_entries"],
        size_bytes=size,
        free_bytes=free,
        wal_bytes=wal,
    )


def _check_database(runner: Runner, progress: _Progress) -> str | None:
    """Check what does not concern single rows. Returns the revision of the schema."""
    found = progress.found
    for kind, statement in runner.backend.findings.items():
        try:
            for where, message in runner.lookup(_dialect_findings, statement):
                found.problem(kind, str(where), str(message))
        except (CorruptStoreError, SchemaError) as error:
            found.problem(kind, "the file", str(error))
    try:
        schema, of_schema = runner.read(_check_schema)
    except (CorruptStoreError, SchemaError) as error:
        found.problem("schema", "the schema", str(error))
        return None
    found.add(of_schema)
    return schema


def _dialect_findings(tx: TransactionContext, statement: Statement) -> list[DialectFinding]:
    return dialect_findings_from(tx.fetch_all(statement))


def _check_schema(tx: TransactionContext) -> tuple[str | None, Findings]:
    """Compare the revision with the head, and look for missing tables, columns, indexes, views."""
    found = Findings()
    revisions = tx.fetch_scalars(sql.SELECT_REVISIONS)
    current = ", ".join(map(str, revisions)) or "no revision"
    if current != HEAD:
        message = f"it is at {current}, not at {HEAD}: run `snakestore db upgrade`"
        found.problem("schema", "the schema", message)
    expected = {SchemaPart("view", name, "") for name in VIEW_NAMES}
    for table in Base.metadata.sorted_tables:
        expected.add(SchemaPart("table", table.name, ""))
        expected |= {SchemaPart("column", table.name, column.name) for column in table.columns}
        expected |= {SchemaPart("index", str(index.name), "") for index in table.indexes}
    missing = sorted(expected - schema_parts_from(tx.fetch_all(tx.backend.parts)))
    for part in missing:
        found.problem("schema", part.name, f"the {part.kind} {part.column or part.name} is missing")
    _check_alterations(tx, found, current, incomplete={part.name for part in missing})
    return (str(revisions[0]) if revisions else None), found


def _check_alterations(
    tx: TransactionContext, found: Findings, revision: str, *, incomplete: set[str]
) -> None:
    """Look for tables that others altered, and for another encoding than UTF-8."""
    definitions = tx.fetch_all(tx.backend.definitions)
    for alteration in tx.backend.find_alterations(definitions, revision):
        if alteration.kind != "table" or alteration.table not in incomplete:
            kind = "trigger" if alteration.kind == "trigger" else "schema"
            found.problem(kind, alteration.table, alteration.message)
    try:
        check_encoding(tx.fetch_scalar(tx.backend.encoding), "the database")
    except StoreError as error:
        found.problem("schema", "the database", str(error))


def _check_table(
    runner: Runner, table: CheckedTable, check: RowCheck, progress: _Progress, *, repair: bool
) -> None:
    found = progress.found
    after: Key | None = table.start
    try:
        invalid = runner.lookup(_count_invalid_keys, table)
        if invalid:
            message = f"{invalid} rows were skipped: their keys are empty or of the wrong type"
            found.problem("key", table.name, message)
        while after is not None:
            page = runner.read(_check_page, table, check, after)
            found.add(page.found)
            progress.count(table.name, page.rows)
            if repair:
                progress.repaired += sum(
                    runner.write(_REPAIRS[table.name], *key) for key in page.found.miscounted
                )
            after = page.last
    except (CorruptStoreError, SchemaError) as error:
        found.problem("integrity", table.name, f"the rest of it could not be read: {error}")


def _count_invalid_keys(tx: TransactionContext, table: CheckedTable) -> int:
    count: int = tx.fetch_scalar(table.invalid_keys)
    return count


class _Page(NamedTuple):
    """What was found in a page of rows."""

    found: Findings
    rows: int
    last: Key | None
    """The last key; None: there are no more rows."""


def _check_page(tx: TransactionContext, table: CheckedTable, check: RowCheck, after: Key) -> _Page:
    """Check the rows after a key, at most a page of them."""
    found = Findings()
    rows = tx.fetch_all(table.keys, **_after(after), limit=PAGE)
    keys: list[Cells] = [named(table.key_columns, row) for row in rows]
    last = after
    for group in _groups(keys):
        for key, row in zip(group, _rows_of(tx, table, last, group, found), strict=True):
            if row is not None:
                check(tx, key, row, named(table.row_columns, row), found)
        last = _key_of(table, group[-1])
    return _Page(found, len(keys), last if len(keys) == PAGE else None)


def _after(key: Sequence[str | int]) -> dict[str, str | int]:
    return {f"after_{number}": value for number, value in enumerate(key)}


def _key_of(table: CheckedTable, key: Cells) -> Key:
    return tuple(key[name] for name in table.key)


def _groups(keys: list[Cells]) -> Iterator[list[Cells]]:
    """Keys whose rows are read at once."""
    group: list[Cells] = []
    size = 0
    for key in keys:
        if group and size + key["size"] > MAX_GROUP_SIZE:
            yield group
            group, size = [], 0
        group.append(key)
        size += key["size"]
    if group:
        yield group


def _rows_of(
    tx: TransactionContext, table: CheckedTable, after: Key, group: list[Cells], found: Findings
) -> list[Row | None]:
    """The rows of a group of keys; None, and a problem, for one that cannot be read."""
    try:
        with translate_errors():
            return list(tx.fetch_all(table.rows, **_after(after), limit=len(group)))
    except CorruptStoreError:
        pass  # one of them is damaged: read each by itself to find out which
    rows: list[Row | None] = []
    for key in group:
        try:
            with translate_errors():
                rows.append(tx.fetch_first(table.rows, **_after(after), limit=1))
        except CorruptStoreError as error:
            where = check_rows.location(table.name, key)
            found.problem(check_rows.KINDS[table.name], where, str(error))
            rows.append(None)
        after = _key_of(table, key)
    return rows


def _repair_session(tx: TransactionContext, sid: str) -> bool:
    """Correct the counts of a session, as they are now. Returns False if the session is gone."""
    if tx.fetch_first(sessions_sql.LOCK_SESSION, sid=sid) is None:
        return False
    counts = named(sql.RECOUNT_COLUMNS, tx.fetch_one(sql.RECOUNT, sid=sid))
    values = counts["variables"] + counts["versions"]
    tx.send(
        sql.UPDATE_COUNTS,
        sid=sid,
        variables=counts["variables"],
        programs=counts["programs"],
        updates=check_rows.repaired_updates(counts["total_variable_updates"], values),
    )
    return True


def _repair_log(tx: TransactionContext, sid: str, log: str) -> bool:
    """Correct the length and next position of a log, as they are now. False if it is gone."""
    tx.send(sessions_sql.LOCK_SESSION, sid=sid)
    row = tx.fetch_first(sql.RECOUNT_LOG, sid=sid, log=log)
    if row is None:
        return False
    counts = named(sql.RECOUNT_LOG_COLUMNS, row)
    tx.send(
        sql.UPDATE_LOG_COUNTS,
        sid=sid,
        log=log,
        new_length=counts["entry_count"],
        new_next_position=check_rows.repaired_next_position(
            counts["next_position"], counts["entry_count"], counts["newest_position"]
        ),
    )
    return True


_REPAIRS: dict[str, Callable[..., bool]] = {"sessions": _repair_session, "logs": _repair_log}
"""Corrects the counts of a row, by table. The arguments are the row's key."""
