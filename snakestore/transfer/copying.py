"""One copy in progress, and its report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from snakestore.errors import CorruptStoreError, StoreError
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.driver_errors import violates_check
from snakestore.storage.execution.runner import Runner
from snakestore.storage.queries import copying as sql
from snakestore.storage.schema.copied import copied_sessions
from snakestore.transfer.records import has_records, prepare_records
from snakestore.transfer.sessions import copy_sessions

Progress = Callable[[int, int], None]
SESSIONS_PER_TRANSACTION = 50
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


class Copying:
    """One copy in progress: page by page, with its counts and its checksum."""

    def __init__(self, source: Runner, target: Runner, progress: Progress | None) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._source_has_records = False
        self._counts = Counter[str]()
        self._checksum = hashlib.sha256()
        self._damaged: dict[str, StoreError] = {}

    def run(self) -> CopyReport:
        """Copy in pages: each is one snapshot of the source and one transaction of the target."""
        self._prepare_records()
        self._source_has_records = self._source.lookup(has_records)
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
            self._target.write_alone(prepare_records)
        except StoreError as error:
            if type(error) is not StoreError or self._target.lookup(has_records):
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
        except StoreError as error:
            if not _is_damage(error):
                raise
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
            copy_sessions, source, ids, source_has_records=self._source_has_records
        )


def _is_damage(error: StoreError) -> bool:
    """Whether what was read is damaged, or has a row that the rules of the schema refuse."""
    if isinstance(error, CorruptStoreError):
        return True
    return error.__cause__ is not None and violates_check(error.__cause__)


def _damage(damaged: dict[str, StoreError]) -> CorruptStoreError:
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
