"""The methods that export sessions as records and import them."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import snakestore
from snakestore.errors import StoreError, ValidationError, shorten
from snakestore.repository.base import RepositoryBase
from snakestore.storage.execution.pool import CLOSED

if TYPE_CHECKING:
    from snakestore.repository.records.checking import CheckedRecords
    from snakestore.repository.records.exporting import Export

WAYS = ("fail", "skip", "replace")


class RecordMethods(RepositoryBase):
    """The methods that export sessions as records and import them."""

    def export_sessions(
        self,
        pattern: str | None = None,
        *,
        history: bool = True,
        include_expired: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Return the sessions as records that can be written as JSON, one a line.

        The records are of one snapshot, ordered by session id, and have all that sessions hold but
        leases. Memory stays bounded. Damaged sessions are omitted, and logged as a warning.
        Does not update ``last_accessed``. The snapshot is open until the iteration has ended: until
        then, SQLite's log cannot be truncated, and a database in memory cannot be used by this
        thread.

        Args:
            pattern: only ids that match (``*`` matches any run of characters, all else is literal).
            history: include past versions of variables and programs.
            include_expired: include expired sessions that were not deleted yet.

        Raises:
            InvalidNameError: if ``pattern`` is neither str nor Enum.
        """
        export = self._new_export(pattern, history=history, include_expired=include_expired)
        return self._exported(export)

    def import_sessions(
        self, records: Iterable[dict[str, Any]], *, on_conflict: str = "fail", dry_run: bool = False
    ) -> "snakestore.ImportReport":
        """Store the sessions of an export, with their versions, history and times.

        All records are checked before the first is stored, and all are stored in one transaction,
        or none. Larger imports are kept in a temporary file meanwhile, so that memory stays
        bounded. Leases are not restored. Stores the recorded accesses: a session that was not used
        for its ttl since then has expired, and ``revive_session`` brings it back.

        Args:
            records: what ``export_sessions`` returned, all of it, in its order.
            on_conflict: what to do with a session whose id a live session has. "fail": raise, and
                import nothing. "skip": leave the session of the store. "replace": delete it first.
                An expired session is no conflict; it is replaced.
            dry_run: check the records and return what an import would do; change nothing, and do
                not raise for conflicts.

        Raises:
            SessionExistsError: if a live session has the id of a record, and ``on_conflict`` is
                "fail".
            ValidationError: if the records are not a whole export of a format that this release
                knows; the message has the line (counted from 1) and the reason.
            UnknownTypeError: if a value has a type that is not registered.
            StoreError: if the repository is closed, or the records cannot be kept in the temporary
                folder.
        """
        way = checked_way(on_conflict)
        checked = self._new_records()
        try:
            checked.add_all(records)
            return self._import_checked(checked, way, dry_run=dry_run)
        finally:
            checked.close()

    def _new_export(self, pattern: object, *, history: bool, include_expired: bool) -> "Export":
        from snakestore.repository.records.exporting import Export  # noqa: PLC0415 - on use

        return Export(pattern, history=bool(history), include_expired=bool(include_expired))

    def _exported(self, export: "Export") -> Iterator[dict[str, Any]]:
        with self.transaction(read_only=True) as snapshot:
            while page := snapshot._export_page(export):  # noqa: SLF001 - of this class
                yield from page

    def _export_page(self, export: "Export") -> list[dict[str, Any]]:
        return self._runner.read(export.next_page)

    def _new_records(self) -> "CheckedRecords":
        if self._closed:
            raise StoreError(CLOSED)  # before anything is read
        from snakestore.repository.records.checking import CheckedRecords  # noqa: PLC0415 - on use

        return CheckedRecords(self._runner.max_value_bytes)

    def _import_checked(
        self, records: "CheckedRecords", way: str, *, dry_run: bool
    ) -> "snakestore.ImportReport":
        from snakestore.repository.records.importing import (  # noqa: PLC0415 - on use
            import_records,
            preview_import,
        )

        records.finish()
        if dry_run:
            return self._runner.read(preview_import, records, way)
        return self._runner.write(import_records, records, way)


def checked_way(on_conflict: object) -> str:
    """What to do with a conflict.

    Raises:
        ValidationError: if it is none of WAYS.
    """
    if on_conflict not in WAYS:
        message = f"on_conflict must be one of {', '.join(WAYS)}, not {shorten(on_conflict)}"
        raise ValidationError(message, value=on_conflict)
    return str(on_conflict)
