"""Copies a store to another database exactly as it is stored: SQLite, PostgreSQL, or the same."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import URL, Engine

from snakestore.clock import to_text
from snakestore.errors import (
    CorruptStoreError,
    SessionExistsError,
    StoreError,
    ValidationError,
)
from snakestore.repository import SessionRepository
from snakestore.repository.sessions.writes import delete_sessions
from snakestore.session import expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.runner import Runner
from snakestore.storage.execution.session_pages import session_pages
from snakestore.storage.mapping.cells import (
    SchemaPart,
    named,
    schema_parts_from,
    session_label,
    text_from,
)
from snakestore.storage.mapping.sessions import session_cells_from
from snakestore.storage.migrate.inspection import (
    check_not_newer,
    check_unaltered,
    check_up_to_date,
    inspect_connection,
)
from snakestore.storage.migrate.upgrade import upgrade
from snakestore.storage.queries import copying as sql
from snakestore.storage.queries.sessions import LOCK_SESSION
from snakestore.storage.queries.statement import Row
from snakestore.storage.schema.copied import copied_sessions
from snakestore.storage.url import describe

Place = str | os.PathLike[str] | URL | Engine
Progress = Callable[[int, int], None]
Cells = dict[str, Any]
"""The cells of a row by the names of its columns."""

SESSIONS_PER_TRANSACTION = 50
_CONFLICT_ADVICE = (
    "The target's session is another one, or it was used since it was copied. Nothing of it was"
    " changed. Delete it at the target to have it copied."
)
_NAMED_SESSIONS = 5
"""How many damaged sessions the error names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What ``copy`` did.

    All rows were read back from the target and had the checksums of the source before they were
    committed.
    """

    sessions: int
    """Sessions of the source, including expired ones."""
    copied: int
    replaced: int
    """Sessions of which the target had an earlier state."""
    skipped: int
    """Sessions that the target had already, unchanged."""
    variables: int
    versions: int
    """Past versions of variables and programs."""
    programs: int
    logs: int
    log_entries: int
    checksum: str
    """SHA-256 over all sessions by id: the same for equal stores, whatever the database."""


def copy(source: Place, target: Place, *, progress: Progress | None = None) -> CopyReport:
    """Copy every session, with all that it holds, exactly as it is stored.

    Texts, bytes, times, versions and counters are the same at the target, also of expired sessions.
    Nothing counts as an access. A missing or outdated target is created or migrated first. Its
    other sessions stay. Copying again skips sessions that are equal at the target and replaces
    those that the source has changed since, unless they are no longer as they were copied. For this
    the target has a table of checksums, ``snakestore_copied_sessions``. So an interrupted copy can
    continue, and a store in use is moved by a long copy, then a short one after its users stopped.
    Memory stays bounded.

    Args:
        source: a path, URL or Engine with the present schema. Each session is read from one
            snapshot; nothing is changed.
        target: a path, URL or Engine.
        progress: called after each small transaction with the number of sessions done and the
            number of all sessions.

    Raises:
        ValidationError: if source and target are the same database.
        SessionExistsError: if the target has another session of the same id, or that session was
            used at the target since it was copied, or it is not known that it was copied.
        SchemaError: if the source does not have the present schema, or the target has tables that
            are not snakestore's.
        CorruptStoreError: if sessions are damaged. All others were copied.
        StoreError: if a database cannot be reached, or the target does not return what was written,
            or its role may not create the table of checksums.
    """
    with ExitStack() as stack:
        reader = _opened(stack, source)
        writer = _opened(stack, target, migrate=True)
        if source is target or _identity(reader) == _identity(writer):
            message = "source and target are the same database. Nothing was copied."
            raise ValidationError(message)
        return _Copying(reader, writer, progress).run()


def _opened(stack: ExitStack, place: Place, *, migrate: bool = False) -> SessionRepository:
    """A repository on a place that has the present schema."""
    if not isinstance(place, Engine):
        return stack.enter_context(SessionRepository.open(place, migrate=migrate))
    if migrate:
        upgrade(place)
    else:
        with translate_errors(), place.connect() as connection:
            found, where = inspect_connection(connection), describe(place.url)
        check_unaltered(found, where)
        check_not_newer(found, where)
        check_up_to_date(found, where)
    return stack.enter_context(SessionRepository(place))


def _runner(repository: SessionRepository) -> Runner:
    return repository._runner  # noqa: SLF001 - methods return values, not rows


def _identity(repository: SessionRepository) -> object:
    """What identifies a database, however it was opened."""

    def _ask(tx: TransactionContext) -> object:
        return tx.backend.identity(tx)

    return _runner(repository).lookup(_ask)


class _Copying:
    """One copy in progress."""

    def __init__(
        self, source: SessionRepository, target: SessionRepository, progress: Progress | None
    ) -> None:
        self._source = _runner(source)
        self._target = _runner(target)
        self._progress = progress
        self._source_has_records = False
        self._counts = Counter[str]()
        self._checksum = hashlib.sha256()
        self._damaged: dict[str, CorruptStoreError] = {}

    def run(self) -> CopyReport:
        """Copy in pages: each is one snapshot of the source and one transaction of the target."""
        self._prepare_records()
        self._source_has_records = self._source.lookup(_has_records)
        total: int = self._source.lookup(_count_sessions)
        after = ""
        while ids := self._source.lookup(_ids, after):
            self._copy(ids)
            after = ids[-1]
            if self._progress is not None:
                done = self._counts["sessions"]
                self._progress(done, max(total, done))
        if self._damaged:
            raise _damage(self._damaged)
        counts = self._counts
        return CopyReport(
            sessions=counts["sessions"],
            copied=counts["copied"],
            replaced=counts["replaced"],
            skipped=counts["skipped"],
            variables=counts["variables"],
            versions=counts["variable_versions"] + counts["program_versions"],
            programs=counts["programs"],
            logs=counts["logs"],
            log_entries=counts["log_entries"],
            checksum=self._checksum.hexdigest(),
        )

    def _prepare_records(self) -> None:
        """Have a table for the checksums at the target.

        Raises:
            StoreError: the role may not create it.
        """
        try:
            self._target.write(_prepare_records)
        except StoreError as error:
            if type(error) is not StoreError or self._target.lookup(_has_records):
                raise
            message = (
                f"{error}. copy() keeps checksums at the target, in the table"
                f" {copied_sessions.name}, which this role cannot create. Copy as the owner of the"
                " target's tables once, an empty store is enough; then GRANT this role SELECT,"
                " INSERT and DELETE on it."
            )
            raise StoreError(message) from error

    def _copy(self, ids: list[str]) -> None:
        """Copy a page; one by one if a session in it is damaged, which is left out."""
        try:
            counts, checksums = self._source.read(self._copy_page, ids)
        except CorruptStoreError as error:
            if len(ids) == 1:
                self._damaged[ids[0]] = error
            else:
                for sid in ids:
                    self._copy([sid])
            return
        self._counts.update(counts)
        for checksum in checksums:
            self._checksum.update(checksum)

    def _copy_page(
        self, source: TransactionContext, ids: list[str]
    ) -> tuple[Counter[str], list[bytes]]:
        return self._target.write(
            _copy_page, source, ids, source_has_records=self._source_has_records
        )


def _damage(damaged: dict[str, CorruptStoreError]) -> CorruptStoreError:
    """The error for sessions that were not copied."""
    names = ", ".join(map(repr, list(damaged)[:_NAMED_SESSIONS]))
    more = ", ..." if len(damaged) > _NAMED_SESSIONS else ""
    first = next(iter(damaged.values()))
    return CorruptStoreError(
        f"{len(damaged)} sessions are damaged and were not copied; all others were. Repair or"
        f" delete them, then copy again: {names}{more}. The first: {first}"
    )


def _count_sessions(tx: TransactionContext) -> int:
    count: int = tx.fetch_scalar(sql.COUNT_SESSIONS)
    return count


def _ids(tx: TransactionContext, after: str) -> list[str]:
    return tx.fetch_scalars(sql.SELECT_IDS, after=after, limit=SESSIONS_PER_TRANSACTION)


def _prepare_records(tx: TransactionContext) -> None:
    """Create the table of what was copied, and remove records of sessions that are gone."""
    if not _has_records(tx):  # PostgreSQL asks for the right to create also where it exists
        tx.create_table(copied_sessions)
        tx.backend.complete_copied(tx)
    tx.send(sql.DELETE_COPIED_WITHOUT_SESSION)


def _has_records(tx: TransactionContext) -> bool:
    """Whether the store was the target of a copy itself."""
    records = SchemaPart("table", copied_sessions.name, "")
    return records in schema_parts_from(tx.fetch_all(tx.backend.parts))


def _recorded(tx: TransactionContext, sid: str) -> str | None:
    """The checksum of a session as it was copied to this store."""
    row = tx.fetch_first(sql.SELECT_COPIED, sid=sid)
    return None if row is None else text_from(*row, "checksum", session_label, sid)


def _record(tx: TransactionContext, sid: str, checksum: bytes) -> None:
    """Record that the session has this checksum at both stores."""
    if _recorded(tx, sid) != checksum.hex():
        tx.send(sql.DELETE_COPIED, sid=sid)
        tx.send(sql.INSERT_COPIED, session_id=sid, checksum=checksum.hex())


def _copy_page(
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
        copied = {_recorded(source, sid)} if source_has_records else set()
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
) -> tuple[str, _Reading]:
    """Copy a session and read it back.

    ``copied`` has checksums that the session is known to have had at the source, besides the one
    that the target recorded. Returns whether it was copied, replaced or skipped, and how it was
    read from the source.
    """
    sid = cells["id"]
    target.fetch_first(LOCK_SESSION, sid=sid)
    existing = _session_cells(target, sid)
    if existing is not None:
        of_source = _Reading(source, cells).finish()
        present = _Reading(target, existing).finish().checksum()
        if present == of_source.checksum():
            _record(target, sid, present)
            return "skipped", of_source
        if present.hex() not in {*copied, _recorded(target, sid)}:
            raise SessionExistsError(sid, advice=_CONFLICT_ADVICE)
        _check_is_earlier(existing, cells)
        delete_sessions(target, [sid])
    reading = _Reading(source, cells)
    # on some databases the recorded expiry lags behind; it is copied exact
    expires_at = expiry(cells["last_accessed"], cells["ttl"])
    target.execute(sql.INSERT_SESSION, **(cells | {"expires_at": expires_at}))
    for table, rows in reading.pages():
        target.send_many(table.insert, [named(table.columns, row) for row in rows])
    written = _session_cells(target, sid)
    if written is None or _Reading(target, written).finish().checksum() != reading.checksum():
        message = (
            f"the target does not return session {sid!r} as it was written. Nothing of it was kept."
        )
        raise StoreError(message)
    _record(target, sid, reading.checksum())
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


class _Reading:
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

    def finish(self) -> _Reading:
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
