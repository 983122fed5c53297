"""Detect that the process has run out of file descriptors, which drivers report as other errors."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from snakestore.errors import StoreError

EXHAUSTED = (
    "the process has run out of file descriptors; nothing was written. Raise the limit"
    " (`ulimit -n`), lower max_connections, or close files that are no longer used"
)
_ERRNOS = {errno.EMFILE, errno.ENFILE}
_NEEDED = 4
"""How many descriptors a connection to a database may take."""


def exhausted() -> bool:
    """Whether so few descriptors are free that a connection cannot be opened."""
    opened: list[int] = []
    try:
        for _ in range(_NEEDED):
            opened.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - closed below
    except OSError as error:
        return says_exhausted(error)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return False


def says_exhausted(error: BaseException) -> bool:
    """Whether an error of the operating system says that no descriptor is free."""
    return isinstance(error, OSError) and error.errno in _ERRNOS


@contextmanager
def translate_exhaustion() -> Iterator[None]:
    """Translate the OSError that says that no descriptor is free.

    Raises:
        StoreError: that happened.
    """
    try:
        yield
    except OSError as error:
        if not says_exhausted(error):
            raise
        message = f"{EXHAUSTED} ({error.strerror})"
        raise StoreError(message) from error
