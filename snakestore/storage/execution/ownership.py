"""Who is calling: the identity by which a caller that would wait for itself is recognised.

It is the present thread, or the present asyncio task in a greenlet. It is not inherited: a thread
or task that a caller starts is another caller, even if it has the same context variables.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from snakestore.storage.sqlalchemy_internals import in_greenlet

R = TypeVar("R")

_substitute: ContextVar[tuple[object, object] | None] = ContextVar(
    "snakestore_substitute", default=None
)
"""A thread or task that does a part of a caller's work, and that caller."""


def current_caller() -> object:
    """The caller whose work is being done now."""
    here = _task() if in_greenlet() else threading.get_ident()
    substitute = _substitute.get()
    return here if substitute is None or substitute[0] != here else substitute[1]


def caller_noun() -> str:
    """What an error message calls the present caller."""
    return "this thread" if isinstance(current_caller(), int) else "this task"


def current_task_caller() -> object:
    """The caller for whom the present asyncio task works: itself, or another."""
    return _caller_of(_task())


def _caller_of(here: object) -> object:
    substitute = _substitute.get()
    # a copy of the context may have come to another thread or task, for which it does not hold
    return here if substitute is None or substitute[0] != here else substitute[1]


def run_for(caller: object, call: Callable[[], R]) -> R:
    """Run ``call`` in this thread or task as a part of what ``caller`` does.

    For asyncio, where a task's work is done by worker threads and helper tasks.
    """
    token = _substitute.set((_here(), caller))
    try:
        return call()
    finally:
        _substitute.reset(token)


def _here() -> object:
    return _task() if in_greenlet() else threading.get_ident()


def _task() -> object:
    import asyncio  # noqa: PLC0415 - loaded where there is a task

    task = asyncio.current_task()
    # a weak reference: a task that has ended may refer to what it leaves behind
    return None if task is None else weakref.ref(task)
