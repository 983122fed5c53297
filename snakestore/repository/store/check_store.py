"""The check of a whole store: what the database finds wrong itself, and what only we can tell.

Everything is read in pages, each in a snapshot of its own, so that no writer waits and memory stays
bounded. What cannot be read is a finding like any other, and the rest is checked all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from snakestore.errors import CorruptStoreError, SchemaError, StoreError
from snakestore.reports import CheckReport
from snakestore.repository.store import check_rows
from snakestore.repository.store.check_rows import Findings, Judge
from snakestore.repository.store.stats import sizes
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.runner import Runner
from snakestore.storage.queries import checks as sql
from snakestore.storage.queries import sessions as sessions_sql
from snakestore.storage.queries.statement import Row, Statement
from snakestore.storage.schema.alterations import check_encoding
from snakestore.storage.schema.revisions import HEAD, VIEW_NAMES
from snakestore.storage.schema.tables import Base

PAGE = 500
LARGEST_GROUP = 4 * 1024 * 1024
"""Characters and bytes of values that are held at once, where no single one is larger."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table to go through: its keys, each with the size behind it at ``size_at``, and its rows; and who judges a row."""

    name: str
    keys: Statement
    rows: Statement
    unsound: Statement
    start: tuple[str | int, ...]
    judge: Judge

    @property
    def size_at(self) -> int:
        return len(self.start)


_TABLES = (
    _Table(
        "sessions",
        sql.SESSION_KEYS,
        sql.SESSION_PAGE,
        sql.SESSIONS_UNSOUND,
        ("",),
        check_rows.session,
    ),
    _Table(
        "variables",
        sql.VARIABLE_KEYS,
        sql.VARIABLE_PAGE,
        sql.VARIABLES_UNSOUND,
        ("", ""),
        check_rows.variable,
    ),
    _Table(
        "variable_versions",
        sql.VERSION_KEYS,
        sql.VERSION_PAGE,
        sql.VERSIONS_UNSOUND,
        ("", "", -1),
        check_rows.past_value,
    ),
    _Table(
        "programs",
        sql.PROGRAM_KEYS,
        sql.PROGRAM_PAGE,
        sql.PROGRAMS_UNSOUND,
        ("", ""),
        check_rows.program,
    ),
)


@dataclass(slots=True)
class _Walk:
    """What a check has found and counted so far."""

    found: Findings = field(default_factory=Findings)
    counted: dict[str, int] = field(default_factory=lambda: {table.name: 0 for table in _TABLES})
    repaired: int = 0


def check_store(runner: Runner, *, repair: bool) -> CheckReport:
    """Go through the whole store of ``runner``; the verb ``check`` says what is looked at.

    Raises:
        StoreReadOnlyError: counts are to be mended and the store may only be read.
        StoreError: the store is out of reach.
    """
    walk = _Walk()
    schema = _check_whole(runner, walk)
    for table in _TABLES:
        _check_table(runner, table, walk, repair=repair)
    size, free, wal = runner.lookup(sizes)
    if wal > 2 * runner.backend.max_log_bytes:
        walk.found.note(
            "log",
            "the write-ahead log",
            f"it has {wal} bytes: somebody reads for long, and it cannot be written over until"
            " then",
        )
    return CheckReport(
        problems=walk.found.problems,
        notes=walk.found.notes,
        problem_count=walk.found.problem_count,
        note_count=walk.found.note_count,
        repaired=walk.repaired,
        schema=schema,
        sessions=walk.counted["sessions"],
        variables=walk.counted["variables"],
        programs=walk.counted["programs"],
        versions=walk.counted["variable_versions"],
        size_bytes=size,
        free_bytes=free,
        wal_bytes=wal,
    )


def _check_whole(runner: Runner, walk: _Walk) -> str | None:
    """What is not about a single row; the revision of the schema."""
    for kind, statement in runner.backend.findings.items():
        try:
            for where, message in runner.lookup(_ask, statement):
                walk.found.problem(kind, str(where), str(message))
        except (CorruptStoreError, SchemaError) as error:
            walk.found.problem(kind, "the file", str(error))
    schema: str | None = None
    try:
        schema, found = runner.read(_check_schema)
        walk.found.add(found)
    except (CorruptStoreError, SchemaError) as error:
        walk.found.problem("schema", "the schema", str(error))
    return schema


