"""Logs of ``SessionRepository``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.baselines.sqlite import connect
from benchmarks.implementations import Lab
from benchmarks.logs import LONG, LogOperations, log_makers, seed_logs
from benchmarks.work import Bench
from snakestore import SessionRepository


def open_long(lab: Lab) -> Bench:
    """The long log."""
    closers: list[Callable[[], Any]] = []
    return Bench(log_makers(lambda: start_logs(lab, closers), LONG), closers)


def start_logs(lab: Lab, closers: list[Callable[[], Any]]) -> LogOperations:
    """A repository with logs, on a file of its own."""
    path = lab.new_path("logs.db")
    repo = SessionRepository.open(path)
    seeds = connect(path)
    seed_logs(seeds, lab.long_log)
    closers += [repo.close, seeds.close]

    def _append(sid: str, name: str, value: Any) -> Any:
        return repo.append_log(sid, name, [value])

    def _read_last(sid: str, name: str, count: int) -> Any:
        return repo.read_log(sid, name, last=count)

    return LogOperations(append=_append, read_last=_read_last, seeds=seeds)
