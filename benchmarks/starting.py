"""``python -m benchmarks imports``: imports, opening and the command, each in fresh processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from benchmarks.implementations import Lab
from benchmarks.results import RowResult, Timing, compared
from benchmarks.row import OURS, Target
from benchmarks.runner import laboratory

ROOT = Path(__file__).parent.parent
BASE = "sqlalchemy.orm and equal mapped classes"
FRONT_DOOR = "from snakestore import SessionRepository"
OPENED = "open and one read"
UNNEEDED = ("alembic", "numpy", "typer", "rich", "asyncio")  # must not be loaded by an import
PREAMBLE = "import sys, time; started = time.perf_counter(); "
UNCOLLECTED = "import gc; gc.disable(); " + PREAMBLE
COLLECTOR_OFF = ", collector off"
AFTERWARDS = (
    "; print(time.perf_counter() - started, *[name for name in {names!r} if name in sys.modules])"
)
STATEMENTS = {
    BASE: "import sqlalchemy.orm; import benchmarks.mapped",
    OURS: "import snakestore",
    FRONT_DOOR: "from snakestore import SessionRepository",
}
OPENING = (
    "import sys, time; from snakestore import SessionRepository; started = time.perf_counter(); "
    "repo = SessionRepository.open({path!r}); repo.session_exists('none')"
)
ROUNDS, QUICK_ROUNDS = 25, 7
IMPORT_TARGETS = {OURS: Target(0.35, 0.2), FRONT_DOOR: Target(1.2, 1.1)}
STANDARD_LIBRARY, TYPER, COMMAND = "import sqlite3, json", "import typer", "snakestore --version"
PROGRAMS = {TYPER: ("-c", TYPER), COMMAND: ("-m", "snakestore.cli", "--version")}


def measure(*, quick: bool) -> list[RowResult]:
    """The rows about start-up."""
    with laboratory() as lab:
        samples, processor, loaded = _samples(lab, QUICK_ROUNDS if quick else ROUNDS)
    return [
        _compared_row(
            ("import", "import, in a fresh process"),
            {name: samples[name] for name in STATEMENTS},
            IMPORT_TARGETS,
            "Bytecode files exist. SQLAlchemy creates so many objects that the next few"
            " thousand trigger the first full garbage collection of the process.",
        ),
        _compared_row(
            ("import-work", "import, the garbage collector off"),
            {name: samples[name + COLLECTOR_OFF] for name in STATEMENTS},
            IMPORT_TARGETS,
            "Bytecode files exist. The import alone, without that collection.",
        ),
        _compared_row(
            ("import-package", "import snakestore, of sqlite3 and json"),
            {name: samples[name] for name in (STANDARD_LIBRARY, OURS)},
            {OURS: Target(1.5)},
            "Its names are loaded on use.",
        ),
        _compared_row(
            ("version", "snakestore --version, of typer"),
            processor,
            {COMMAND: Target(1.5, 1.1)},
            "Processor time of the whole process, with the interpreter's start.",
        ),
        _open_row(samples[OPENED]),
        _loaded_row(loaded),
    ]


def _samples(
    lab: Lab, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], set[str]]:
    """The seconds of each statement, those of each program, and the unneeded modules loaded."""
    path = lab.new_path("warm.db")
    bytecode = lab.new_path("bytecode")
    _run(OPENING.format(path=str(path)), bytecode)  # creates the file
    programs = {name: PREAMBLE + code for name, code in STATEMENTS.items()}
    programs |= {name + COLLECTOR_OFF: UNCOLLECTED + code for name, code in STATEMENTS.items()}
    programs[STANDARD_LIBRARY] = PREAMBLE + STANDARD_LIBRARY
    programs[OPENED] = OPENING.format(path=str(path))
    samples: dict[str, list[float]] = {name: [] for name in programs}
    processor: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    loaded: dict[str, set[str]] = {name: set() for name in programs}
    for turn in range(rounds + 1):
        for name, taken in samples.items():
            seconds, modules = _run(programs[name], bytecode)
            loaded[name].update(modules)
            if turn:  # the first round writes the bytecode files
                taken.append(seconds)
        for name, used in processor.items():
            seconds = _processor_time(PROGRAMS[name], bytecode)
            if turn:
                used.append(seconds)
    return samples, processor, set().union(*loaded.values()) - loaded[BASE]


def _run(code: str, bytecode: Path) -> tuple[float, list[str]]:
    """The seconds that ``code`` measured in a new process, and the unneeded modules it loaded.

    The process keeps its bytecode below ``bytecode``: an installed package has it, a checkout may
    be set to write none.
    """
    program = [sys.executable, "-c", code + AFTERWARDS.format(names=UNNEEDED)]
    done = subprocess.run(  # noqa: S603 - this interpreter, on code of this file
        program, check=True, capture_output=True, text=True, cwd=ROOT, env=_environment(bytecode)
    )
    seconds, *modules = done.stdout.split()
    return float(seconds), modules


def _processor_time(arguments: Sequence[str], bytecode: Path) -> float:
    """The processor seconds of a new Python process, user and system."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(  # noqa: S603 - as above
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env=_environment(bytecode),
    )
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _environment(bytecode: Path) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(bytecode)}


def _compared_row(
    name: tuple[str, str],
    samples: Mapping[str, Sequence[float]],
    targets: Mapping[str, Target],
    note: str,
) -> RowResult:
    """A row, by key and title, whose base is the first of ``samples``."""
    (base, base_seconds), *_ = samples.items()
    timings = []
    for implementation, seconds in samples.items():
        low, middle, high = compared(seconds, base_seconds)
        timings.append(
            Timing(
                implementation=implementation,
                kind="baseline" if implementation == base else "ours",
                microseconds=statistics.median(seconds) * 1e6,
                ratio=middle,
                low=low,
                high=high,
                target=targets.get(implementation),
            )
        )
    key, title = name
    return RowResult(key=key, title=title, base=base, note=note, timings=timings)


def _open_row(samples: list[float]) -> RowResult:
    timing = Timing(
        implementation=OURS,
        kind="ours",
        microseconds=statistics.median(samples) * 1e6,
        target=Target(3.0, unit="ms"),
    )
    note = (
        "After the import, in the same process: SessionRepository.open on a file with the"
        " current schema, and one read."
    )
    return RowResult(
        key="open", title="open a warm file, and one read", base="", note=note, timings=[timing]
    )


def _loaded_row(loaded: set[str]) -> RowResult:
    timing = Timing(
        implementation=OURS,
        kind="ours",
        microseconds=0.0,
        count=float(len(loaded)),
        target=Target(0.0, unit="count"),
    )
    note = f"Counts {', '.join(UNNEEDED)}, unless the base loads them too" + (
        f"; loaded: {', '.join(sorted(loaded))}." if loaded else "; none was loaded."
    )
    return RowResult(
        key="loaded", title="modules loaded without need", base="", note=note, timings=[timing]
    )
