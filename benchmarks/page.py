"""Write ``docs/performance.md`` and its picture from a report."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.results import Report, RowResult, Timing
from benchmarks.row import BASELINE
from benchmarks.table import a_call, ratio, ratio_text, spread, verdict

TITLE = "Performance"
HEAD = f"""# {TITLE}

This page compares snakestore with hand-written programs that run the same statements on the same
tables under the same pragmas, and with other stores that are used for such state.
`python -m benchmarks --page` generates the page and its picture. Its requirements are installed by
`pip install -e '.[bench]'`.

![Ratios to hand-written statements](performance.png)

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
MIN_DRAWN, MAX_DRAWN = 0.005, 1000.0
BAR_COLOURS = {"ours": "#2f7d4f", "baseline": "#8a8f98", "peer": "#c98a3a"}


def write(report: Report, directory: Path) -> None:
    """Write the page and the picture into ``directory``."""
    directory.mkdir(exist_ok=True)
    (directory / "performance.md").write_text(page(report), encoding="utf-8")
    draw(report, directory / "performance.png")


def page(report: Report) -> str:
    """The page as Markdown."""
    return "\n".join(
        [HEAD, *_machine(report), *_table(report), *_notes(report), *_unequal(report), WORKERS]
    )


def draw(report: Report, path: Path) -> None:
    """The ratios of each row as bars, with the targets marked."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    rows = [
        result
        for result in report.results
        if any(_drawn(timing, result) for timing in result.timings)
    ]
    bars = sum(len(_bars(result)) for result in rows) + len(rows)
    figure, axes = pyplot.subplots(figsize=(10, 1.2 + 0.2 * bars))
    place, ticks, labels = 0.0, [], []
    for result in rows:
        axes.text(MIN_DRAWN * 1.2, place, result.title, va="center", fontsize=8, weight="bold")
        for timing in _bars(result):
            place += 1
            _bar(axes, place, timing)
            ticks.append(place)
            labels.append(timing.implementation)
        place += 1
    axes.set_yticks(ticks, labels, fontsize=7)
    axes.set_ylim(place, -1)
    axes.set_xscale("log")
    axes.set_xlim(MIN_DRAWN, MAX_DRAWN)
    axes.axvline(1.0, color="#444444", linewidth=0.8)
    axes.set_xlabel(
        "times the base of each row (hand-written statements, mostly); a black mark is the target;"
        " less is better"
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(result: RowResult) -> list[Timing]:
    return [timing for timing in result.timings if _drawn(timing, result)]


def _drawn(timing: Timing, result: RowResult) -> bool:
    return timing.ratio is not None and timing.implementation != result.base


def _bar(axes: Any, place: float, timing: Timing) -> None:
    drawn = min(max(timing.ratio or 0.0, MIN_DRAWN * 1.05), MAX_DRAWN / 2)
    axes.barh(place, drawn - MIN_DRAWN, left=MIN_DRAWN, height=0.75, color=BAR_COLOURS[timing.kind])
    mark = (
        timing.target.at_most
        if timing.target is not None and timing.target.unit == "ratio"
        else 0.0
    )
    axes.text(max(drawn, mark) * 1.08, place, ratio_text(timing.ratio), va="center", fontsize=7)
    if mark:
        axes.plot([mark, mark], [place - 0.45, place + 0.45], color="black", linewidth=1.6)


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
