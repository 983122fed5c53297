"""The command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import process_time

from benchmarks.measure import FULL, QUICK
from benchmarks.results import Report, RowResult
from benchmarks.rows import OWN_ROWS, ROWS
from benchmarks.runner import chosen_rows, run
from benchmarks.table import show

COMMANDS = ("rows", "imports", "growth", "memory", "all")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and show the requested rows.

    Returns the exit code: 0 whatever the figures are, 1 if an implementation failed, 2 for wrong
    usage.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    command = "all" if options.page else options.command
    try:
        rows = chosen_rows(options.only)
    except ValueError as error:
        parser.error(str(error))
    effort, mode = (QUICK, "quick") if options.quick else (FULL, "full")
    if options.cpu:
        if options.peers or options.page:
            parser.error(
                "--cpu sees this process alone, and some peers are servers: leave out --peers and"
                " --page"
            )
        rows = [row for row in rows if row in OWN_ROWS]
        effort, mode = replace(effort, clock=process_time), f"{mode}, processor time"
    report = run(
        rows if command in {"rows", "all"} else [],
        effort,
        mode=mode,
        peers=options.peers or options.page,
        said=_said,
    )
    for slower in COMMANDS[1:-1]:
        if command in {slower, "all"}:
            report.results.extend(_slower(slower, quick=options.quick))
    show(report)
    if options.json:
        options.json.write_text(as_json(report), encoding="utf-8")
    if options.page:
        from benchmarks.page import write  # noqa: PLC0415 - only this option needs matplotlib

        write(report, Path(__file__).parent.parent / "docs")
    return 1 if report.failed else 0


def as_json(report: Report) -> str:
    """The report as one JSON document."""
    document = asdict(report)
    for result, original in zip(document["results"], report.results, strict=True):
        for timing, known in zip(result["timings"], original.timings, strict=True):
            timing |= {"met": known.met, "reached": known.reached}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _slower(command: str, *, quick: bool) -> list[RowResult]:
    # imported on use: these rows need the whole library, the rows of the baselines do not
    if command == "imports":
        from benchmarks import starting  # noqa: PLC0415 - see above

        return starting.measure(quick=quick)
    if command == "growth":
        from benchmarks import growth  # noqa: PLC0415 - see above

        return growth.measure(quick=quick, said=_said)
    from benchmarks import memory  # noqa: PLC0415 - see above

    return memory.measure(quick=quick, said=_said)


def _said(what: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what} ...")
        sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=(
            "Times snakestore against hand-written statements on the same tables, and against its"
            " peers."
        ),
        epilog=f"Rows: {', '.join(row.key for row in ROWS)}.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        default="rows",
        choices=COMMANDS,
        help=(
            "rows of the table (the default); imports: starting; growth: a million variables;"
            " memory: 100,000 sessions; all of them"
        ),
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="under two minutes, with more noise, and smaller files for growth and memory",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="these rows alone")
    parser.add_argument("--peers", action="store_true", help="the peers that are installed, too")
    parser.add_argument(
        "--cpu",
        action="store_true",
        help=(
            "processor time instead of the clock's, where others keep the machine busy; rows of"
            " this process alone"
        ),
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="writes the figures there as JSON"
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help=("measures all, with the peers, and writes docs/performance.md with its two pictures"),
    )
    return parser
