"""The open ``transaction()`` blocks of one database, of all repositories of this process.

A write waits for the block of another caller. For one that its own caller has open it would wait in
vain, also through another repository.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from snakestore.errors import StoreBusyError
from snakestore.storage.execution.ownership import caller_noun, current_caller
from snakestore.storage.paths import real_path

SECONDS_IN_VAIN = 0.5
"""How long a write waits at most for a lock that its own caller holds by another repository."""
_REMEDY = (
    "Use the repository that transaction() returned, or end the block first. A function of"
    " modify_variable runs in such a block: call methods before or after it."
)


class OpenBlocks(dict[object, tuple[object, Any]]):
    """Who opened each block that a write waits for, and the source of its connection.

    By block, not by opener: a block may be left in another thread than it was entered in.
    """

    def used_by_caller(self) -> list[Any]:
        """The sources of the connections of all blocks that the caller itself has open."""
        caller = current_caller()
        return [source for opener, source in list(self.values()) if opener == caller]

    def refuse_deadlock(self, source: Any) -> None:
        """Refuse to wait for a connection of ``source`` that the caller's own block uses.

        Raises:
            StoreBusyError: the caller would.
        """
        for used in self.used_by_caller():
            if used is source:
                message = (
                    f"would deadlock: {caller_noun()} already has an open transaction() on this"
                    f" repository. {_REMEDY}"
                )
                raise StoreBusyError(message)
            if used.turns is source.turns:
                raise held_by_waiting(source.limit)

    def in_vain(self, source: Any) -> bool:
        """Whether the caller has an open block of another source than ``source``."""
        return any(used is not source for used in self.used_by_caller())


_of_files: WeakValueDictionary[str, OpenBlocks] = WeakValueDictionary()


def blocks_of_file(path: str | None) -> OpenBlocks:
    """The open blocks of all repositories on a SQLite file. None: of one repository on a server."""
    if path is None:
        return OpenBlocks()
    return _of_files.setdefault(real_path(path), OpenBlocks())


def blocked_by_own() -> StoreBusyError:
    """The error for a write that waited for a block of its own caller."""
    return StoreBusyError(
        f"would deadlock: {caller_noun()} has an open transaction() of another repository on this"
        f" database. Nothing was written. {_REMEDY}"
    )


def held_by_waiting(limit: int) -> StoreBusyError:
    """The error for a caller that would complete a deadlock over ``limit`` connections."""
    if limit == 1:
        return StoreBusyError(
            f"would deadlock: {caller_noun()} already uses the only connection. Nothing was"
            f" written. {_REMEDY}"
        )
    return StoreBusyError(
        f"would deadlock: all {limit} connections are used by callers that wait for another one, as"
        f" {caller_noun()} does. Nothing was written. {_REMEDY} Or increase max_connections."
    )
