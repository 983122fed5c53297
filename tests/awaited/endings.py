"""The ways in which a request ends early."""

from __future__ import annotations

import asyncio
import contextlib

import anyio


async def cancelled(request, delay):
    task = asyncio.create_task(request())
    await asyncio.sleep(delay)
    task.cancel()
    await asyncio.wait([task])


async def cancelled_twice(request, delay):
    task = asyncio.create_task(request())
    await asyncio.sleep(delay)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def cancelled_in_each_turn_of_the_loop(request, delay):
    task = asyncio.create_task(request())
    await asyncio.sleep(delay)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)


async def timed_out(request, delay):
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(delay):
            await request()


async def waited_for(request, delay):
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(request(), delay)


async def in_a_scope_of_anyio(request, delay):
    with anyio.move_on_after(delay):
        await request()


async def beside_a_task_that_fails(request, delay):
    async def fail():
        await asyncio.sleep(delay)
        raise ZeroDivisionError

    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(request())
            group.create_task(fail())


async def in_a_gather(request, delay):
    async def fail():
        await asyncio.sleep(delay)

    task = asyncio.create_task(request())
    both = asyncio.gather(task, fail())
    await asyncio.sleep(delay)
    both.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await both
    await asyncio.wait([task])  # gather does not wait for all


ENDS = [
    cancelled,
    cancelled_twice,
    cancelled_in_each_turn_of_the_loop,
    timed_out,
    waited_for,
    in_a_scope_of_anyio,
    beside_a_task_that_fails,
    in_a_gather,
]
