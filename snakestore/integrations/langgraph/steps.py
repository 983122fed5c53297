"""Work that is written once, and run by a repository whose methods are called or awaited.

It is a generator of calls, such as ``methodcaller("get_variable", "chat-42", "temperature")``. It
is sent what each call returns; what a call raises is raised in it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from operator import methodcaller
from typing import Any, TypeAlias, TypeVar

from snakestore.aio import AsyncSessionRepository
from snakestore.repository import SessionRepository

T = TypeVar("T")

Steps: TypeAlias = Generator[Callable[[Any], Any], Any, T]

call = methodcaller


def run(repository: SessionRepository, steps: Steps[T]) -> T:
    """Run the calls one after another, each in a transaction of its own."""
    try:
        step = next(steps)
        while True:
            try:
                result = step(repository)
            except Exception as error:  # noqa: BLE001 - raised again by the steps
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def run_awaiting(repository: AsyncSessionRepository, steps: Steps[T]) -> T:
    """As ``run``, with methods that are awaited."""
    try:
        step = next(steps)
        while True:
            try:
                result = await step(repository)
            except Exception as error:  # noqa: BLE001 - raised again by the steps
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def run_at_once(repository: SessionRepository, steps: Steps[T]) -> T:
    """Run the calls in one transaction: all or nothing."""
    with repository.transaction() as transaction:
        return run(transaction, steps)


async def run_awaiting_at_once(repository: AsyncSessionRepository, steps: Steps[T]) -> T:
    """As ``run_at_once``, with methods that are awaited."""
    async with repository.transaction() as transaction:
        return await run_awaiting(transaction, steps)
