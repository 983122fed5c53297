"""``python -m benchmarks growth``: a small file against one of a million variables."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from benchmarks import seed
from benchmarks.baselines.sqlite import SqliteBaseline, connect
from benchmarks.implementations import Lab
from benchmarks.results import RowResult, Timing
from benchmarks.row import BASELINE, OURS, Target
from benchmarks.runner import Said, laboratory
from benchmarks.work import Committed
from benchmarks.workload import NAMES, PREFIX, PREFIX_PATTERN, now
from snakestore import SessionRepository

SMALL_SESSIONS, LARGE_SESSIONS, QUICK_LARGE_SESSIONS = 10, 10_000, 1_000  # of 100 variables each
CHUNK = 500
MAX_GROWTH = Target(1.2)
CALLS = {"get": 200, "update": 50, "list-prefix": 50, "sweep": 100}
TITLES = {
    "get": "get_value",
    "update": "update_variable",
    "list-prefix": "list_variables, prefix: 10 of 100",
    "sweep": "delete_expired, a session",
}
NOTE = (
    "How much slower a call is in the large file than in a small one: the slowdown of snakestore"
    " divided by that of the baseline."
)


@dataclass(slots=True)
class Subject:
    """A file of some size, with the baseline and the library on it."""

    sessions: int
    baseline: SqliteBaseline
    repo: SessionRepository
    samples: dict[tuple[str, str], list[float]]  # seconds a call, by implementation and operation

    def operations(self) -> dict[str, dict[str, Callable[..., Any]]]:
        """The operations of both."""
        return {
            BASELINE: {
                "get": self.baseline.get_value,
                "update": self.baseline.update,
                "list-prefix": lambda sid: self.baseline.list_records(sid, PREFIX),
                "sweep": self.baseline.delete_expired,
            },
            OURS: {
                "get": self.repo.get_value,
                "update": self.repo.update_variable,
                "list-prefix": lambda sid: self.repo.list_variables(sid, PREFIX_PATTERN),
                "sweep": self.repo.delete_expired,
            },
        }


def measure(*, quick: bool, said: Said) -> list[RowResult]:
    """The rows about growth."""
    large, rounds = (QUICK_LARGE_SESSIONS, 8) if quick else (LARGE_SESSIONS, 40)
    with laboratory() as lab:
        said(f"making a file of {large * len(NAMES):,} variables")
        subjects = [_subject(lab, sessions) for sessions in (SMALL_SESSIONS, large)]
        for turn in range(rounds + 1):
            said(f"round {turn} of {rounds}")
            for subject in subjects:
                _round(subject, random.Random(turn), swapped=bool(turn % 2))
                if turn == 0:
                    subject.samples.clear()  # warm-up
        for subject in subjects:
            subject.baseline.close()
            subject.repo.close()
        return [_row(operation, large * len(NAMES), subjects) for operation in CALLS]


def _subject(lab: Lab, sessions: int) -> Subject:
    path = lab.new_path(f"{sessions}.db")
    repo = SessionRepository.open(path)
    seeds = connect(path)
    for start in range(0, sessions, CHUNK):
        ids = [_sid(number) for number in range(start, min(start + CHUNK, sessions))]
        with Committed(seeds) as cursor:
            seed.insert(cursor, seed.Plan(ids=ids, names=NAMES, accessed=now()))
    seeds.execute("ANALYZE")
    seeds.close()
    return Subject(sessions, SqliteBaseline(path), repo, {})


def _sid(number: int) -> str:
    return f"session{number:06}"


def _round(subject: Subject, chance: random.Random, *, swapped: bool) -> None:
    implementations = [OURS, BASELINE] if swapped else [BASELINE, OURS]
    for name in implementations:
        operations = subject.operations()[name]
        for operation, calls in CALLS.items():
            sids = [_sid(chance.randrange(subject.sessions)) for _ in range(calls)]
            subject.samples.setdefault((name, operation), []).append(
                _seconds(subject, operation, operations[operation], sids, chance) / calls
            )


def _seconds(
    subject: Subject,
    operation: str,
    call: Callable[..., Any],
    sids: Sequence[str],
    chance: random.Random,
) -> float:
    if operation == "sweep":
        with Committed(subject.baseline.connection) as cursor:
            seed.expired_sessions(cursor, len(sids))
    names = chance.choices(NAMES, k=len(sids))
    started = perf_counter()
    if operation == "sweep":
        call()
    elif operation == "list-prefix":
        for sid in sids:
            call(sid)
    elif operation == "get":
        for sid, name in zip(sids, names, strict=True):
            call(sid, name)
    else:
        for sid, name in zip(sids, names, strict=True):
            call(sid, name, 0.25)
    return perf_counter() - started


def _row(operation: str, variables: int, subjects: Sequence[Subject]) -> RowResult:
    small, large = subjects
    grown = {
        name: (
            statistics.median(large.samples[name, operation])
            / statistics.median(small.samples[name, operation])
        )
        for name in (BASELINE, OURS)
    }
    timings = [
        Timing(
            implementation=name,
            kind="baseline" if name == BASELINE else "ours",
            microseconds=statistics.median(large.samples[name, operation]) * 1e6,
            ratio=grown[name] / grown[BASELINE],
            target=MAX_GROWTH if name == OURS else None,
            unequal=(
                f"{grown[name]:.2f} times as long as in a file of {small.sessions * len(NAMES):,}"
                " variables"
            ),
        )
        for name in (BASELINE, OURS)
    ]
    return RowResult(
        key=f"growth-{operation}",
        title=f"{variables:,} variables: {TITLES[operation]}",
        base=BASELINE,
        note=NOTE,
        timings=timings,
    )
