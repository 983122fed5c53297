"""Real processes for one scenario: started together, and killed by the scenario or if they hang."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 120.0
"""Seconds that a scene may take on a machine that is busy with something else, before its processes
are killed.
"""

# forked from a server that has imported all and opened nothing: a process costs milliseconds, and
# inherits no connection
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.work", "alembic.command"])


def _run(
    start: Any, channel: Any, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    _stop_measuring()
    start.wait(PATIENCE)
    try:
        answer = (True, function(*arguments))
    except BaseException:  # noqa: BLE001 - the scene gets it
        answer = (False, traceback.format_exc())
    channel.send(answer)
    channel.close()


def _stop_measuring() -> None:
    """Coverage's tracer holds a lock, which an exception at any instant would leave held."""
    if "coverage" in sys.modules:
        measuring = sys.modules["coverage"].Coverage.current()
        if measuring is not None:
            measuring.stop()


class Crew:
    """Processes that run one function each, all from the same instant on."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> None:
        self._start = start = CONTEXT.Barrier(
            len(arguments) + 1
        )  # kept: its memory is shared with those who still wait
        self._members = []
        for each in arguments:
            here, there = CONTEXT.Pipe(duplex=False)
            process = CONTEXT.Process(target=_run, args=(start, there, function, each))
            process.start()
            there.close()
            self._members.append((process, here))
        deadline = time.monotonic() + PATIENCE
        while start.n_waiting < len(arguments):
            assert all(process.is_alive() for process, _ in self._members), (
                "a process died before it could begin"
            )
            assert time.monotonic() < deadline, "the processes do not come up"
            time.sleep(0.001)
        start.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback_: TracebackType | None,
    ) -> None:
        for process, channel in self._members:
            if process.is_alive():
                process.kill()
            process.join()
            process.close()
            channel.close()

    def kill(self) -> None:
        """``kill -9`` for all, at once."""
        for process, _ in self._members:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGKILL)
        for process, _ in self._members:
            process.join()

    def results(self, patience: float = PATIENCE) -> list[Any]:
        """What each returned, in order; an error, crash or hang raises AssertionError."""
        deadline = time.monotonic() + patience
        answers = []
        for number, (process, channel) in enumerate(self._members):
            if not channel.poll(max(0.0, deadline - time.monotonic())):
                message = f"process {number} hangs: no answer in {patience} s"
                raise AssertionError(message)
            try:
                fine, answer = channel.recv()
            except EOFError:
                process.join()
                message = f"process {number} died with exit code {process.exitcode}"
                raise AssertionError(message) from None
            assert fine, f"process {number} failed:\n{answer}"
            answers.append(answer)
        return answers


def run(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], patience: float = PATIENCE
) -> list[Any]:
    """What each of the processes returned."""
    with Crew(function, arguments) as crew:
        return crew.results(patience)


class Log:
    """A log of acknowledged writes, in whole lines, that outlives its process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def write(self, line: str) -> None:
        os.write(self._descriptor, line.encode() + b"\n")


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
