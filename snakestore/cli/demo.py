"""``snakestore demo``: run the demo, show its progress, print the results."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from snakestore.cli.console import print_line, print_table
from snakestore.demo import run as demo
from snakestore.demo.search import SETTING_NAMES, SPACE, ZLIB_DEFAULT

DEFAULT_FILE = "snakestore-demo.db"
EXAMPLE_QUERY = "select name, value, version from variables where name not like 'size/%'"
RESULTS_SHOWN = 5
MEBIBYTE = 2**20
_INTERRUPTED = 130


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command(name="demo")(demo_)


def _path(text: str | Path) -> Path:
    # Path would collapse the slashes of a URL, and its password would become the name of a folder
    if "://" in str(text):
        message = "the demo needs the path of a file, not a URL"
        raise typer.BadParameter(message)
    return Path(text)


FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Path of the shared file. It is created if missing.", parser=_path
    ),
]
FilesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--files",
        exists=True,
        help="A file or folder to compress; can be repeated. [default: snakestore's own source]",
    ),
]
EvaluationsOption = Annotated[int, typer.Option(min=1, help="Evaluations per round.")]
WorkersOption = Annotated[int, typer.Option(min=1, max=64, help="Number of worker processes.")]
SecondsOption = Annotated[float, typer.Option(min=0.0, help="Stop after this many seconds.")]


def demo_(
    file: FileArgument = Path(DEFAULT_FILE),
    files: FilesOption = None,
    evaluations: EvaluationsOption = 400,
    workers: WorkersOption = 4,
    seconds: SecondsOption = 12.0,
) -> None:
    """Tune zlib in several processes that share a session. Stop at any time; run again."""
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
        raise typer.Exit(_INTERRUPTED)
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
    if not sys.stdout.isatty():
        yield _progress_in_lines()
        return
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
