"""Recognises a method that a signal handler or finalizer calls inside another method.

The interrupted method cannot go on before the inner one returns, so the inner one must not wait
for what the other holds.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from traceback import walk_stack
from types import CodeType, FrameType
from typing import Any

from snakestore.errors import StoreBusyError
from snakestore.storage.sqlalchemy_internals import in_greenlet

NESTED = (
    "this thread is inside another method of this repository: a signal handler, a finalizer, the"
    " clock, a custom type or a mapping called this one. Nothing was written; call it after the"
    " other method has returned."
)

_WAIT = 5.0
"""How long to wait for another thread that cleans up, in seconds."""
_MAX_INTERRUPTIONS = 1000
"""How many exceptions from outside do not end that wait."""
_NO_THREAD = "can't start new thread"
"""What Python raises then."""

_methods: set[CodeType] = set()
"""Of the functions that hold a connection while they run."""


def holds_connection(code: CodeType) -> None:
    """Note a function that holds a connection in ``connection`` while it runs."""
    _methods.add(code)


def refuse_nested() -> None:
    """Refuse a call within another method of this thread that uses the same connections.

    Raises:
        StoreBusyError: it is one.
    """
    if in_greenlet():
        return
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented
    source: object = None
    while frame is not None:
        if frame.f_code in _methods:
            found = frame.f_locals["self"].turns
            if source is None:
                source = found
            elif found is source and not _calls_user(frame):
                raise StoreBusyError(NESTED)
        frame = frame.f_back


def connections_in_use(thread: int, turns: object) -> list[Any] | None:
    """The connections that methods of a thread use, outside of the one that it is in.

    None if that cannot be known: a signal handler has called that one while another method was
    about to get its connection, or the thread runs greenlets.
    """
    if in_greenlet():
        return None
    top = sys._current_frames().get(thread)  # noqa: SLF001 - documented
    methods = [frame for frame, _ in walk_stack(top) if frame.f_code in _methods]
    used = [
        frame.f_locals.get("connection")
        for frame in methods[1:]
        if frame.f_locals["self"].turns is turns
    ]
    return None if None in used else used


def _calls_user(frame: FrameType) -> bool:
    connection = frame.f_locals.get("connection")
    return connection is not None and connection.holder is not None


def check_stack(levels: int = 20) -> None:
    """Check that there is enough stack to end a transaction.

    Raises:
        RecursionError: there is not.
    """
    if levels:
        check_stack(levels - 1)


def run_elsewhere(call: Callable[..., object], *arguments: object) -> None:
    """Run a call in another thread, and wait for it: where this one has no stack left.

    It takes as little stack as may be, and no part of Python's ``threading``. An exception that
    comes from outside is raised when the call has ended, for both threads may use one connection.
    """
    interruption: BaseException | None = None
    ended: _thread.LockType | None = None
    done: list[bool] = []  # an exception may come when the lock was acquired
    started = False
    for _ in range(_MAX_INTERRUPTIONS):
        try:
            if not started:
                ended = _thread.allocate_lock()
                ended.acquire()
                started = True
                _thread.start_new_thread(_run_and_release, (call, arguments, ended, done))
            if ended is not None and not done:
                ended.acquire(timeout=_WAIT)
            break
        except BaseException as error:
            if str(error) == _NO_THREAD:
                raise
            interruption = error
    if interruption is not None:
        raise interruption


def _run_and_release(
    call: Callable[..., object],
    arguments: tuple[object, ...],
    ended: _thread.LockType,
    done: list[bool],
) -> None:
    try:
        call(*arguments)
    finally:
        done.append(True)
        ended.release()
