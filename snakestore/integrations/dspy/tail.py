"""The end of a log, read as it grows."""

from __future__ import annotations

from collections.abc import Iterator

from snakestore.errors import LogNotFoundError
from snakestore.log import LogEntry
from snakestore.repository import SessionRepository

_PAGE = 500


class LogTail:
    """Reads each entry of a log once, in order. Not for several threads at once."""

    def __init__(self, repository: SessionRepository, sid: str, log: str) -> None:
        self._repository = repository
        self._sid = sid
        self._log = log
        self._after: int | None = None

    def new_entries(self) -> Iterator[LogEntry]:
        """The entries that were not read yet; none if there is no such log."""
        while True:
            try:
                page = self._repository.read_log(
                    self._sid, self._log, after=self._after, limit=_PAGE
                )
            except LogNotFoundError:
                return
            for entry in page:
                self._after = entry.position
                yield entry
            if len(page) < _PAGE:
                return
