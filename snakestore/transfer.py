"""Moving a store to another database, as it is stored: SQLite to PostgreSQL, back, or to another of its kind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import URL, Engine

from snakestore.clock import to_text
from snakestore.errors import SessionExistsError, StoreError, ValidationError
from snakestore.repository import SessionRepository
from snakestore.repository.sessions import delete_sessions
from snakestore.session import expiry
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import translate_errors
from snakestore.storage.execution.runner import Runner
from snakestore.storage.migrate.inspection import (
    check_not_newer,
    check_up_to_date,
    inspect_connection,
)
from snakestore.storage.migrate.upgrade import upgrade
from snakestore.storage.queries import copying as sql
from snakestore.storage.queries.sessions import LOCK_SESSION
from snakestore.storage.queries.statement import Row
from snakestore.storage.url import describe

Place = str | os.PathLike[str] | URL | Engine
Progress = Callable[[int, int], None]

SESSIONS_A_TRANSACTION = 50
MOST_KEYS = 500
MAX_BYTES = 4_000_000
"""About how much of a session is in memory at once; a value that is larger by itself is there
alone.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What ``copy`` did. All rows were read back from the target and had the source's checksums before they were committed."""

    sessions: int
    """Sessions of the source, expired ones among them."""
    copied: int
    replaced: int
    """Sessions of which the target had an earlier state."""
    skipped: int
    """Sessions that the target had already, equal."""
    variables: int
    versions: int
    programs: int
    checksum: str
    """SHA-256 over all sessions, by id: the same for equal stores, whatever the database."""


def copy(source: Place, target: Place, *, progress: Progress | None = None) -> CopyReport:
    """Copy every session with its variables, history and programs to another store, exactly as it is stored.

    Texts, bytes, times, versions and counters are the same there, of expired sessions too; nothing
    counts as an access. A target that is missing or older is made or migrated first. It may hold
    other sessions; they stay. Copying again skips what is equal there already and replaces what the
    source has changed since, so that a copy that was cut short goes on, and a store in use is moved
    by a long copy, then a short one after its users stopped. Memory stays small.

    Args:
        source: a path, URL or Engine, with the present schema. Each session is read from one
            snapshot; nothing is changed.
        target: a path, URL or Engine.
        progress: called with the number of sessions done and of all of them, after each small
            transaction.

    Raises:
        ValidationError: source and target are the same database.
        SessionExistsError: the target has a session of that id which is another, or was used there
            since it was copied.
        SchemaError: the source has not the present schema, or the target is not ours to migrate.
        StoreError: one of them is out of reach, or the target did not give back what was written.
    """
    with ExitStack() as stack:
        reader = _opened(stack, source)
        writer = _opened(stack, target, migrate=True)
        if source is target or _identity(reader) == _identity(writer):
            message = "source and target are the same database: nothing was copied"
            raise ValidationError(message)
        return _Copying(reader, writer, progress).run()


def _opened(stack: ExitStack, place: Place, *, migrate: bool = False) -> SessionRepository:
    """A repository on a place, whose schema is the present one."""
    if not isinstance(place, Engine):
        return stack.enter_context(SessionRepository.open(place, migrate=migrate))
    if migrate:
        upgrade(place)
    else:
        with translate_errors(), place.connect() as connection:
            found, where = inspect_connection(connection), describe(place.url)
        check_not_newer(found, where)
        check_up_to_date(found, where)
    return stack.enter_context(SessionRepository(place))


def _runner(repository: SessionRepository) -> Runner:
    return repository._runner  # noqa: SLF001 - whole rows are no matter of a verb


def _identity(repository: SessionRepository) -> object:
    """What two ways to the same database have in common."""

    def ask(tx: TransactionContext) -> object:
        return tx.backend.identity(tx.fetch_one(tx.backend.whereabouts))

    return _runner(repository).lookup(ask)


class _Copying:
    """One copy, on its way."""

    def __init__(
        self, source: SessionRepository, target: SessionRepository, progress: Progress | None
    ) -> None:
        self._source = _runner(source)
        self._target = _runner(target)
        self._progress = progress
        self._tally = dict.fromkeys(
            ("sessions", "copied", "replaced", "skipped", *(part.name for part in sql.PARTS)), 0
        )
        self._checksum = hashlib.sha256()

    def run(self) -> CopyReport:
        """All sessions, page by page; each page is one snapshot of the source and one transaction of the target."""
        total: int = self._source.lookup(lambda tx: tx.fetch_one(sql.COUNT)[0])
        after = ""
        while ids := self._source.lookup(_ids, after):
            tally, sums = self._source.read(self._page, ids)
            for name, count in tally.items():
                self._tally[name] += count
            for checksum in sums:
                self._checksum.update(checksum)
            after = ids[-1]
            if self._progress is not None:
                self._progress(self._tally["sessions"], max(total, self._tally["sessions"]))
        counts = self._tally
        return CopyReport(
            sessions=counts["sessions"],
            copied=counts["copied"],
            replaced=counts["replaced"],
            skipped=counts["skipped"],
            variables=counts["variables"],
            versions=counts["variable_versions"],
            programs=counts["programs"],
            checksum=self._checksum.hexdigest(),
        )

    def _page(
        self, source: TransactionContext, ids: list[str]
    ) -> tuple[dict[str, int], list[bytes]]:
        return self._target.write(_copy_page, source, ids)


