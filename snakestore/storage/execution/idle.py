"""Closes idle connections after a minute.

Time is counted in periods, not read from a clock: a connection that has been idle for three
beginnings of a period was idle for 60 to 90 seconds. A thread counts them, as long as a pool has
more than one connection open, so a process that never uses two at once has no such thread.
"""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from snakestore.storage import fork

PERIOD = 30.0
"""Seconds."""
PERIODS = 3
"""A connection is closed at the beginning of this many periods after its last use."""

_logger = logging.getLogger("snakestore.execution")


class Pool(Protocol):
    """A pool that closes idle connections at the beginning of each period."""

    @property
    def open_count(self) -> int:
        """How many connections are open."""

    def begin_period(self) -> None:
        """Count a period, and close what was not used for ``PERIODS`` of them."""


class IdleCloser(fork.Participant):
    """Lets pools close their idle connections, once a period."""

    def __init__(self, period: float = PERIOD) -> None:
        """Begin a period every ``period`` seconds, once there is a pool to watch."""
        self._period = period
        self._start_anew()
        fork.register(self)

    def _start_anew(self) -> None:
        self._pools: fork.WeakRegistry[Pool] = fork.WeakRegistry()
        self._mutex = threading.RLock()  # a signal handler may close a repository meanwhile
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def watch(self, pool: Pool) -> None:
        """Watch a pool until it has no more than one connection open."""
        with self._mutex:
            self._pools.add(pool)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopping,), name="snakestore-idle", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError as error:  # the interpreter ends, or may start no more threads
                    _logger.debug("idle connections are not closed: %s", error)
                    self._thread = None

    def forget(self, pool: Pool) -> None:
        """Watch a pool no more, because it was closed. The thread ends if it was the last one."""
        with self._mutex:
            self._pools.discard(pool)
            if not self._pools:
                self._stop()

    def _stop(self) -> threading.Thread | None:
        """Let the thread end, and return it. With the mutex held."""
        thread, self._thread = self._thread, None
        self._stopping.set()
        self._stopping = threading.Event()
        return thread

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(self._period):
            for pool in self._pools:
                pool.begin_period()
            with self._mutex:
                if stopping.is_set():  # there may be another thread by now
                    return
                for pool in self._pools:
                    if pool.open_count <= 1:
                        self._pools.discard(pool)
                if not self._pools:
                    self._thread = None
                    return

    def before_fork(self) -> None:
        """End the thread: a process with threads should not fork."""
        with self._mutex:
            thread = self._stop()
        if thread is not None:
            thread.join()

    def after_fork_in_child(self) -> None:
        """Watch the child's pools only."""
        self._start_anew()


closer = IdleCloser()
"""The one of this process."""