def _check_table(runner: Runner, table: _Table, walk: _Walk, *, repair: bool) -> None:
    after: tuple[str | int, ...] | None = table.start
    try:
        [[unsound]] = runner.lookup(_ask, table.unsound)
        if unsound:
            walk.found.problem(
                "key",
                table.name,
                f"{unsound} rows have keys that are empty or of the wrong kind and were passed"
                " over",
            )
        while after is not None:
            found, met, after = runner.read(_check_page, table, after)
            walk.found.add(found)
            walk.counted[table.name] += met
            if repair:
                walk.repaired += sum(runner.write(_mend, sid) for sid in found.miscounted)
    except (CorruptStoreError, SchemaError) as error:
        walk.found.problem("integrity", table.name, f"the rest of it could not be read: {error}")


def _ask(tx: TransactionContext, statement: Statement) -> list[Row]:
    return tx.fetch_all(statement)


def _check_schema(tx: TransactionContext) -> tuple[str | None, Findings]:
    """The revision against the present one, and whether all that the present one has is there."""
    found = Findings()
    revisions = [row[0] for row in tx.fetch_all(sql.REVISIONS_THERE)]
    if revisions != [HEAD]:
        found.problem(
            "schema",
            "the schema",
            f"it is at {', '.join(map(str, revisions)) or 'no revision'}, not at {HEAD}: run"
            " `snakestore db upgrade`",
        )
    there = {
        (kind, str(name).lower(), str(column).lower())
        for kind, name, column in tx.fetch_all(tx.backend.parts)
    }
    wanted = {("view", name, "") for name in VIEW_NAMES}
    for table in Base.metadata.sorted_tables:
        wanted |= {("table", table.name, "")} | {
            ("column", table.name, column.name) for column in table.columns
        }
        wanted |= {("index", str(index.name), "") for index in table.indexes}
    missing = sorted(wanted - there)
    for kind, name, column in missing:
        found.problem("schema", name, f"the {kind} {column or name} is missing")
    incomplete = {name for _, name, _ in missing}
    definitions = tx.fetch_all(tx.backend.definitions)
    for each in tx.backend.find_alterations(definitions, at_head=revisions == [HEAD]):
        if each.kind != "table" or each.table not in incomplete:
            kind = "trigger" if each.kind == "trigger" else "schema"
            found.problem(kind, each.table, each.message)
    [[encoding]] = tx.fetch_all(tx.backend.encoding)
    try:
        check_encoding(encoding, "the database")
    except StoreError as error:
        found.problem("schema", "the database", str(error))
    return (str(revisions[0]) if revisions else None), found


def _check_page(
    tx: TransactionContext, table: _Table, after: tuple[str | int, ...]
) -> tuple[Findings, int, tuple[str | int, ...] | None]:
    """Judge the rows beyond ``after``, at most a page; what was found, how many rows were met, and the last key if there may be more."""
    found = Findings()
    keys = tx.fetch_all(table.keys, **_after(after), most=PAGE)
    last = after
    for group in _groups(keys, table.size_at):
        for key, row in zip(group, _rows_behind(tx, table, last, group, found), strict=True):
            if row is not None:
                table.judge(tx, key, row, found)
        last = tuple(group[-1][: table.size_at])
    return found, len(keys), last if len(keys) == PAGE else None


def _after(key: Sequence[str | int]) -> dict[str, str | int]:
    return {f"after_{number}": value for number, value in enumerate(key)}


def _groups(keys: list[Row], size_at: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    held = 0
    for key in keys:
        if group and held + key[size_at] > LARGEST_GROUP:
            yield group
            group, held = [], 0
        group.append(key)
        held += key[size_at]
    if group:
        yield group


def _rows_behind(
    tx: TransactionContext,
    table: _Table,
    after: tuple[str | int, ...],
    group: list[Row],
    found: Findings,
) -> list[Row | None]:
    """The rows of a group of keys; None, and a finding, for one that cannot be read."""
    try:
        with translate_errors():
            return list(tx.fetch_all(table.rows, **_after(after), most=len(group)))
    except CorruptStoreError:
        pass  # one of them is damaged: each by itself, to tell which
    rows: list[Row | None] = []
    for key in group:
        try:
            with translate_errors():
                rows.append(tx.fetch_first(table.rows, **_after(after), most=1))
        except CorruptStoreError as error:
            found.problem(
                check_rows.KINDS[table.name], check_rows.place(table.name, key), str(error)
            )
            rows.append(None)
        after = tuple(key[: table.size_at])
    return rows


def _mend(tx: TransactionContext, sid: str) -> bool:
    """Put the counts of a session right, as they are now; whether they were wrong."""
    if tx.fetch_first(sessions_sql.LOCK_SESSION, sid=sid) is None:
        return False
    updates, variables, programs, versions = tx.fetch_one(sql.RECOUNT, sid=sid)
    tx.execute(
        sql.UPDATE_COUNTS,
        sid=sid,
        variables=variables,
        programs=programs,
        updates=check_rows.mended_updates(updates, variables + versions),
    )
    return True
