"""All methods about logs in one class, for what needs no others."""

from __future__ import annotations

from snakestore.repository.logs.reads import LogReadMethods
from snakestore.repository.logs.writes import LogWriteMethods


class LogMethods(LogReadMethods, LogWriteMethods):
    """Methods about logs."""
