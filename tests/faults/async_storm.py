"""Cancellations and exceptions at random instants of asyncio tasks, and what must hold after each.

A storm runs in the main thread of a process of its own, as signal handlers do.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path
from traceback import walk_stack
from types import FrameType
from typing import Any, ClassVar

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from snakestore import AsyncSessionRepository, SessionRepository
from snakestore.storage.execution.idle import PERIOD
from tests.contract.backends import for_driver
from tests.faults.storm import STORES, Server, Store

LONGEST = {"file": 0.03, "postgresql": 0.1}
"""The latest instant of an exception, in seconds after the tasks began."""
TASKS = 6
"""How many tasks run methods at the same time."""


class ThrownError(Exception):
    """Raised in a task where it waits."""


class Counts:
    """What tasks do, and how many of their writes were acknowledged."""

    def __init__(self, repository: AsyncSessionRepository) -> None:
        self.repository = repository
        self.acknowledged = 0
        self.begun = 0

    async def add_one(self) -> None:
        """Add one to two variables, in a block."""
        self.begun += 1
        async with self.repository.transaction() as transaction:
            variable = await transaction.modify_variable("s", "n", lambda n: n + 1)
            async with transaction.transaction() as nested:
                await nested.update_variable("s", "m", variable.value)
        self.acknowledged += 1

    async def add_to_both(self) -> None:
        """The same with methods of other kinds."""
        self.begun += 1
        async with self.repository.transaction() as transaction:
            await transaction.touch("s")  # which locks the session
            n = await transaction.get_value("s", "n")
            await transaction.update_variables("s", {"n": n + 1, "m": n + 1})
        self.acknowledged += 1

    async def modify(self) -> None:
        """A single method that writes, of a variable that nothing counts."""
        await self.repository.modify_variable("s", "other", lambda n: n + 1)

    async def update(self) -> None:
        """Single methods that are committed with those of other tasks."""
        await self.repository.update_variable("s", "other", 0)
        await self.repository.touch("s")

    async def read(self) -> None:
        """Read both variables, which are always equal."""
        batch = await self.repository.get_variables("s", ["n", "m"])
        assert batch.found["n"].value == batch.found["m"].value

    async def read_one(self) -> None:
        """Read one variable, on the event loop where that is possible."""
        before = self.acknowledged
        n = await self.repository.get_value("s", "n")
        assert before <= n <= self.begun, f"{n} read, {before} acknowledged of {self.begun}"

    async def sweep(self) -> None:
        """``delete_expired``, after a session that expires at once."""
        await self.repository.create_session("gone", ttl=2e-6, exist_ok=True)
        await self.repository.delete_expired()

    async def go_on(self) -> None:
        """Run methods without end."""
        methods = [
            self.add_one,
            self.add_to_both,
            self.modify,
            self.update,
            self.update,
            self.read,
            self.read_one,
            self.sweep,
        ]
        while True:
            await random.choice(methods)()

    def settle(self, stored: SessionRepository) -> None:
        """Check that each write is there as a whole, and each acknowledged one is there."""
        n, m = stored.get_value("s", "n"), stored.get_value("s", "m")
        assert n == m, f"half of a transaction: {n} and {m}"
        assert self.acknowledged <= n <= self.begun, (
            f"{n} stored, {self.acknowledged} acknowledged of {self.begun}"
        )
        self.acknowledged = self.begun = n


class Throwable:
    """Awaits a coroutine, and raises exceptions in it where it waits."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._task: asyncio.Task[Any] | None = None
        self._error: BaseException | None = None

    def __await__(self) -> Generator[Any, Any, None]:
        self._task = asyncio.current_task()
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731 - the next step
        while True:
            try:
                awaited = step()
            except StopIteration:
                return
            try:
                yield awaited
            except BaseException as cancelled:  # noqa: BLE001 - it goes on to the coroutine
                error, self._error = self._error or cancelled, None
                step = lambda error=error: self._coroutine.throw(error)  # noqa: E731 - the next step
            else:
                step = lambda: self._coroutine.send(None)  # noqa: E731 - the next step

    def throw(self, error: BaseException) -> None:
        """Raise ``error`` in the coroutine."""
        assert self._task is not None
        self._error = error
        self._task.cancel()


