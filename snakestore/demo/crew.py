"""The demo's worker processes as their parent sees them: started, sent off together, listened to, told to stop."""

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

from snakestore.demo.worker import Acknowledged, Failed, Go, Task, Word, work

_SECONDS_TO_LEAVE = 10.0
_SECONDS_TO_NOTICE = 0.25


@dataclass(slots=True)
class Reports:
    """What the workers reported: sizes that they were told are stored, conflicts they met, and what went wrong."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    conflicts: int = 0
    failures: list[str] = field(default_factory=list)
    out_of_time: bool = False
    interrupted: bool = False


@contextmanager
def crew_at_work(tasks: list[Task]) -> Iterator[Crew]:
    """Start a worker for each task; when the block ends they are told to stop, and have stopped."""
    crew = Crew()
    try:
        for task in tasks:
            crew.start(task)
        yield crew
    finally:
        crew.end()


class Crew:
    """Worker processes, each at the other end of a pipe. A pipe that ends tells either side that the other is gone, however it died."""

    def __init__(self) -> None:
        self.working: dict[Connection, SpawnProcess] = {}
        self.started: dict[Connection, SpawnProcess] = {}
        self.reports = Reports()

    def start(self, task: Task) -> None:
        """Start a worker; it opens the store and waits."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(task, theirs), daemon=True)
        self.started[ours] = self.working[ours] = process
        with _sigint(
            signal.SIG_IGN
        ):  # a process inherits that, so that Ctrl-C makes no traceback while it imports
            process.start()
        theirs.close()

    def watch(
        self, files: tuple[bytes, ...], progress: Callable[[int], None], deadline: float
    ) -> Reports:
        """Send the workers off when all are there, and listen until the last one has ended.

        Args:
            files: what they compress.
            progress: told the number of evaluations acknowledged so far.
            deadline: by ``time.monotonic()``, when to tell them to stop; Ctrl-C does so too.
        """
        starting = set(self.working)
        told_to_stop = False
        with _sigint(self._interrupt):
            while self.working:
                heard = set(wait(list(self.working), timeout=_SECONDS_TO_NOTICE))
                for connection in [each for each in self.working if each in heard]:
                    self._listen(connection)
                if starting and not (starting := starting - heard):
                    self._tell(Go(files))
                if not told_to_stop and (self.reports.interrupted or time.monotonic() >= deadline):
                    told_to_stop = True
                    self.reports.out_of_time = not self.reports.interrupted
                    self._tell(Word.STOP)
                progress(len(self.reports.acknowledged))
        return self.reports

    def end(self) -> None:
        """End the workers, by force where they do not listen."""
        for connection, process in self.started.items():
            connection.close()
            if process.pid is None:
                continue
            process.join(_SECONDS_TO_LEAVE)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()

    def _interrupt(self, *_: object) -> None:
        # a flag, no exception: one could tear a report in two while it is read
        self.reports.interrupted = True

    def _tell(self, word: Word | Go) -> None:
        for connection in self.working:
            try:
                connection.send(word)
            except (BrokenPipeError, ConnectionResetError):
                continue  # it has ended, or was killed: _listen finds the end of its pipe

    def _listen(self, connection: Connection) -> None:
        try:
            report = connection.recv()
        except (EOFError, ConnectionResetError):
            process = self.working.pop(connection)
            process.join()
            if process.exitcode:
                self.reports.failures.append(
                    f"a worker ended with {_told(process.exitcode)}; what it had stored is kept"
                )
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


def _told(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
