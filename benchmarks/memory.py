"""``python -m benchmarks memory``: peak memory of listing and sweeping many sessions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import seed
from benchmarks.baselines.sqlite import connect
from benchmarks.results import RowResult, Timing
from benchmarks.row import OURS, Target
from benchmarks.runner import Said, laboratory
from benchmarks.work import Committed
from benchmarks.workload import SWEPT_NAMES, long_ago
from snakestore import SessionRepository

SESSIONS, QUICK_SESSIONS, CHUNK = 100_000, 10_000, 2_000
MAX_MEGABYTES = 50.0
# of this process alone: getrusage starts at the peak of the parent process
PEAK = """
from pathlib import Path

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
"""
IDLE = (
    PEAK
    + """
from snakestore import SessionRepository
repo = SessionRepository.open({path!r})
repo.list_sessions(limit=10, include_expired=True)
repo.list_expired(limit=10)
before = peak()
"""
)
LISTING = """
done, page = 0, repo.list_sessions(limit=1000, include_expired=True)
while page:
    done += len(page)
    page = repo.list_sessions(limit=1000, after=page[-1].id, include_expired=True)
"""
AFTERWARDS = "\nprint(peak() - before, done)"
ACTIONS = {
    "list": (
        "list_sessions by pages of 1,000",
        LISTING,
    ),
    "sweep": ("delete_expired, all of them", "done = repo.delete_expired()"),
}


def measure(*, quick: bool, said: Said) -> list[RowResult]:
    """The rows about memory, in kilobytes as the operating system counts them."""
    sessions = QUICK_SESSIONS if quick else SESSIONS
    with laboratory() as lab:
        path = lab.new_path("memory.db")
        SessionRepository.open(path).close()
        said(
            f"making {sessions:,} sessions that have expired, each with {len(SWEPT_NAMES)}"
            " variables"
        )
        seeds = connect(path)
        for start in range(0, sessions, CHUNK):
            ids = [f"session{number:06}" for number in range(start, start + CHUNK)]
            with Committed(seeds) as cursor:
                seed.insert(cursor, seed.Plan(ids=ids, names=SWEPT_NAMES, accessed=long_ago()))
        seeds.close()
        results = []
        for key, (title, code) in ACTIONS.items():
            said(title)
            results.append(_row(key, title, sessions, _run(path, code)))
        return results


def _run(path: Path, code: str) -> Sequence[int]:
    """Peak kilobytes above the idle process, and the number of sessions."""
    program = [sys.executable, "-c", IDLE.format(path=str(path)) + code + AFTERWARDS]
    done = subprocess.run(  # noqa: S603 - this interpreter, on code of this file
        program, check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    return [int(word) for word in done.stdout.split()]


def _row(key: str, title: str, sessions: int, measured: Sequence[int]) -> RowResult:
    kilobytes, met = measured
    if met != sessions:
        message = f"{title} met {met} sessions of {sessions}"
        raise RuntimeError(message)
    timing = Timing(
        implementation=OURS,
        kind="ours",
        microseconds=0.0,
        count=round(kilobytes / 1024, 1),
        target=Target(MAX_MEGABYTES, unit="count"),
    )
    note = "Peak memory (VmHWM) in MiB above the idle process."
    return RowResult(
        key=f"memory-{key}",
        title=f"{sessions:,} sessions: {title}, MiB",
        base="",
        note=note,
        timings=[timing],
    )
