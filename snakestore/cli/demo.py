"""``snakestore demo``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snakestore.cli.commands import new_app

DEFAULT_FILE = "snakestore-demo.db"

app = new_app()


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


@app.command(name="demo")
def demo_(
    file: FileArgument = Path(DEFAULT_FILE),
    files: FilesOption = None,
    evaluations: EvaluationsOption = 400,
    workers: WorkersOption = 4,
    seconds: SecondsOption = 12.0,
) -> None:
    """Tune zlib in several processes that share a session. Stop at any time; run again."""
    from snakestore.cli import demo_output  # noqa: PLC0415 - loads the library

    demo_output.run(file, files, evaluations=evaluations, workers=workers, seconds=seconds)
