"""Exceptions at random instants inside methods, and what must hold after each of them.

A storm runs in the main thread of a process of its own, as signal handlers do.
"""

from __future__ import annotations

import ctypes
import itertools
import random
import signal
import sqlite3
import sys
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from snakestore import SessionRepository
from snakestore.storage.execution.autocommit import AutocommitRunner

LONGEST = {"file": 0.003, "memory": 0.002, "postgresql": 0.02}
"""The latest instant of an exception, in seconds after the methods began."""
STACK = 150
"""How many calls may follow where the stack is to end."""


class Stop(BaseException):
    """Raised by a job's time-out."""


class Steps:
    """Methods that each add one to the counts of acknowledged writes."""

    def __init__(self, repository: SessionRepository) -> None:
        self.repository = repository
        self.counted = 0
        self.registered = 0
        repository.create_session("s", ttl=None)
        for name in ("n", "m"):
            repository.register_variable("s", name, "integer", 0)

    def update(self) -> None:
        """``update_variable``, in a block with a second one, so that it is both or none."""
        with self.repository.transaction() as transaction:
            transaction.update_variable("s", "n", self.counted + 1)
            transaction.update_variable("s", "m", self.counted + 1)
        self.counted += 1

    def nested(self) -> None:
        """A block inside a block."""
        with self.repository.transaction() as outer:
            outer.update_variable("s", "n", self.counted + 1)
            with outer.transaction() as inner:
                inner.update_variable("s", "m", self.counted + 1)
        self.counted += 1

    def batch(self) -> None:
        """``update_variables``."""
        self.repository.update_variables("s", {"n": self.counted + 1, "m": self.counted + 1})
        self.counted += 1

    def modify(self) -> None:
        """``modify_variable``, of a variable that nothing else counts, and ``update_variable``."""
        self.repository.modify_variable("s", "n", lambda value: value)
        self.repository.update_variable("s", "n", self.counted)

    def register(self) -> None:
        """``register_variable`` and a read."""
        self.repository.register_variable("s", f"v{self.registered}", "integer", 1)
        self.registered += 1
        assert self.repository.get_value("s", "n") == self.counted

    def sweep(self) -> None:
        """``delete_expired``, after a session that expires at once."""
        self.repository.create_session("gone", ttl=2e-6, exist_ok=True)
        self.repository.delete_expired()

    def settle(self) -> None:
        """Check that each write is there as a whole, acknowledged ones and at most one more."""
        n, m = (self.repository.get_value("s", name) for name in ("n", "m"))
        assert n == m, f"half of a transaction: {n} and {m}"
        assert self.counted <= n <= self.counted + 1, f"{n} stored, {self.counted} acknowledged"
        count = len(self.repository.variable_names("s")) - 2
        assert self.registered <= count <= self.registered + 1
        self.counted, self.registered = n, count
        if self.registered > 20:
            for number in range(self.registered):
                self.repository.delete_variable("s", f"v{number}")
            self.registered = 0


class Store(ABC):
    """Where the storm rages."""

    url: str
    patience = 0.0
    """Seconds until it is free."""

    @abstractmethod
    def close(self) -> None:
        """Close what looks from outside."""

    @abstractmethod
    def is_free(self) -> bool:
        """Whether nothing is locked and no transaction is open, seen from outside."""

    def check_free(self) -> None:
        """Check that it is free, or soon."""
        deadline = time.monotonic() + self.patience
        while not self.is_free():
            assert time.monotonic() < deadline, "a lock is left, or a transaction is open"
            time.sleep(0.01)


class File(Store):
    def __init__(self, path: str) -> None:
        self.url = path

    def is_free(self) -> bool:
        with closing(sqlite3.connect(self.url, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
            except sqlite3.OperationalError:
                return False
        return True

    def close(self) -> None:
        pass


class Memory(Store):
    def __init__(self, _: str) -> None:
        self.url = "sqlite://"

    def is_free(self) -> bool:
        return True  # nobody else sees it

    def close(self) -> None:
        pass


class Server(Store):
    patience = 1.0

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        self._outside = self._engine.connect()

    def is_free(self) -> bool:
        return self._count("xact_start IS NOT NULL") == 0

    def connections(self) -> int:
        """How many other connections there are."""
        return self._count("true")

    def _count(self, condition: str) -> int:
        found: int = self._outside.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                f" AND {condition}"
            )
        )
        return found

    def close(self) -> None:
        self._outside.close()
        self._engine.dispose()


