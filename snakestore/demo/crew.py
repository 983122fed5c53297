"""The worker processes, seen from their parent: start, run, stop."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from snakestore.demo.worker import Acknowledged, Failed, Go, Signal, Task, work

_SECONDS_TO_EXIT = 10.0
_POLL_SECONDS = 0.25


@dataclass(slots=True)
class Reports:
    """What the workers reported: stored sizes by variable name, conflicts and failures."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    conflicts: int = 0
    failures: list[str] = field(default_factory=list)
    timed_out: bool = False
    interrupted: bool = False


@contextmanager
def crew_at_work(tasks: list[Task]) -> Iterator[Crew]:
    """Start a worker for each task. At the end of the block all of them have stopped."""
    crew = Crew()
    try:
        for task in tasks:
            crew.start(task)
        yield crew
    finally:
        crew.end()


class Crew:
    """Worker processes, each connected by a pipe.

    When a process dies, the other side sees the end of the pipe.
    """

    def __init__(self) -> None:
        self.running: dict[Connection, SpawnProcess] = {}
        self.started: dict[Connection, SpawnProcess] = {}
        self.reports = Reports()

    def start(self, task: Task) -> None:
        """Start a worker, which opens the store and waits."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(task, theirs), daemon=True)
        self.started[ours] = self.running[ours] = process
        # inherited by the process: Ctrl-C must not print a traceback while it imports
        with _sigint(signal.SIG_IGN):
            process.start()
        theirs.close()

    def watch(
        self, files: tuple[bytes, ...], progress: Callable[[int], None], deadline: float
    ) -> Reports:
        """Let the workers begin once all are ready, and wait until the last one has ended.

        Args:
            files: the files to compress.
            progress: called with the number of evaluations acknowledged so far.
            deadline: when to stop the workers, by ``time.monotonic()``. Ctrl-C stops them too.
        """
        starting = set(self.running)
        stopping = False
        with _sigint(self._interrupt):
            while self.running:
                readable = set(wait(list(self.running), timeout=_POLL_SECONDS))
                for connection in [each for each in self.running if each in readable]:
                    self._receive(connection)
                if starting and not (starting := starting - readable):
                    self._send(Go(files))
                if not stopping and (self.reports.interrupted or time.monotonic() >= deadline):
                    stopping = True
                    self.reports.timed_out = not self.reports.interrupted
                    self._send(Signal.STOP)
                progress(len(self.reports.acknowledged))
        return self.reports

    def end(self) -> None:
        """End the workers; those that do not exit in time are killed."""
        for connection, process in self.started.items():
            connection.close()
            if process.pid is None:
                continue
            process.join(_SECONDS_TO_EXIT)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()

    def _interrupt(self, *_: object) -> None:
        # a flag instead of an exception, which could interrupt the reading of a report
        self.reports.interrupted = True

    def _send(self, message: Signal | Go) -> None:
        for connection in self.running:
            try:
                connection.send(message)
            except (BrokenPipeError, ConnectionResetError):
                continue  # the worker has ended: _receive finds the end of its pipe

    def _receive(self, connection: Connection) -> None:
        try:
            report = connection.recv()
        except (EOFError, ConnectionResetError):
            process = self.running.pop(connection)
            process.join()
            if process.exitcode:
                reason = _exit_reason(process.exitcode)
                self.reports.failures.append(f"a worker ended with {reason}; its results are kept")
            return
        if isinstance(report, Failed):
            self.reports.failures.append(report.message)
        elif isinstance(report, Acknowledged):
            self.reports.acknowledged[report.size_name] = report.size
            self.reports.conflicts += report.conflicts


@contextmanager
def _sigint(handler: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _exit_reason(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
