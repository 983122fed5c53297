"""Items go to callers in the order in which they came, in threads and in greenlets."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy.util import greenlet_spawn

from snakestore.storage.execution.fair_queue import FairQueue, NoneFreeError, places


class Thing:
    """What the queue gives out, by name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.owner: object | None = "a test"


@pytest.fixture
def queue() -> FairQueue[Thing]:
    queue: FairQueue[Thing] = FairQueue()
    queue.put(Thing("a"))
    return queue


def names(things: list[Thing]) -> list[str]:
    return [thing.name for thing in things]


def waiting(queue: FairQueue[Thing], number: int) -> None:
    """Wait until so many callers wait."""
    while len(queue._waiters) < number:
        time.sleep(0.001)


def start(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


async def turns() -> None:
    """Let the other tasks run until they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_was_put_last_is_given_out_first(queue):
    queue.put(Thing("b"))
    queue.put_last(Thing("c"))

    assert names([queue.get(1) for _ in range(3)]) == ["b", "a", "c"]


def test_waiting_ends_after_the_timeout(queue):
    queue.get(1)

    with pytest.raises(NoneFreeError):
        queue.get(0.01)
    with pytest.raises(NoneFreeError):
        queue.get(0)


def test_waiting_ends_where_pythons_clocks_stand_still(queue, monkeypatch):
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: 0.0)
    queue.get(1)

    with pytest.raises(NoneFreeError):
        queue.get(0.01)


def test_the_caller_that_has_waited_longest_is_served_first(queue):
    item = queue.get(1)
    served: list[int] = []

    def work(number: int) -> None:
        item = queue.get(20)
        served.append(number)
        queue.put(item)

    threads = []
    for number in range(5):
        threads.append(start(lambda number=number: work(number)))
        waiting(queue, number + 1)
    queue.put(item)
    for thread in threads:
        thread.join()

    assert served == [0, 1, 2, 3, 4]
    assert names(queue.free()) == ["a"]


def test_a_caller_that_comes_back_at_once_waits_behind_the_others(queue):
    rounds = {"greedy": 0, "other": 0}
    stop = threading.Event()

    def work(name: str) -> None:
        while not stop.is_set():
            item = queue.get(20)
            rounds[name] += 1
            queue.put(item)

    threads = [start(lambda name=name: work(name)) for name in rounds]
    while min(rounds.values()) < 50:
        time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join()

    assert min(rounds.values()) >= 50


def test_a_caller_that_gave_up_is_passed_over(queue):
    item = queue.get(1)
    with pytest.raises(NoneFreeError):
        queue.get(0.001)
    queue.put(item)

    assert queue.get(0).name == "a"


def test_nothing_is_given_out_while_items_are_held_back(queue):
    assert names(queue.hold_back()) == ["a"]
    queue.put(Thing("b"))
    with pytest.raises(NoneFreeError):
        queue.get(0.001)
    assert names(queue.hold_back()) == ["b"]
    got: list[Thing] = []
    thread = start(lambda: got.append(queue.get(20)))
    waiting(queue, 1)
    queue.resume([Thing("c")])
    thread.join()

    assert names(got) == ["c"]


def test_a_task_waits_without_blocking_its_event_loop(queue):
    async def scene() -> list[str]:
        item = queue.get(1)
        seen: list[str] = []

        async def take() -> None:
            seen.append((await greenlet_spawn(queue.get, 20)).name)

        task = asyncio.create_task(take())
        await turns()
        seen.append("the loop goes on")
        threading.Thread(target=queue.put, args=(item,)).start()
        await task
        return seen

    assert asyncio.run(scene()) == ["the loop goes on", "a"]


def test_a_cancelled_task_leaves_the_queue_and_no_item_is_lost(queue):
    async def scene() -> None:
        item = queue.get(1)
        tasks = [asyncio.create_task(greenlet_spawn(queue.get, 20)) for _ in range(3)]
        await turns()
        tasks[0].cancel()
        await turns()
        queue.put(item)
        tasks[1].cancel()  # in the moment in which it is served
        assert (await tasks[2]).name == "a"
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scene())

    assert queue.free() == []


def test_a_task_whose_event_loop_is_closed_is_passed_over(queue):
    item = queue.get(1)
    tasks: list[asyncio.Task[Thing]] = []

    async def leave() -> None:
        tasks.append(asyncio.create_task(greenlet_spawn(queue.get, 20)))
        await turns()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    queue.put(item)

    assert queue.get(0).name == "a"
    tasks[0]._log_destroy_pending = False  # it was meant to be left


def test_a_place_that_is_lost_comes_back():
    queue = places(1)

    queue.get(0)  # and nothing refers to it

    assert len(queue.free()) == 1


def test_an_item_that_is_put_back_twice_is_there_once(queue):
    item = queue.get(0)

    queue.put(item)
    queue.put(item)

    assert queue.free() == [item]


def test_a_waiter_looks_for_items_itself_when_nobody_wakes_it(queue):
    item = queue.get(0)
    got: list[Thing] = []
    thread = start(lambda: got.append(queue.get(20)))
    waiting(queue, 1)

    queue.items.append(item)  # as put does, interrupted after that
    thread.join(10)

    assert got == [item]


def test_an_exception_while_waiting_leaves_the_queue(queue):
    item = queue.get(0)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(TimeoutError, match="the job's"):
            queue.get(20)
    finally:
        signal.signal(signal.SIGUSR1, before)
    queue.put(item)

    assert queue.get(0) is item


def interrupt(*_: object) -> None:
    message = "the job's"
    raise TimeoutError(message)
