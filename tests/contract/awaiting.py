"""Calls the async repository synchronously: each method is awaited on a loop in a thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, Self, TypeVar

import pytest
from sqlalchemy.util.concurrency import await_, in_greenlet

from snakestore import AsyncSessionRepository

R = TypeVar("R")


class Caller:
    """The task of one calling thread. It awaits the methods that the thread calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: asyncio.Queue[tuple[Callable[[], Any], Future[Any]] | None] = asyncio.Queue()
        loop.call_soon_threadsafe(self._start, self._calls)

    def _start(self, calls: asyncio.Queue[Any]) -> None:
        tasks.add(task := self._loop.create_task(_serve(calls)))
        task.add_done_callback(tasks.discard)

    def call(self, start: Callable[[], Coroutine[Any, Any, R]]) -> R:
        result: Future[R] = Future()
        self._loop.call_soon_threadsafe(self._calls.put_nowait, (start, result))
        return result.result(120)

    def __del__(self) -> None:  # the thread has ended
        self._loop.call_soon_threadsafe(self._calls.put_nowait, None)


tasks: set[asyncio.Task[None]] = set()


async def _serve(calls: asyncio.Queue[tuple[Callable[[], Any], Future[Any]] | None]) -> None:
    while (call := await calls.get()) is not None:
        start, result = call
        try:
            result.set_result(await start())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
            result.set_exception(error)
        del call, start, result


class Loop:
    """An event loop in a thread; each thread that calls is one task there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._callers = threading.local()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="event loop of the contract", daemon=True
        )
        self._thread.start()

    def call(self, start: Callable[[], Coroutine[Any, Any, R]]) -> R:
        """What ``start`` gives, awaited."""
        if (
            threading.current_thread() is self._thread
        ):  # a callback of a verb's, which runs in a greenlet on the loop
            assert in_greenlet(), "what runs on the loop must not wait for it"
            return await_(start())
        if not hasattr(self._callers, "caller"):
            self._callers.caller = Caller(self._loop)
        caller: Caller = self._callers.caller
        return caller.call(start)


class Awaiter:
    """A SessionRepository to look at, an AsyncSessionRepository inside."""

    def __init__(self, loop: Loop, repository: Any) -> None:
        self._loop = loop
        self._repository = repository

    @classmethod
    def open(
        cls, loop: Loop, start: Callable[[], Coroutine[Any, Any, AsyncSessionRepository]]
    ) -> Self:
        """Open what ``start`` awaits."""
        return cls(loop, loop.call(start))

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._repository, name)
        if not inspect.iscoroutinefunction(
            inspect.unwrap(verb)
        ) and not inspect.iscoroutinefunction(verb):
            return verb
        return lambda *args, **kwargs: self._loop.call(lambda: verb(*args, **kwargs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def session(self, *_: object, **__: object) -> Any:
        """Async has no view."""
        pytest.skip("there is no mapping view in async")

    def log(self, *_: object, **__: object) -> Any:
        """Nor a sequence."""
        pytest.skip("there is no log() in async")

    def export_sessions(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """The async iterator, each step of it awaited."""
        records = self._repository.export_sessions(*args, **kwargs)
        try:
            while (record := self._loop.call(partial(anext, records, None))) is not None:
                yield record
        finally:
            self._loop.call(records.aclose)

    @contextmanager
    def lease(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """The async lease, entered and left on the loop."""
        with _on_loop(self._loop, self._repository.lease(*args, **kwargs)) as lease:
            yield Awaiter(self._loop, lease)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[Awaiter]:
        """The async transaction, entered and left on the loop."""
        block = self._repository.transaction(read_only=read_only)
        with _on_loop(self._loop, block) as repository:
            yield Awaiter(self._loop, repository)


@contextmanager
def _on_loop(loop: Loop, block: Any) -> Iterator[Any]:
    """A block that is entered and left on the loop."""
    inner = loop.call(block.__aenter__)
    try:
        yield inner
    except BaseException as error:
        told = partial(block.__aexit__, type(error), error, error.__traceback__)
        if not loop.call(told):
            raise
    else:
        loop.call(partial(block.__aexit__, None, None, None))
