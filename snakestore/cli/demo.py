"""``snakestore demo``: run it, show how far it is, print what was measured."""

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

from snakestore.cli.console import plain, print_table
from snakestore.demo import run as demo
from snakestore.demo.search import SETTING_NAMES, SPACE, ZLIB_DEFAULT

DEFAULT_FILE = "snakestore-demo.db"
INSIDE = "select name, value, version from variables where name not like 'size/%'"
SHOWN = 5
_INTERRUPTED = 130


def add_to(app: typer.Typer) -> None:
    """Give ``app`` this verb."""
    app.command(name="demo")(demo_)


def _path(text: str | Path) -> Path:
    # a path collapses the slashes of a URL, whose password would then be shown as the name of a
    # folder
    if "://" in str(text):
        message = "the demo shares a file: give its path, not a URL"
        raise typer.BadParameter(message)
    return Path(text)


def demo_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="The file they share; made if it is missing.", parser=_path
        ),
    ] = Path(DEFAULT_FILE),
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--files",
            exists=True,
            help=(
                "A file or folder to compress; may be given several times. [default: snakestore's"
                " own source]"
            ),
        ),
    ] = None,
    evaluations: Annotated[
        int, typer.Option(min=1, help="How many settings a round measures.")
    ] = 400,
    workers: Annotated[int, typer.Option(min=1, max=64, help="How many worker processes.")] = 4,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="Stop after so long, the round done or not.")
    ] = 12.0,
) -> None:
    """Four processes tune zlib on real files and share one session; stop it at any moment, run it again, it goes on."""
    described = ", ".join(map(str, files)) if files else "snakestore's own source"
    corpus = demo.read_corpus(files or demo.own_source(), described, leave_out=file)
    if not corpus.files:
        message = (
            f"nothing to compress in {described}: all files are empty, or over"
            f" {demo.MAX_BYTES // 2**20} MiB"
        )
        raise typer.BadParameter(message)
    with _shown_progress() as progress:
        outcome = demo.run(
            str(file),
            corpus,
            workers=workers,
            per_round=evaluations,
            seconds=seconds,
            progress=progress,
        )
    _print_outcome(outcome, corpus, file, workers)
    if outcome.reports.interrupted:
        raise typer.Exit(_INTERRUPTED)
    if outcome.lost or len(outcome.reports.failures) >= workers:
        raise typer.Exit(1)


@contextmanager
def _shown_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, else a line for each tenth of the way."""
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
    told = -1

    def tell(done: int, target: int) -> None:
        nonlocal told
        tenth = min(10, 10 * done // target)
        if tenth > told:
            told = tenth
            typer.echo(f"settings measured: {done} of {target}")

    return tell


def _print_outcome(outcome: demo.Outcome, corpus: demo.Corpus, file: Path, workers: int) -> None:
    default_size = corpus.default_size
    rows = [
        [
            *(result["settings"][name] for name in SETTING_NAMES),
            *_compared(result["size"], default_size),
        ]
        for result in outcome.best[:SHOWN]
    ]
    rows.append([*ZLIB_DEFAULT.to_dict().values(), *_compared(default_size, default_size)])
    print_table([*SETTING_NAMES, "bytes", "against zlib's default"], rows)
    left_out = (
        f"; {corpus.left_out} more left out, over {demo.MAX_BYTES // 2**20} MiB"
        if corpus.left_out
        else ""
    )
    done = len(outcome.reports.acknowledged)
    facts = {
        "compressed": (
            f"{corpus.described}: {len(corpus.files)} files, {corpus.size:,} bytes{left_out}"
        ),
        "evaluations": f"{done} in this run, {outcome.evaluations} of {len(SPACE)} in all",
        "conflicts": f"{outcome.reports.conflicts} met and retried",
        "updates lost": (
            f"{outcome.lost} ({done} acknowledged to {workers} workers, each looked up in the file)"
        ),
        "time": f"{outcome.seconds:.1f} s",
    }
    typer.echo()
    for name, told in facts.items():
        typer.echo(f"{name:<14}{plain(told)}")
    for failure in outcome.reports.failures:
        typer.echo(plain(failure), err=True)
    typer.echo(
        f'{_how_it_ended(outcome)} Look inside: sqlite3 {plain(shlex.quote(str(file)))} "{INSIDE}"'
    )


def _compared(size: int, default_size: int) -> tuple[str, str]:
    if size == default_size:
        return f"{size:,}", "the same"
    return (
        f"{size:,}",
        f"{size - default_size:+,} ({100 * (size - default_size) / default_size:+.2f} %)",
    )


def _how_it_ended(outcome: demo.Outcome) -> str:
    if outcome.evaluations >= len(SPACE):
        return "Every setting is measured; name other files with --files to go on."
    if outcome.evaluations >= outcome.target:
        return "Run it again for the next round."
    if outcome.reports.out_of_time:
        return (
            f"The time was up at {outcome.evaluations} of {outcome.target}; run it again to go on."
        )
    return f"Stopped at {outcome.evaluations} of {outcome.target}; run it again to go on."
