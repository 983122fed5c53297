"""Print the warnings that the library logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from snakestore.cli.advice import print_message


class _Stderr(logging.Handler):
    """Prints log records to stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message alone, without the level and the logger."""
        print_message(record.getMessage())


@contextmanager
def printed_warnings() -> Iterator[None]:
    """Print the warnings of damaged sessions, which are not errors."""
    loggers = [logging.getLogger(name) for name in ("snakestore.sessions", "snakestore.sweep")]
    handler = _Stderr(logging.WARNING)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
