"""Write ``docs/performance.md`` and its pictures from a report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.drawing import draw
from benchmarks.results import Report
from benchmarks.row import BASELINE
from benchmarks.table import a_call, ratio, spread, verdict

TITLE = "Performance"
HEAD = f"""# {TITLE}

This page compares snakestore with hand-written programs that run the same statements on the same
tables under the same pragmas, and with other stores that are used for such state.
`python -m benchmarks --page` generates the page and its pictures. Its requirements are installed by
`pip install -e '.[bench]'`.

## In short

![The time of a call as a multiple of the hand-written one](performance.png)

"Bare" is the least that one writes by hand: no types, expiry, locks, statistics or metadata. The
other bases do what the library does. [Differences in the work](#differences-in-the-work) says what
the comparisons hide.
"""
METHOD = """
## How it is measured

- Each row of the table is one task. Every implementation runs it in batches, round after round, in
  alternating order, so that drift of the machine affects all of them. Each one is warmed up first.
- A ratio compares two implementations within one round. The table shows the median over all rounds
  and the quartiles. Less is better.
- The baselines are in `benchmarks/baselines/`. They execute fixed SQL on one connection per thread:
  `BEGIN IMMEDIATE`, the session's expiry, counters and recorded access, the optimiser's lock, the
  merge of the metadata, and the history. They do not validate values or translate errors.
- The rows "at random" have another baseline, `benchmarks/baselines/bare.py`: the least that one
  writes by hand. Their file has 200 sessions of 100 JSON values, and as many with ten past versions
  each. Each call takes the next variable of a random order.
- Peers run as their documents advise: text keys, their own batch calls.
- Peers are benchmarked against the baseline in separate rounds, so that cache effects of slower
  peers do not leak.
- Files are on disk in WAL mode with `synchronous` NORMAL, the library's default: a commit does not
  wait for the disk. Peers with a stricter default are set to the same.
- In tasks that write to a SQLite file, a batch fills about one write-ahead log, and the checkpoint
  at its end is timed with it. A checkpoint costs as much as all commits of the batch; otherwise
  chance would decide which batch pays for it.
- Missed targets are shown as missed.
"""
ALL_ROWS = """
## All ratios

![Ratios to hand-written statements](performance-all.png)
"""
SHORT = (
    "bare-get",
    "bare-record",
    "bare-update-plain",
    "bare-batch-plain",
    "bare-list",
    "async-get",
    "async-together",
    "processes-full",
    "postgres-update-afar",
    "embedding-load",
)
"""The rows of the short picture: what most programs do, and where stores differ most."""
UNEQUAL_HEAD = """
## Differences in the work

No peer checks types and constraints, keeps a history, maintains counts, or expires whole sessions.
Other differences:
"""
WORKERS = """
## Advice for workers

Latency-sensitive workers should call `gc.collect(); gc.freeze()` after start-up: the first full
collection after importing SQLAlchemy takes about 100 ms. The library does not do this itself.
"""


def write(report: Report, directory: Path) -> None:
    """Write the page and the pictures into ``directory``."""
    directory.mkdir(exist_ok=True)
    (directory / "performance.md").write_text(page(report), encoding="utf-8")
    short = [result for key in SHORT for result in report.results if result.key == key]
    draw(short, directory / "performance.png")
    draw(report.results, directory / "performance-all.png")


def page(report: Report) -> str:
    """The page as Markdown."""
    return "\n".join(
        [
            HEAD,
            METHOD,
            *_machine(report),
            *_table(report),
            ALL_ROWS,
            *_notes(report),
            *_unequal(report),
            WORKERS,
        ]
    )


def _machine(report: Report) -> Iterator[str]:
    yield "## Machine\n"
    yield "| | |\n| --- | --- |"
    for name, value in report.machine.items():
        yield f"| {name} | {value} |"
    yield f"| kind of run | {report.mode} |"


def _table(report: Report) -> Iterator[str]:
    yield "\n## Results\n"
    yield (
        "| task | implementation | per call | ratio | quartiles | target | |\n"
        "| --- | --- | ---: | ---: | --- | --- | --- |"
    )
    for result in report.results:
        for number, timing in enumerate(result.timings):
            name = (
                f"**{timing.implementation}**" if timing.kind == "ours" else timing.implementation
            )
            target, word = verdict(timing)
            title = result.title if number == 0 else ""
            yield (
                f"| {title} | {name} | {a_call(timing)} | {ratio(timing, result)} |"
                f" {spread(timing)} | {target} | {word} |"
            )
        for name in result.absent:
            yield f"| | {name} | | | | | not measured |"


def _notes(report: Report) -> Iterator[str]:
    yield "\n## Notes on the rows\n"
    for result in report.results:
        about = (
            f"The base of the ratios is {result.base}." if result.base not in {BASELINE, ""} else ""
        )
        if result.note or about:
            yield f"- **{result.title}**: {' '.join(part for part in (result.note, about) if part)}"


def _unequal(report: Report) -> Iterator[str]:
    yield UNEQUAL_HEAD
    for name, how in report.unequal.items():
        yield f"- {name}: {how}."
    for result in report.results:
        for timing in result.timings:
            if timing.unequal and timing.implementation not in report.unequal:
                yield f"- {result.title}, {timing.implementation}: {timing.unequal}."
    if report.absent:
        yield "\nNot measured:\n"
        for name, reason in report.absent.items():
            yield f"- {name}: {reason}"
