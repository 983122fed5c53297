"""Several processes that update one variable of one file at the same time, per implementation."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from benchmarks import seed
from benchmarks.baselines.jobs import new_file
from benchmarks.baselines.sqlite import SqliteBaseline, connect
from benchmarks.implementations import Entry, Lab
from benchmarks.measure import Effort, result
from benchmarks.results import RowResult, Timing
from benchmarks.row import BASELINE, FULL_BASELINE, FULL_OURS, OURS, Row
from benchmarks.rows import FULL_PROCESS_ROWS, PROCESS_ROWS
from benchmarks.workload import FLOATS, HISTORY, UPDATED, UPDATES

WARM_UPDATES = 20

Update = Callable[[str, str, Any], Any]


@dataclass(frozen=True, slots=True)
class Contest:
    """How many processes, the implementations that take part, and the rows that are measured."""

    processes: int
    names: Sequence[str]
    rows: tuple[Row, Row, Row]  # an update, the worst wait, what is lost


CONTESTS = (
    Contest(4, (BASELINE, OURS), PROCESS_ROWS),
    Contest(8, (FULL_BASELINE, OURS, FULL_OURS), FULL_PROCESS_ROWS),
)


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one process in a round."""

    started: float  # the clock is the same for all processes
    ended: float
    acknowledged: int
    errors: int
    worst: float


@dataclass(slots=True)
class Team:
    """The processes of one implementation, and their measurements."""

    path: Path
    pipes: list[Connection]
    workers: list[Any]
    acknowledged: int = 0
    errors: int = 0
    each: list[float] = field(default_factory=list)  # seconds per update, by round
    worst: list[float] = field(default_factory=list)

    def round(self, updates: int) -> None:
        """Let all processes make this many updates at the same time."""
        for pipe in self.pipes:
            pipe.send(updates)
        shares: list[Share] = [pipe.recv() for pipe in self.pipes]
        self.acknowledged += sum(share.acknowledged for share in shares)
        self.errors += sum(share.errors for share in shares)
        elapsed = max(share.ended for share in shares) - min(share.started for share in shares)
        self.each.append(elapsed / (updates * len(shares)))
        self.worst.append(max(share.worst for share in shares))

    def forget(self) -> None:
        """Drop the times so far, but not the counts."""
        self.each.clear()
        self.worst.clear()

    def lost(self) -> int:
        """Acknowledged updates that are missing in the file."""
        connection = sqlite3.connect(self.path)
        query = "SELECT version FROM variables WHERE session_id = ? AND name = ?"
        version: int = connection.execute(query, (UPDATES, UPDATED[0])).fetchone()[0]
        connection.close()
        return self.acknowledged - (version - HISTORY)

    def stop(self) -> None:
        """End the processes."""
        for pipe in self.pipes:
            pipe.send(None)
        for worker in self.workers:
            worker.join()


def measure(
    contest: Contest, lab: Lab, entries: Mapping[str, Entry], effort: Effort, updates: int
) -> list[RowResult]:
    """The rows of a contest."""
    teams = {
        name: _team(contest.processes, *_PARTS[name](lab))
        for name in contest.names
        if name in entries
    }
    rounds = max(effort.fewest_rounds, min(effort.most_rounds, int(effort.row_seconds * 20)))
    for team in teams.values():
        team.round(WARM_UPDATES)
        team.forget()
    for turn in range(rounds):
        for team in teams.values() if turn % 2 else reversed(teams.values()):
            team.round(updates)
    for team in teams.values():
        team.stop()
    each, wait, lost = contest.rows
    timings = [
        Timing(
            implementation=name,
            kind=entries[name].kind,
            microseconds=0.0,
            count=float(abs(team.lost()) + team.errors),
            target=lost.targets.get(name),
        )
        for name, team in teams.items()
    ]
    return [
        result(each, {name: team.each for name, team in teams.items()}, entries),
        result(wait, {name: team.worst for name, team in teams.items()}, entries),
        RowResult(key=lost.key, title=lost.title, base=lost.base, note=lost.note, timings=timings),
    ]


def open_baseline(path: Path, synchronous: str) -> Update:
    """The hand-written update."""
    baseline = SqliteBaseline(path)
    baseline.connection.execute(f"PRAGMA synchronous={synchronous}")
    return baseline.update


def open_ours(path: Path, durability: Literal["normal", "full"]) -> Update:
    """The library's update."""
    from snakestore import SessionRepository  # noqa: PLC0415 - the processes of the baseline do not need it

    return SessionRepository.open(path, durability=durability).update_variable


def work(opener: Callable[[], Update], pipe: Connection, barrier: Any) -> None:
    """Run in each process: make as many updates as received, until None is received."""
    update = opener()
    pipe.send("ready")
    while (updates := pipe.recv()) is not None:
        barrier.wait()
        pipe.send(_share(update, updates))


def _share(update: Update, updates: int) -> Share:
    errors, worst = 0, 0.0
    started = before = perf_counter()
    for value in FLOATS[:updates]:
        try:
            update(UPDATES, UPDATED[0], value)
        except Exception:  # noqa: BLE001 - any failure is counted and shown
            errors += 1
        after = perf_counter()
        worst = max(worst, after - before)
        before = after
    return Share(started, before, updates - errors, errors, worst)


def _team(processes: int, path: Path, opener: Callable[[], Update]) -> Team:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    pairs: Sequence[tuple[Any, Any]] = [context.Pipe() for _ in range(processes)]
    workers = [
        context.Process(target=partial(work, opener, theirs, barrier), daemon=True)
        for _, theirs in pairs
    ]
    for worker in workers:
        worker.start()
    for ours, theirs in pairs:
        theirs.close()
        ours.recv()
    return Team(path, [ours for ours, _ in pairs], workers)


def _by_hand(synchronous: str, lab: Lab) -> tuple[Path, Callable[[], Update]]:
    path = new_file(lab, "processes-baseline.db")
    return path, partial(open_baseline, path, synchronous)


def _by_library(
    durability: Literal["normal", "full"], lab: Lab
) -> tuple[Path, Callable[[], Update]]:
    from snakestore import SessionRepository  # noqa: PLC0415 - as above

    path = lab.new_path("processes-ours.db")
    SessionRepository.open(path).close()
    seeds = connect(path)
    seed.in_file(seeds)
    seeds.close()
    return path, partial(open_ours, path, durability)


_PARTS: Mapping[str, Callable[[Lab], tuple[Path, Callable[[], Update]]]] = {
    BASELINE: partial(_by_hand, "NORMAL"),
    FULL_BASELINE: partial(_by_hand, "FULL"),
    OURS: partial(_by_library, "normal"),
    FULL_OURS: partial(_by_library, "full"),
}
