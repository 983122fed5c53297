"""Timers of an event loop that fire also where a test tool has stopped the clock.

asyncio reads ``time.monotonic``. A tool that replaces it, to freeze time, keeps its timers from
firing. Then threads wait instead, because the operating system's clock goes on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import BuiltinFunctionType
from typing import Any, Protocol


class Timer(Protocol):
    """A call that is due later."""

    def cancel(self) -> object:
        """Have the call not made, if it was not."""


def _clock_replaced() -> bool:
    return not isinstance(time.monotonic, BuiltinFunctionType)


def call_later(
    loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[..., None], *args: Any
) -> Timer:
    """Call ``callback`` on the event loop after some seconds."""
    if not _clock_replaced():
        return loop.call_later(seconds, callback, *args)

    def call() -> None:
        """Pass the callback on to the event loop. In the timer's thread."""
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(callback, *args)

    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), call)
    timer.daemon = True
    timer.start()
    return timer


async def wait_until_done(future: asyncio.Future[Any], seconds: float | None) -> None:
    """Wait until ``future`` is done, or for some seconds; None: without limit."""
    if seconds is None or not _clock_replaced():
        await asyncio.wait([future], timeout=seconds)
        return
    loop = asyncio.get_running_loop()
    alarm: asyncio.Future[None] = loop.create_future()
    timer = call_later(loop, seconds, _resolve, alarm)
    try:
        await asyncio.wait([future, alarm], return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        alarm.cancel()


async def sleep(seconds: float) -> None:
    """Suspend the task for some seconds."""
    if _clock_replaced():
        await wait_until_done(asyncio.get_running_loop().create_future(), seconds)
    else:
        await asyncio.sleep(seconds)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
