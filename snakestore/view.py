"""One session as a mapping of name to value: the public name of ``snakestore.repository.view``."""

from __future__ import annotations

from snakestore.repository.view import SessionView

__all__ = ["SessionView"]
