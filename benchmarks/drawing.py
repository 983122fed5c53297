"""Draw the ratios of rows as bars."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import RowResult, Timing
from benchmarks.table import a_call, ratio_text

MIN_DRAWN, MAX_DRAWN = 0.005, 1000.0
BAR_COLOURS = {"ours": "#2f7d4f", "baseline": "#8a8f98", "peer": "#c98a3a"}


def draw(results: Sequence[RowResult], path: Path) -> None:
    """The ratios of each row as bars, with the targets marked."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    rows = [
        result for result in results if any(_drawn(timing, result) for timing in result.timings)
    ]
    bars = sum(len(_bars(result)) for result in rows) + len(rows)
    figure, axes = pyplot.subplots(figsize=(10, 1.2 + 0.2 * bars))
    place, ticks, labels = 0.0, [], []
    for result in rows:
        title = axes.text(
            MIN_DRAWN * 1.2, place, result.title, va="center", fontsize=8, weight="bold"
        )
        axes.annotate(f"   1 = {_base(result)}", (1, 0.5), xycoords=title, va="center", fontsize=7)
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
    axes.set_xlabel("times the base of each row; a black mark is the target; less is better")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _base(result: RowResult) -> str:
    [base] = [timing for timing in result.timings if timing.implementation == result.base]
    return f"{result.base}, {a_call(base)}"


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
