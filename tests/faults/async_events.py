"""An exception at each event that a tracer sees of our code for asyncio, and what must hold after.

Only frames of ``snakestore.aio`` are traced, and all of snakestore's for a read that runs on the
event loop. In asyncio's own code an exception may lose the step of a task, which nothing can make
good.
"""

from __future__ import annotations

import asyncio
import dis
import logging
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from functools import cache
from inspect import CO_COROUTINE
from types import CodeType, FrameType
from typing import Any

from snakestore import AsyncSessionRepository, SessionRepository
from tests.faults.async_storm import opened
from tests.faults.storm import STORES, Store, check_idle

IN_TASKS = 3
"""How many tasks run a method at the same time, so that some wait."""


async def in_block(repository: AsyncSessionRepository) -> None:
    async with repository.transaction() as transaction:
        await transaction.modify_variable("s", "n", lambda n: n + 1)


async def in_nested_block(repository: AsyncSessionRepository) -> None:
    async with repository.transaction() as outer, outer.transaction() as inner:
        await asyncio.gather(
            inner.modify_variable("s", "n", lambda n: n + 1), inner.get_value("s", "n")
        )


METHODS: dict[str, Callable[[AsyncSessionRepository], Awaitable[object]]] = {
    "transaction": in_block,
    "nested transaction": in_nested_block,
    "modify_variable": lambda repo: repo.modify_variable("s", "n", lambda n: n + 1),
    "delete_expired": lambda repo: repo.delete_expired(),
    "get_value": lambda repo: repo.get_value("s", "n"),
}
ON_LOOP = "get_value"
"""Runs on the event loop, if the store is a file."""


@cache
def _exits(code: CodeType) -> set[int]:
    """Where a ``with`` block is about to call ``__exit__``, without an exception.

    A tracer can raise there, and the block is not left. No other exception comes there.
    """
    instructions = [each for each in dis.get_instructions(code) if each.opname != "NOP"]
    return {
        first.offset
        for first, second, third in zip(
            instructions, instructions[1:], instructions[2:], strict=False
        )
        if all(
            each.opname == "LOAD_CONST" and each.argval is None for each in (first, second, third)
        )
    }


class _Tracer:
    """Raises a KeyboardInterrupt at one event."""

    def __init__(self, number: int, traced: str) -> None:
        self._left = number
        self._traced = traced
        self.raised_at: str | None = None

    def __call__(self, frame: FrameType, event: str, returned: object) -> _Tracer | None:
        del returned  # or the traceback would keep it
        if not frame.f_globals["__name__"].startswith(self._traced):
            return None
        if event == "line" and frame.f_lasti in _exits(frame.f_code):
            return self
        if event == "return" and frame.f_code.co_flags & CO_COROUTINE:
            return self  # it may be suspended, where no other exception comes
        self._left -= 1
        if self._left == 0:
            self.raised_at = f"{event} of {frame.f_code.co_qualname}, line {frame.f_lineno}"
            raise KeyboardInterrupt
        return self


async def _in_tasks(call: Callable[[], Awaitable[object]], tracer: _Tracer) -> None:
    async def run() -> None:
        await call()

    tasks = [asyncio.create_task(run()) for _ in range(IN_TASKS)]
    sys.settrace(tracer)
    await asyncio.wait(tasks)


async def _cancel_others() -> None:
    """What ``asyncio.run`` does at its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _check_free(repository: Any, store: Store) -> None:
    """Check that nothing is held a second after an exception."""
    deadline = time.monotonic() + 1
    while True:
        try:
            scheduler = repository._dispatcher._scheduler
            lines = [scheduler._turn, *scheduler._for_blocks, *scheduler._sessions.values()]
            assert not any(line.holders for line in lines), "a turn is left"
            check_idle(repository._dispatcher.repository)
            assert store.is_free(), "a lock is left"
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.001)
        else:
            return


async def _settle(repository: AsyncSessionRepository, store: Store) -> None:
    await _check_free(repository, store)
    async with asyncio.timeout(1):
        await asyncio.gather(*[in_block(repository) for _ in range(2)])
        await repository.get_value("s", "n")


async def _prepare(repository: AsyncSessionRepository) -> None:
    await repository.create_session("s", ttl=None)
    await repository.register_variable("s", "n", "integer", 0)
    for warm_up in METHODS.values():
        await warm_up(repository)


def strike(
    store_kind: str, where: str, driver: str | None, method: str, first: int, step: int
) -> int:
    """Interrupt a method at every ``step``-th event from ``first`` on. Returns how often."""
    in_finalizers: list[Any] = []
    sys.unraisablehook = lambda it: in_finalizers.append(it.exc_value)
    # asyncio reports each task whose exception nobody retrieved, and Python each coroutine that an
    # exception kept from being awaited
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore", RuntimeWarning)
    hits = 0
    with closing(STORES[store_kind](where)) as store, asyncio.Runner() as runner:
        SessionRepository.open(store.url).close()  # creates the tables
        stack = AsyncExitStack()
        repository = runner.run(opened(stack, store.url, driver))
        runner.run(_prepare(repository))
        for number in range(first, sys.maxsize, step):
            on_loop = method == ON_LOOP and driver is None
            tracer = _Tracer(number, "snakestore" if on_loop else "snakestore.aio")
            raised: BaseException | None = None
            try:
                runner.run(_in_tasks(lambda: METHODS[method](repository), tracer))
            except KeyboardInterrupt as error:
                raised = error
            finally:
                sys.settrace(None)
            if tracer.raised_at is None:
                break
            hits += 1
            try:
                assert raised is not None or in_finalizers, "it was swallowed"
                runner.run(_cancel_others())
                runner.run(_settle(repository, store))
            except BaseException as problem:
                problem.add_note(f"after an exception at {tracer.raised_at}")
                raise
            in_finalizers.clear()
            del raised  # until here it was referenced, as by a debugger or a job runner
        assert runner.run(repository.check()).ok
        runner.run(stack.aclose())
    return hits
