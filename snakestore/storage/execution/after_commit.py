"""What the caller of a write gives up once it is committed, before the disk has synced it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

R = TypeVar("R")

_give_up: ContextVar[Callable[[], None] | None] = ContextVar("snakestore_give_up", default=None)


def giving_up(give_up: Callable[[], None], call: Callable[[], R]) -> R:
    """Run ``call``. Before it waits for a sync, after its commit, call ``give_up``.

    It may be called more than once, or never.
    """
    token = _give_up.set(give_up)
    try:
        return call()
    finally:
        _give_up.reset(token)


def give_up() -> None:
    """Give up what other writers wait for. The write lock is free by now."""
    call = _give_up.get()
    if call is not None:
        call()