# --- how tasks end early: each lets tasks run for a while, and returns when all have ended

Attack = Callable[[Counts, float], Awaitable[None]]


async def _run(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        assert not task.done(), task.exception()


async def cancelled(counts: Counts, seconds: float) -> None:
    """Each task is cancelled, some repeatedly."""
    tasks = [asyncio.create_task(counts.go_on()) for _ in range(TASKS)]
    await _run(tasks, seconds)
    while not all(task.done() for task in tasks):
        for task in tasks:
            if random.random() < 0.7:
                task.cancel()
        await asyncio.sleep(random.choice([0, 0, 0.001]))


async def timed_out(counts: Counts, seconds: float) -> None:
    """``asyncio.timeout``, around a group of tasks."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(counts.go_on())


async def thrown(counts: Counts, seconds: float) -> None:
    """Exceptions are raised in the tasks where they wait."""
    throwables = [Throwable(counts.go_on()) for _ in range(TASKS)]

    async def wait(throwable: Throwable) -> None:
        await throwable

    tasks = [asyncio.create_task(wait(each)) for each in throwables]
    await _run(tasks, seconds)
    errors = [ThrownError(), TimeoutError(), MemoryError()]
    for throwable in throwables:
        throwable.throw(random.choice(errors))
        await asyncio.sleep(random.choice([0, 0.001]))
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert outcome in errors, outcome


class _Signal:
    """A signal whose handler raises an exception once, in the library's code only.

    In asyncio's own it may lose the step of a task, for which that task would wait. In the code of
    SQLAlchemy and of its drivers it may lose a connection, with the thread or the lock of that.
    """

    _of_others: ClassVar = {"asyncio", "sqlalchemy", "aiosqlite", "psycopg", "asyncpg", "tests"}

    def __init__(self, error: type[BaseException], seconds: float) -> None:
        self._error = error
        self._seconds = seconds
        self._armed = False

    def __enter__(self) -> None:
        self._armed = True
        signal.signal(signal.SIGALRM, self._handle)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        self._armed = False

    def _handle(self, _: int, frame: FrameType | None) -> None:
        packages = (each.f_globals["__name__"].partition(".")[0] for each, _ in walk_stack(frame))
        known = self._of_others | {"snakestore"}
        if self._armed and next(each for each in packages if each in known) != "snakestore":
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 1e-3))
        elif self._armed:
            self._armed = False
            raise self._error


async def raised_by_a_signal(counts: Counts, seconds: float) -> None:
    """A signal handler raises an exception, and the event loop goes on."""
    tasks = [asyncio.create_task(counts.go_on()) for _ in range(TASKS)]
    with _Signal(ThrownError, seconds):
        await asyncio.wait(tasks, timeout=2 * seconds)
    for task in tasks:
        task.cancel()
    done, pending = await asyncio.wait(tasks, timeout=2)
    assert not pending, "a task cannot be cancelled"
    for task in done:
        assert task.cancelled() or isinstance(task.exception(), ThrownError), task.exception()


ATTACKS: dict[str, Attack] = {
    "cancelled": cancelled,
    "asyncio.timeout": timed_out,
    "exceptions raised": thrown,
    "a signal handler's": raised_by_a_signal,
}


def interrupted(counts: Counts, kind: str, longest: float) -> None:
    """A signal comes while ``asyncio.run`` runs the tasks."""

    async def main() -> None:
        tasks = [asyncio.create_task(counts.go_on()) for _ in range(TASKS)]
        await asyncio.wait(tasks, timeout=longest + 1)
        for task in tasks:  # the exception came in a finalizer, from which Python lets none out
            task.cancel()
        await asyncio.wait(tasks)

    delay = random.uniform(1e-3, longest)
    # asyncio.run has a handler of its own, which raises either, by how far the task has come
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        if kind == "SIGINT":
            timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            try:
                asyncio.run(main())
            finally:
                timer.join()
        else:
            with _Signal(KeyboardInterrupt, delay):
                asyncio.run(main())


SIGNALS = ["SIGINT", "KeyboardInterrupt"]


# --- the storm


async def opened(stack: AsyncExitStack, address: str, driver: str | None) -> Any:
    """A repository of worker threads, or on an AsyncEngine with ``driver``."""
    if driver is None:
        return await stack.enter_async_context(
            AsyncSessionRepository.open(address, busy_timeout=5, history=5)
        )
    url = (
        f"sqlite+aiosqlite:///{address}"
        if driver == "aiosqlite"
        else for_driver(make_url(address), driver)
    )
    engine = create_async_engine(url, pool_size=5, max_overflow=0)
    stack.push_async_callback(engine.dispose)
    return await stack.enter_async_context(AsyncSessionRepository(engine, busy_timeout=5))


def _soon(holds: Callable[[], bool], message: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds  # on a machine that is busy
    while not holds():
        assert time.monotonic() < deadline, message
        time.sleep(0.005)


def _threads() -> int:
    """How many threads run. One whose start was interrupted stays listed, and has no ident."""
    return sum(thread.ident is not None for thread in threading.enumerate())


def _connections(store: Store) -> int:
    """How many connections to the store are open, or files of it."""
    return store.connections() if isinstance(store, Server) else len(_descriptors_of(store.url))


def _descriptors_of(path: str) -> list[str]:
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            target = os.readlink(descriptor)
            if target.startswith(path):
                found.append(target)
    return found


def rage(store_kind: str, where: str, driver: str | None, kind: str, hits: int, seed: int) -> dict:
    """End tasks ``hits`` times. Returns how many writes were acknowledged."""
    random.seed(seed)
    with closing(STORES[store_kind](where)) as store:
        with SessionRepository.open(store.url) as outside:
            outside.create_session("s", ttl=None)
            for name in ("n", "m", "other"):
                outside.register_variable("s", name, "integer", 0)
        threads, connections = _threads(), _connections(store)
        if kind in ATTACKS:
            acknowledged = asyncio.run(
                _rage_in_tasks(store, driver, ATTACKS[kind], LONGEST[store_kind], hits)
            )
        else:
            acknowledged = _rage_by_signals(store, kind, LONGEST[store_kind], hits)
        # the thread that closes idle connections ends after a period, if it was not told to
        _soon(lambda: _threads() <= threads, "a thread is left", 10 + PERIOD)
        _soon(lambda: _connections(store) <= connections, "a connection is left")
        with SessionRepository.open(store.url) as outside:
            assert outside.check().ok
    return {"hits": hits, "acknowledged": acknowledged}


async def _rage_in_tasks(
    store: Store, driver: str | None, attack: Attack, longest: float, hits: int
) -> int:
    total = 0
    async with AsyncExitStack() as stack:
        counts = Counts(await opened(stack, store.url, driver))
        outside = stack.enter_context(SessionRepository.open(store.url, busy_timeout=0.5))
        for _ in range(hits):
            before = counts.acknowledged
            await attack(counts, random.uniform(1e-3, longest))
            total += counts.acknowledged - before
            await _soon_free(store)
            counts.settle(outside)
            async with asyncio.timeout(1):
                await counts.add_one()
    return total


def _rage_by_signals(store: Store, kind: str, longest: float, hits: int) -> int:
    total = 0
    # asyncio reports each task whose exception nobody retrieved
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with SessionRepository.open(store.url, busy_timeout=0.5) as outside:
        for _ in range(hits):
            counts = Counts(asyncio.run(_open(store.url)))
            counts.acknowledged = counts.begun = outside.get_value("s", "n")
            before = counts.acknowledged
            interrupted(counts, kind, longest)
            total += counts.acknowledged - before
            _soon(store.is_free, "a lock is left")
            counts.settle(outside)
            asyncio.run(_write_and_close(counts))
    return total


async def _open(address: str) -> AsyncSessionRepository:
    return await AsyncSessionRepository.open(address, busy_timeout=5, history=5)


async def _write_and_close(counts: Counts) -> None:
    async with counts.repository, asyncio.timeout(1):
        await counts.add_one()


async def _soon_free(store: Store) -> None:
    """A method that was cancelled goes on to its end. A block has ended when it was left."""
    deadline = time.monotonic() + 10  # on a machine that is busy
    while not store.is_free():
        assert time.monotonic() < deadline, "a lock is left"
        await asyncio.sleep(0.005)
