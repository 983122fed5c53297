"""SQLAlchemy's greenlets: synchronous code that awaits. All that is used of them is here.

SQLAlchemy exports these functions and does not document them. Code that never loaded greenlet pays
one look at ``sys.modules``.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from typing import TypeVar

R = TypeVar("R")


def in_greenlet() -> bool:
    """Whether this code runs in a greenlet of SQLAlchemy's, and may call ``wait_for``."""
    if "greenlet" not in sys.modules:
        return False
    from sqlalchemy.util import concurrency  # noqa: PLC0415 - optional

    return concurrency.in_greenlet()


def wait_for(awaitable: Awaitable[R]) -> R:
    """Await in synchronous code, while the event loop goes on. Only in a greenlet."""
    from sqlalchemy.util import concurrency  # noqa: PLC0415 - optional

    return concurrency.await_(awaitable)
