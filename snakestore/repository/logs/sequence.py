"""A log as a sequence of its values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import index as int_of
from typing import Any, TypeVar, overload

from snakestore.errors import LogNotFoundError
from snakestore.log import LogEntry
from snakestore.names import identifier_text
from snakestore.repository.arguments import MAX_COUNT, NOT_GIVEN
from snakestore.repository.logs.methods import LogMethods
from snakestore.repository.logs.reads import Page, read_length, read_page
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.execution.runner import Runner

D = TypeVar("D")
PAGE = 500
"""Entries that an iteration reads at once."""


class EmptyLogError(LogNotFoundError, IndexError):
    """``pop()`` of a log without entries. ``.session_id`` ``.log``."""


class LogView(Sequence[Any]):
    """A log as a sequence of its values, oldest first. A missing log is an empty sequence.

    Indexes count the present entries from both ends, as in a list; they are not positions. Each
    index or slice is read from one snapshot, and ``log[-20:]`` reads 20 entries. An iteration reads
    pages of 500, so it also returns entries that are appended meanwhile. Reading counts as an
    access. Creating a view touches nothing. A missing session raises SessionNotFoundError.
    """

    __slots__ = ("name", "repository", "session_id")

    def __init__(self, repository: LogMethods, session_id: str, name: str) -> None:
        """View a log.

        Args:
            repository: the repository to read from and write to.
            session_id: the session's id; the session need not exist yet.
            name: the log's name; the log need not exist yet.

        Raises:
            InvalidNameError: if the id or the name is neither str nor Enum.
        """
        self.repository = repository
        self.session_id = identifier_text(session_id, "session id")
        self.name = identifier_text(name, "log name")

    @property
    def _runner(self) -> Runner:
        return self.repository._runner  # noqa: SLF001 - a view shares its repository's runner

    def __repr__(self) -> str:
        return f"LogView({self.session_id!r}, {self.name!r})"

    def _repr_html_(self) -> str:
        from snakestore.repository.logs.notebook import log_html  # noqa: PLC0415 - on use

        return log_html(self._runner, self.session_id, self.name)

    # --- reading

    def __len__(self) -> int:
        return self._runner.lookup(read_length, self.session_id, self.name) or 0

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        number = int_of(index)
        newest = number < 0
        for entry in self._read(
            Page(limit=1, offset=_capped(-1 - number if newest else number), newest=newest)
        ):
            return entry.value
        message = "log index out of range"
        raise IndexError(message)

    def __iter__(self) -> Iterator[Any]:
        page = Page(limit=PAGE)
        while entries := self._read(page):
            yield from (entry.value for entry in entries)
            if len(entries) < PAGE:
                return
            page = Page(above=entries[-1].position, limit=PAGE)

    def __reversed__(self) -> Iterator[Any]:
        page = Page(limit=PAGE, newest=True)
        while entries := self._read(page):
            yield from (entry.value for entry in reversed(entries))
            if len(entries) < PAGE:
                return
            page = Page(below=entries[0].position, limit=PAGE, newest=True)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Return the first index at which the log has ``value``.

        Raises:
            ValueError: if the log does not have it.
        """
        first, last, _ = slice(start, stop).indices(len(self))
        for number, each in enumerate(self):
            if number >= last:
                break
            if number >= first and (each is value or each == value):
                return number
        message = f"{value!r} is not in the log"
        raise ValueError(message)

    def _read(self, page: Page) -> list[LogEntry]:
        return self._runner.lookup(read_page, self.session_id, self.name, page) or []

    def _slice(self, given: slice) -> list[Any]:
        step = 1 if given.step is None else int_of(given.step)
        page = _page_of(given) if step > 0 else None
        if page is None:
            return self._runner.read(_read_slice, self.session_id, self.name, given)
        return [entry.value for entry in self._read(page)][::step]

    # --- writing

    def append(self, value: Any) -> None:
        """Append one value."""
        self.repository.append_log(self.session_id, self.name, [value])

    def extend(self, values: Iterable[Any]) -> None:
        """Append several values, in one step."""
        self.repository.append_log(self.session_id, self.name, values)

    @overload
    def pop(self) -> Any: ...

    @overload
    def pop(self, default: D) -> Any | D: ...

    def pop(self, default: Any = NOT_GIVEN) -> Any:
        """Remove the newest value and return it, or return ``default`` if there is none.

        Raises:
            TypeError: if ``default`` is an int, which would be an index for ``list.pop``.
            LogNotFoundError: if there is none and no default. It is an IndexError too.
        """
        if isinstance(default, int) and not isinstance(default, bool):
            message = (
                "pop() of a log takes no index: it removes the newest value. Use pop_log() for a"
                " default that is an int, and trim_log() to drop the oldest values."
            )
            raise TypeError(message)
        if default is not NOT_GIVEN:
            return self.repository.pop_log(self.session_id, self.name, default)
        try:
            return self.repository.pop_log(self.session_id, self.name)
        except LogNotFoundError as error:
            raise EmptyLogError(error.session_id, error.log, empty=True) from error

    def clear(self) -> None:
        """Drop all values. Positions go on rising from where they were."""
        self.repository.trim_log(self.session_id, self.name, keep_last=0)


def _page_of(given: slice) -> Page | None:
    """The page of a slice whose bounds count from one end; None: the length has to be known."""
    start = 0 if given.start is None else int_of(given.start)
    stop = None if given.stop is None else int_of(given.stop)
    if start >= 0 and (stop is None or stop >= 0):
        limit = None if stop is None else _capped(max(0, stop - start))
        return Page(offset=_capped(start) or None, limit=limit)
    if start < 0 and (stop is None or stop < 0):
        end = 0 if stop is None else -stop
        return Page(offset=_capped(end) or None, limit=_capped(max(0, -start - end)), newest=True)
    if start == 0 and stop is not None:
        return Page(offset=_capped(-stop), newest=True)
    return None


def _read_slice(tx: TransactionContext, sid: str, log: str, given: slice) -> list[Any]:
    """The values of any slice, from the end that is nearer."""
    length = read_length(tx, sid, log) or 0
    indexes = range(length)[given]
    if not indexes:
        return []
    first, last = sorted((indexes[0], indexes[-1]))
    newest = length - 1 - last < first
    page = Page(
        offset=length - 1 - last if newest else first, limit=last - first + 1, newest=newest
    )
    values = [entry.value for entry in read_page(tx, sid, log, page) or []]
    return [values[index - first] for index in indexes]


def _capped(number: int) -> int:
    """A count that a database takes; no log is that long."""
    return min(number, MAX_COUNT)
