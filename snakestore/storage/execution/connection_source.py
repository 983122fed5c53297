"""Where a runner gets its connections from, as one interface over pools and shared connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from snakestore.storage.execution.connection import ConnectionAdapter
from snakestore.storage.execution.open_blocks import OpenBlocks


class NotAtOnceError(Exception):
    """A read that must not wait would have to, or its access is to be recorded. Try it elsewhere.

    Nothing was done, and no connection is held.
    """


class ConnectionSource(Protocol):
    """Where a runner gets its connections from."""

    blocks: OpenBlocks
    """The open blocks of the database."""

    @property
    def limit(self) -> int:
        """How many connections are used at once."""

    @property
    def copied_by_fork(self) -> bool:
        """Whether a forked child has a copy of the database, and of an open transaction."""

    def acquire(self) -> ConnectionAdapter:
        """A connection for one operation or transaction."""

    def at_once(self, max_bytes: int) -> Callable[[], ConnectionAdapter] | None:
        """What gives an idle connection that reads small answers only. None: nothing does.

        It raises ``NotAtOnceError`` where none is idle.
        """

    def release(self, connection: Any) -> None:
        """Give a connection back, once; one that is broken is not used again."""

    def take_back(self, thread: int) -> None:
        """Put back what a thread got and no method of it uses."""

    def holds(self, connection: Any, owner: object) -> bool:
        """Whether ``owner`` uses the connection: a thread that acquired it, or a block."""

    def hand_over(self, connection: Any, owner: object) -> None:
        """Make ``owner`` the one that uses the connection."""

    @property
    def turns(self) -> object:
        """What the callers of the same connections have in common."""

    def close(self) -> None:
        """Give out no more connections, and close idle ones."""
