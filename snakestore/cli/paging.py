"""Listings that are read in pages, each a range of an index, while they are printed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from snakestore.cli.console import is_terminal, print_line

PAGE = 500
LIMIT_ON_A_TERMINAL = 100

Item = TypeVar("Item")


class Listing(Generic[Item]):
    """What a command lists, ordered by a key.

    Without a limit, a table on a terminal shows the first 100, other output has everything.

    Args:
        read: returns at most so many items that follow a key.
        key: the key of an item.
        limit: the greatest number of items.
        after: list only what follows this key.
        whole: whether the output is for a program.
    """

    def __init__(
        self,
        read: Callable[[str | None, int], list[Item]],
        key: Callable[[Item], str],
        *,
        limit: int | None,
        after: str | None,
        whole: bool,
    ) -> None:
        self._read = read
        self._key = key
        self._limit = limit
        self._after = after
        self._shortened = limit is None and not whole and is_terminal()
        if self._shortened:
            self._limit = LIMIT_ON_A_TERMINAL

    def __iter__(self) -> Iterator[Item]:
        remaining = self._limit
        while remaining is None or remaining > 0:
            size = PAGE if remaining is None else min(PAGE, remaining)
            page = self._read(self._after, size)
            yield from page
            if len(page) < size:
                return
            self._after = self._key(page[-1])
            remaining = None if remaining is None else remaining - len(page)

    def print_rest(self) -> None:
        """Say on stderr how to list what was not listed."""
        if self._shortened and self._after is not None and self._read(self._after, 1):
            print_line(
                f"More follow. Add --after {shlex.quote(self._after)}, or --limit.", err=True
            )
