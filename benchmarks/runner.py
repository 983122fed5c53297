"""Open the available implementations, measure row by row, and clean up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import processes
from benchmarks.entries import BASELINES, OURSELVES, PEERS, open_entry
from benchmarks.implementations import Entry, Implementation, Job, Lab, UnavailableError
from benchmarks.machine import described
from benchmarks.measure import Effort, measure
from benchmarks.results import Report, RowResult
from benchmarks.row import Row
from benchmarks.rows import ALL_PROCESS_ROWS, ROWS

Said = Callable[[str], None]


@dataclass(slots=True)
class Field:
    """The implementations, each opened when a row first needs it."""

    lab: Lab
    entries: Sequence[Entry]
    opened: dict[str, Implementation] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def taking_part(self, row: Row) -> dict[str, Implementation]:
        """The implementations that are available for ``row``, by name."""
        return {
            entry.name: implementation
            for entry in self.entries
            if row.key in entry.rows and (implementation := self._implementation(entry)) is not None
        }

    def absentees(self, row: Row) -> list[str]:
        """The implementations that support ``row``, available or not."""
        return [
            entry.name
            for entry in self.entries
            if row.key in entry.rows and entry.name in self.absent
        ]

    def close(self) -> None:
        """Close all that were opened."""
        for implementation in reversed(self.opened.values()):
            implementation.close()
        self.opened.clear()

    def _implementation(self, entry: Entry) -> Implementation | None:
        if entry.name in self.absent:
            return None
        if entry.name not in self.opened:
            reason = entry.missing()
            if reason is None:
                try:
                    self.opened[entry.name] = open_entry(entry.place, self.lab)
                except (UnavailableError, ImportError) as error:
                    reason = str(error)
            if reason is not None:
                self.absent[entry.name] = reason
                return None
        return self.opened[entry.name]


@contextmanager
def laboratory() -> Iterator[Lab]:
    """A temporary directory; at the end it is removed and all servers are stopped."""
    with tempfile.TemporaryDirectory(prefix="snakestore-benchmarks-") as directory:
        lab = Lab(Path(directory))
        with lab.stack:
            yield lab


def chosen_rows(only: Sequence[str]) -> list[Row]:
    """The rows named in ``only``, or all.

    Raises:
        ValueError: there is no such row.
    """
    unknown = sorted(set(only) - {row.key for row in ROWS})
    if unknown:
        message = (
            f"no such row: {', '.join(unknown)}; there are {', '.join(row.key for row in ROWS)}"
        )
        raise ValueError(message)
    return [row for row in ROWS if not only or row.key in only]


def run(rows: Sequence[Row], effort: Effort, *, mode: str, peers: bool, said: Said) -> Report:
    """Measure ``rows``; ``said`` is called with the title of each."""
    entries = [*BASELINES, *OURSELVES, *(PEERS if peers else ())]
    report = Report(machine=described(), mode=mode)
    with laboratory() as lab:
        lab.long_log, lab.sessions = effort.long_log, effort.sessions
        taking = Field(lab, entries)
        try:
            for row in rows:
                if row not in ALL_PROCESS_ROWS:
                    said(row.title)
                    report.results.append(_one(row, taking, effort, report.failed))
            for contest in processes.CONTESTS:
                if any(row in contest.rows for row in rows):
                    said(f"{contest.processes} processes")
                    report.results.extend(_several(contest, rows, taking, effort))
        finally:
            taking.close()
        if "postgres version" in lab.shared:
            report.machine["PostgreSQL"] = lab.shared["postgres version"]
    report.absent.update(taking.absent)
    report.unequal.update({entry.name: entry.unequal for entry in entries if entry.unequal})
    return report


def _one(row: Row, taking: Field, effort: Effort, failed: dict[str, str]) -> RowResult:
    jobs: dict[str, Job] = {}
    broken: list[str] = []
    for name, implementation in taking.taking_part(row).items():
        try:
            jobs[name] = _tried(implementation.jobs()[row.key]())
        except Exception as error:  # noqa: BLE001 - shown at the end; the others are still measured
            failed[f"{name}, {row.title}"] = f"{type(error).__name__}: {error}"
            broken.append(name)
    entries = {entry.name: entry for entry in taking.entries}
    peers = {
        name: job for name, job in jobs.items() if entries[name].kind == "peer" and name != row.base
    }
    # peers are measured in separate rounds, so that cache effects of slower peers do not leak
    result = measure(
        row, {name: job for name, job in jobs.items() if name not in peers}, entries, effort
    )
    timings = list(result.timings)
    if peers:
        based = {name: job for name, job in jobs.items() if name == row.base} | peers
        timings += [
            timing
            for timing in measure(row, based, entries, effort).timings
            if timing.implementation in peers
        ]
    return replace(result, timings=timings, absent=[*taking.absentees(row), *broken])


def _tried(job: Job) -> Job:
    job.prepare(1)
    job.run(1)
    return job


def _several(
    contest: processes.Contest, rows: Sequence[Row], taking: Field, effort: Effort
) -> list[RowResult]:
    first = contest.rows[0]
    able = taking.taking_part(first)
    entries = {entry.name: entry for entry in taking.entries if entry.name in able}
    results = processes.measure(contest, taking.lab, entries, effort, first.calls)
    return [
        replace(result, absent=taking.absentees(first))
        for result in results
        if result.key in {row.key for row in rows}
    ]