def _ids(tx: TransactionContext, after: str) -> list[str]:
    return [sid for (sid,) in tx.fetch_all(sql.IDS, after=after, most=SESSIONS_A_TRANSACTION)]


def _copy_page(
    target: TransactionContext, source: TransactionContext, ids: list[str]
) -> tuple[dict[str, int], list[bytes]]:
    tally = dict.fromkeys(
        ("sessions", "copied", "replaced", "skipped", *(part.name for part in sql.PARTS)), 0
    )
    sums = []
    for sid in ids:
        row = source.fetch_first(sql.SESSION, sid=sid)
        if row is None:
            continue  # deleted meanwhile
        told, reading = _copy_session(target, source, row)
        tally["sessions"] += 1
        tally[told] += 1
        for name, count in reading.counts.items():
            tally[name] += count
        sums.append(reading.digest())
    return tally, sums


def _copy_session(
    target: TransactionContext, source: TransactionContext, row: Row
) -> tuple[str, _Reading]:
    sid = row[0]
    target.fetch_first(LOCK_SESSION, sid=sid)
    there = target.fetch_first(sql.SESSION, sid=sid)
    if there is not None:
        of_source, of_target = _Reading(source, row).finish(), _Reading(target, there).finish()
        if of_source.digest() == of_target.digest():
            return "skipped", of_source
        _refuse_unless_earlier(row, there)
        delete_sessions(target, [sid])
    reading = _Reading(source, row)
    target.execute(sql.INSERT_SESSION, **_session_columns(row))
    for part, rows in reading.pages():
        target.execute_many(
            part.insert, [dict(zip(part.columns, each, strict=True)) for each in rows]
        )
    written = target.fetch_first(sql.SESSION, sid=sid)
    if written is None or _Reading(target, written).finish().digest() != reading.digest():
        message = (
            f"session {sid!r} is not read back from the target as it was written; nothing of it was"
            " kept"
        )
        raise StoreError(message)
    return "copied" if there is None else "replaced", reading


def _session_columns(row: Row) -> dict[str, Any]:
    """The session's columns; its expiry is written exactly, for only some kinds of database let it lag."""
    columns = dict(zip(sql.SESSION_COLUMNS, row, strict=True))
    return columns | {"expires_at": expiry(columns["last_accessed"], columns["ttl"])}


def _refuse_unless_earlier(row: Row, there: Row) -> None:
    """Refuse to replace what is not an earlier state of the same session.

    Raises:
        SessionExistsError: it is another session, or was used since it was copied.
    """
    ours, theirs = (dict(zip(sql.SESSION_COLUMNS, each, strict=True)) for each in (row, there))
    if (
        ours["created_at"] != theirs["created_at"]
        or ours["last_accessed"] < theirs["last_accessed"]
    ):
        raise SessionExistsError(row[0])


class _Reading:
    """A session as it is read through, page by page, with its checksum and its counts."""

    def __init__(self, tx: TransactionContext, row: Row) -> None:
        self._context = tx
        self._sid = row[0]
        self._hash = hashlib.sha256()
        self.counts = dict.fromkeys((part.name for part in sql.PARTS), 0)
        # when a session expires follows from its access and ttl; how exactly that is kept is the
        # database's own affair
        self._hash_rows(
            [
                tuple(
                    value
                    for name, value in zip(sql.SESSION_COLUMNS, row, strict=True)
                    if name != "expires_at"
                )
            ]
        )

    def pages(self) -> Iterator[tuple[sql.Part, list[Row]]]:
        """All rows, in the order in which they may be written."""
        for part in sql.PARTS:
            self._hash.update(part.name.encode())
            for rows in self._pages_of(part):
                self.counts[part.name] += len(rows)
                self._hash_rows(rows)
                yield part, rows

    def finish(self) -> _Reading:
        """Read to the end, for the checksum alone."""
        for _ in self.pages():
            pass
        return self

    def digest(self) -> bytes:
        """The checksum of what was read."""
        return self._hash.digest()

    def _pages_of(self, part: sql.Part) -> Iterator[list[Row]]:
        width = len(part.key)
        after: tuple[Any, ...] = part.before
        while keys := self._context.fetch_all(
            part.sizes, sid=self._sid, most=MOST_KEYS, **_named("after", after)
        ):
            first, size = 0, 0
            for number, key in enumerate(keys):
                size += key[width]
                if size >= MAX_BYTES or number == len(keys) - 1:
                    bounds = _named("first", keys[first][:width]) | _named("last", key[:width])
                    yield self._context.fetch_all(part.rows, sid=self._sid, **bounds)
                    first, size = number + 1, 0
            after = keys[-1][:width]

    def _hash_rows(self, rows: list[Row]) -> None:
        for row in rows:
            for value in row:
                kind, content = _plain(value)
                self._hash.update(b"%s%d:" % (kind, len(content)))
                self._hash.update(content)


def _named(prefix: str, key: tuple[Any, ...]) -> dict[str, Any]:
    return {f"{prefix}_{number}": value for number, value in enumerate(key)}


def _plain(value: Any) -> tuple[bytes, bytes]:
    """A column's value as bytes that are the same whatever database it came from, and one letter for its type."""
    if value is None:
        return b"n", b""
    if isinstance(value, datetime):
        return b"t", to_text(value).encode()
    if isinstance(value, bytes):
        return b"b", value
    if isinstance(value, float):
        return b"f", value.hex().encode()
    return b"i" if isinstance(value, int) else b"s", str(value).encode()
