"""Print the report: with rich if it is installed, otherwise as plain text."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

from benchmarks.results import Report, RowResult, Timing

HEADINGS = ("task", "implementation", "per call", "ratio", "quartiles", "target", "")


def show(report: Report) -> None:
    """Print the table, then the unavailable implementations and the differences in the work."""
    lines = list(table_lines(report))
    if importlib.util.find_spec("rich") is None:
        _show_plain(lines)
    else:
        _show_rich(lines)
    print()
    print("; ".join(f"{name} {value}" for name, value in report.machine.items()))
    for name, reason in report.absent.items():
        print(f"not measured: {name}: {reason}")
    for where, what in report.failed.items():
        print(f"FAILED: {where}: {what}")
    shown = {timing.implementation for result in report.results for timing in result.timings}
    for name, how in report.unequal.items():
        if name in shown:
            print(f"unequal: {name}: {how}")


def table_lines(report: Report) -> Iterator[tuple[str, ...]]:
    """The lines of the table as text."""
    for result in report.results:
        for number, timing in enumerate(result.timings):
            yield (
                result.title if number == 0 else "",
                timing.implementation,
                a_call(timing),
                ratio(timing, result),
                spread(timing),
                *verdict(timing),
            )
        for name in result.absent:
            yield ("" if result.timings else result.title, name, "", "", "", "", "not measured")


def a_call(timing: Timing) -> str:
    """The time, or the count."""
    if timing.count is not None:
        return f"{timing.count:g}"
    if timing.microseconds >= 1000:
        return f"{timing.microseconds / 1000:.2f} ms"
    return f"{timing.microseconds:.1f} us"


def ratio(timing: Timing, result: RowResult) -> str:
    """The ratio to the row's base; the base itself is 1."""
    if timing.implementation == result.base and timing.count is None:
        return "1"
    return ratio_text(timing.ratio)


def ratio_text(number: float | None) -> str:
    """A ratio, rounded to significant digits."""
    return "" if number is None else f"{number:.3f}" if number < 0.1 else f"{number:.2f}"


def spread(timing: Timing) -> str:
    """The quartiles of the ratios."""
    if timing.low is None or timing.high is None or timing.low == timing.high:
        return ""
    return f"{ratio_text(timing.low)} to {ratio_text(timing.high)}"


def verdict(timing: Timing) -> tuple[str, str]:
    """The target, and whether it is met."""
    if timing.target is None:
        return "", ""
    word = {None: "not measured", True: "met", False: "missed"}[timing.met]
    return f"at most {timing.target}", "reached" if timing.reached else word


def _show_rich(lines: list[tuple[str, ...]]) -> None:
    table = importlib.import_module("rich.table").Table(*HEADINGS)
    colours = {"met": "green", "reached": "bold green", "missed": "red"}
    for line in lines:
        colour = colours.get(line[-1])
        table.add_row(
            *line[:-1], f"[{colour}]{line[-1]}[/]" if colour else line[-1], end_section=False
        )
    importlib.import_module("rich.console").Console(
        width=None if importlib.import_module("sys").stdout.isatty() else 150
    ).print(table)


def _show_plain(lines: list[tuple[str, ...]]) -> None:
    widths = [
        max(len(line[column]) for line in [HEADINGS, *lines]) for column in range(len(HEADINGS))
    ]
    for line in [HEADINGS, tuple("-" * width for width in widths), *lines]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