STORES: dict[str, Callable[[str], Store]] = {"file": File, "memory": Memory, "postgresql": Server}


def check_idle(repository: SessionRepository) -> None:
    """Check that no method of the repository holds anything."""
    runner = repository._runner
    assert isinstance(runner, AutocommitRunner)
    connections: Any = runner._connections
    queue = connections._slots if hasattr(connections, "_slots") else connections._turns._places
    assert len(queue.items) == connections.limit, "a connection is held"
    assert not runner.blocks, "a mark is left"
    assert not runner.entered, "a block is left"
    turn = getattr(runner, "_turn", None)
    assert turn is None or not turn.holder, "the turn of writers is held"


# --- kinds of exceptions: each runs steps until one exception comes, and returns it; None where it
# came in a finalizer, from which Python lets none out

Order = Iterator[Callable[[], None]]
Strike = Callable[[Order, float], BaseException | None]


def from_handler(kind: type[BaseException]) -> Strike:
    """A signal handler raises it."""

    def run(steps: Order, longest: float) -> BaseException | None:
        error = kind()
        came: BaseException | None = None
        armed = True

        def handler(*_: Any) -> None:
            nonlocal armed
            if armed:
                armed = False
                raise error

        signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, longest))
            while armed:
                next(steps)()
        except BaseException as caught:
            if caught is not error:
                raise
            came = caught
        finally:
            armed = False
        return came

    return run


def from_thread(steps: Order, longest: float) -> BaseException | None:
    """Another thread raises it in this one."""
    raised = threading.Event()
    target = ctypes.c_ulong(threading.get_ident())

    def strike() -> None:
        time.sleep(random.uniform(1e-5, longest))
        raised.set()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(Stop))

    thread = threading.Thread(target=strike)
    error: BaseException | None = None
    try:
        thread.start()
        while not raised.is_set() or thread.is_alive():
            next(steps)()
        next(steps)()
    except Stop as caught:
        error = caught
    thread.join()
    return error


def at_depth(steps: Order, _longest: float) -> BaseException:
    """The stack ends."""
    before = sys.getrecursionlimit()
    limit = sum(1 for _ in traceback.walk_stack(None)) + STACK
    error: BaseException | None = None

    def deep(levels: int) -> None:
        if levels:
            deep(levels - 1)
        else:
            next(steps)()

    while error is None:
        sys.setrecursionlimit(limit)
        try:
            deep(random.randrange(STACK - 90, STACK - 3))
        except RecursionError as caught:
            error = caught
        finally:
            sys.setrecursionlimit(before)
    return error


EXCEPTIONS: dict[str, Strike] = {
    "a signal handler's": from_handler(Stop),
    "TimeoutError": from_handler(TimeoutError),
    "KeyboardInterrupt": from_handler(KeyboardInterrupt),
    "MemoryError": from_handler(MemoryError),
    "another thread's": from_thread,
    "RecursionError": at_depth,
}


def rage(store_kind: str, where: str, kind: str, hits: int, seed: int) -> dict[str, int]:
    """Interrupt methods ``hits`` times. Returns how many writes were acknowledged."""
    random.seed(seed)
    in_finalizers: list[object] = []
    sys.unraisablehook = lambda it: in_finalizers.append(it.exc_value)
    store = STORES[store_kind](where)
    with SessionRepository.open(store.url, busy_timeout=2, history=5) as repository:
        steps = Steps(repository)
        methods = [
            steps.update,
            steps.nested,
            steps.batch,
            steps.modify,
            steps.register,
            steps.sweep,
        ]
        for method in methods:  # compiles the statements, which takes much stack and time
            method()
        order = itertools.cycle(methods)
        came = missed = 0
        while came < hits:
            error = EXCEPTIONS[kind](order, LONGEST[store_kind])
            came += error is not None
            missed += error is None
            assert missed <= len(in_finalizers), "an exception was swallowed"
            check_idle(repository)
            store.check_free()
            steps.settle()
            del error  # until here it was referenced, as by a job runner
        assert repository.check().ok
        acknowledged = steps.counted
    store.close()
    return {"hits": came, "acknowledged": acknowledged}


def file_in(folder: Path) -> str:
    """The path of a store in a folder."""
    return str(folder / "s.db")
