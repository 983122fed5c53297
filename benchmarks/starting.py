"""``python -m benchmarks imports``: what it costs to import the library and to open a file that is there, each in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.results import RowResult, Timing, compared
from benchmarks.rows import OURS, Target
from benchmarks.runner import laboratory

BASE = "sqlalchemy.orm and equal mapped classes"
FRONT_DOOR = "from snakestore import SessionRepository"
OPENED = "open and one read"
PARTED = ("alembic", "numpy", "typer", "rich", "asyncio")  # what an import has no business to load
PREAMBLE = "import sys, time; started = time.perf_counter(); "
AFTERWARDS = "; print(time.perf_counter() - started, *[name for name in {names!r} if name in sys.modules])"
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


def measure(*, quick: bool) -> list[RowResult]:
    """The rows about starting."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with laboratory() as lab:
        path = lab.new_path("warm.db")
        _run(OPENING.format(path=str(path)))  # makes it
        samples: dict[str, list[float]] = {name: [] for name in (*STATEMENTS, OPENED)}
        loaded: dict[str, set[str]] = {name: set() for name in samples}
        for turn in range(rounds + 1):
            for name, taken in samples.items():
                code = OPENING.format(path=str(path)) if name == OPENED else PREAMBLE + STATEMENTS[name]
                seconds, modules = _run(code)
                loaded[name].update(modules)
                if turn:  # the first round writes the bytecode files
                    taken.append(seconds)
        return [_import_row(samples), _open_row(samples[OPENED]), _loaded_row(set().union(*loaded.values()) - loaded[BASE])]


def _run(code: str) -> tuple[float, list[str]]:
    """The seconds that ``code`` measured in a new process, and which of the parted modules it had loaded."""
    root = Path(__file__).parent.parent
    program = [sys.executable, "-c", code + AFTERWARDS.format(names=PARTED)]
    done = subprocess.run(  # noqa: S603 - this interpreter, on code of this file
        program, check=True, capture_output=True, text=True, cwd=root
    )
    seconds, *modules = done.stdout.split()
    return float(seconds), modules


def _import_row(samples: dict[str, list[float]]) -> RowResult:
    timings = []
    for name, seconds in samples.items():
        if name == OPENED:
            continue
        low, middle, high = compared(seconds, samples[BASE])
        timings.append(
            Timing(
                contender=name,
                kind="floor" if name == BASE else "ours",
                microseconds=statistics.median(seconds) * 1e6,
                ratio=middle,
                low=low,
                high=high,
                target=None if name == BASE else Target(1.1),
            )
        )
    return RowResult(key="import", title="import, in a fresh process", base=BASE, note="Bytecode files are there.", timings=timings)


def _open_row(samples: list[float]) -> RowResult:
    timing = Timing(contender=OURS, kind="ours", microseconds=statistics.median(samples) * 1e6, target=Target(5.0, unit="ms"))
    note = "After the import, in the same process: SessionRepository.open on a file of the newest schema, and one read."
    return RowResult(key="open", title="open a warm file, and one read", base="", note=note, timings=[timing])


def _loaded_row(loaded: set[str]) -> RowResult:
    timing = Timing(contender=OURS, kind="ours", microseconds=0.0, count=float(len(loaded)), target=Target(0.0, unit="count"))
    note = f"Of {', '.join(PARTED)}, less what the base loads" + (f"; loaded: {', '.join(sorted(loaded))}." if loaded else "; none was loaded.")
    return RowResult(key="loaded", title="modules loaded without need", base="", note=note, timings=[timing])
