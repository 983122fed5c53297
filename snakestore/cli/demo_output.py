"""Run the demo, show its progress, print the results."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from snakestore.cli import INTERRUPTED
from snakestore.cli.console import is_terminal, print_line
from snakestore.cli.tables import print_table
from snakestore.demo import run as demo
from snakestore.demo.search import SETTING_NAMES, SPACE, ZLIB_DEFAULT

EXAMPLE_QUERY = "select name, value, version from variables where name not like 'size/%'"
RESULTS_SHOWN = 5
MEBIBYTE = 2**20


def run(
    file: Path, files: list[Path] | None, *, evaluations: int, workers: int, seconds: float
) -> None:
    """Run the demo, with the values of its options."""
    corpus = _read_corpus(files, file)
    with _shown_progress() as progress:
        outcome = demo.run(
            str(file),
            corpus,
            workers=workers,
            per_round=evaluations,
            seconds=seconds,
            progress=progress,
        )
    _print_results(outcome, corpus)
    _print_facts(outcome, corpus, workers)
    quoted = shlex.quote(str(file))
    print_line(f'{_how_it_ended(outcome)} Look inside: sqlite3 {quoted} "{EXAMPLE_QUERY}"')
    if outcome.reports.interrupted:
        raise typer.Exit(INTERRUPTED)
    if outcome.lost or len(outcome.reports.failures) >= workers:
        raise typer.Exit(1)


def _read_corpus(files: list[Path] | None, store: Path) -> demo.Corpus:
    description = ", ".join(map(str, files)) if files else "snakestore's own source"
    corpus = demo.read_corpus(files or demo.own_source(), description, exclude=store)
    if not corpus.files:
        message = (
            f"nothing to compress in {description}: all files are empty or larger than"
            f" {demo.MAX_BYTES // MEBIBYTE} MiB"
        )
        raise typer.BadParameter(message)
    return corpus


@contextmanager
def _shown_progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, otherwise a line for each tenth."""
    if not is_terminal():
        yield _progress_in_lines()
        return
    from rich.console import Console  # noqa: PLC0415 - takes time, and only terminals need it
    from rich.progress import (  # noqa: PLC0415 - likewise
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console()) as progress:
        task = progress.add_task("settings measured")
        yield lambda done, target: progress.update(task, completed=min(done, target), total=target)


def _progress_in_lines() -> Callable[[int, int], None]:
    last_tenth = -1

    def show(done: int, target: int) -> None:
        """Print a line for each tenth of the settings."""
        nonlocal last_tenth
        tenth = min(10, 10 * done // target)
        if tenth > last_tenth:
            last_tenth = tenth
            print_line(f"settings measured: {done} of {target}")

    return show


def _print_results(outcome: demo.Outcome, corpus: demo.Corpus) -> None:
    default_size = corpus.default_size
    rows = [
        [
            *(result["settings"][name] for name in SETTING_NAMES),
            *_compared(result["size"], default_size),
        ]
        for result in outcome.best[:RESULTS_SHOWN]
    ]
    rows.append([*ZLIB_DEFAULT.to_dict().values(), *_compared(default_size, default_size)])
    print_table([*SETTING_NAMES, "bytes", "against zlib's default"], rows)


def _print_facts(outcome: demo.Outcome, corpus: demo.Corpus, workers: int) -> None:
    skipped = ""
    if corpus.skipped:
        skipped = f"; {corpus.skipped} files skipped, over {demo.MAX_BYTES // MEBIBYTE} MiB"
    done = len(outcome.reports.acknowledged)
    facts = {
        "compressed": (
            f"{corpus.description}: {len(corpus.files)} files, {corpus.size:,} bytes{skipped}"
        ),
        "evaluations": f"{done} in this run, {outcome.evaluations} of {len(SPACE)} in all",
        "conflicts": f"{outcome.reports.conflicts}, all retried",
        "updates lost": (
            f"{outcome.lost} ({done} acknowledged to {workers} workers, each looked up in the file)"
        ),
        "time": f"{outcome.seconds:.1f} s",
    }
    print_line()
    for name, text in facts.items():
        print_line(f"{name:<14}{text}")
    for failure in outcome.reports.failures:
        print_line(failure, err=True)


def _compared(size: int, default_size: int) -> tuple[str, str]:
    if size == default_size:
        return f"{size:,}", "the same"
    difference = size - default_size
    return f"{size:,}", f"{difference:+,} ({100 * difference / default_size:+.2f} %)"


def _how_it_ended(outcome: demo.Outcome) -> str:
    done = f"{outcome.evaluations} of {outcome.target}"
    if outcome.evaluations >= len(SPACE):
        return "Every setting is measured. Pass other files with --files to continue."
    if outcome.evaluations >= outcome.target:
        return "Run it again for the next round."
    if outcome.reports.timed_out:
        return f"The time was up at {done}. Run it again to continue."
    return f"Stopped at {done}. Run it again to continue."
