"""Timing: one batch per implementation and round, so that drift affects all of them alike.

Ratios are taken within rounds.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from benchmarks.implementations import Entry, Job
from benchmarks.results import RowResult, Timing, compared
from benchmarks.row import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure."""

    row_seconds: float  # for each implementation of a row
    longest_batch: float  # seconds; slower implementations get fewer calls per batch
    fewest_rounds: int
    most_rounds: int
    long_log: int  # entries of the long log
    sessions: int = 200  # of a hundred variables each, for work at random
    clock: Callable[[], float] = perf_counter  # seconds; process_time on a busy machine


FULL = Effort(
    row_seconds=3.0, longest_batch=0.06, fewest_rounds=15, most_rounds=120, long_log=1_000_000
)
QUICK = Effort(
    row_seconds=0.6, longest_batch=0.04, fewest_rounds=7, most_rounds=40, long_log=100_000
)
ONCE = Effort(
    row_seconds=0.0, longest_batch=0.0, fewest_rounds=1, most_rounds=1, long_log=1000, sessions=4
)


def measure(
    row: Row, jobs: Mapping[str, Job], entries: Mapping[str, Entry], effort: Effort
) -> RowResult:
    """Measure one row; ``jobs`` are by name of the implementation."""
    calls = {name: _warmed_up(row, job, effort) for name, job in jobs.items()}
    samples: dict[str, list[float]] = {name: [] for name in jobs}
    order = list(jobs)
    gc.collect()
    # so that no full garbage collection of what the imports left falls into a batch
    gc.freeze()
    started = perf_counter()
    for turn in range(effort.most_rounds):
        if turn >= effort.fewest_rounds and perf_counter() - started > effort.row_seconds * len(
            jobs
        ):
            break
        for name in order if turn % 2 else reversed(order):
            samples[name].append(_sample(row, jobs[name], calls[name], effort.clock))
    gc.unfreeze()
    return result(row, samples, entries)


def result(row: Row, samples: Mapping[str, list[float]], entries: Mapping[str, Entry]) -> RowResult:
    """Summarise the samples: seconds per call, by implementation and round."""
    base = samples.get(row.base)
    timings = []
    for name, taken in samples.items():
        low, middle, high = compared(taken, base) if base and all(base) else (None, None, None)
        figure = max(taken) if row.figure == "worst returned" else statistics.median(taken)
        timings.append(
            Timing(
                implementation=name,
                kind=entries[name].kind,
                microseconds=figure * 1e6,
                ratio=middle,
                low=low,
                high=high,
                target=row.targets.get(name),
                unequal=entries[name].unequal,
            )
        )
    return RowResult(key=row.key, title=row.title, base=row.base, note=row.note, timings=timings)


def _warmed_up(row: Row, job: Job, effort: Effort) -> int:
    """Run the job until caches are warm; returns the number of calls per batch."""
    few = max(1, row.calls // 20)
    _timed(job, few, perf_counter)
    each = _timed(job, few, perf_counter) / few
    fitting = max(1, min(row.calls, int(effort.longest_batch / each)))
    if row.figure == "worst returned" or (row.whole and effort.longest_batch):
        return row.calls
    if effort.longest_batch:
        _timed(job, fitting, perf_counter)
    return fitting


def _timed(job: Job, calls: int, clock: Callable[[], float]) -> float:
    job.prepare(calls)
    started = clock()
    job.run(calls)
    job.settle(calls)
    return clock() - started


def _sample(row: Row, job: Job, calls: int, clock: Callable[[], float]) -> float:
    if row.figure == "median time":
        return _timed(job, calls, clock) / calls
    job.prepare(calls)
    returned = job.run(calls)
    if not isinstance(returned, float):
        message = f"the job of row {row.key} must return seconds, not {returned!r}"
        raise TypeError(message)
    return returned
