"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from snakestore.cli import completion

Store = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="Path or URL of the store. Left out with --db or SNAKESTORE_URL.",
        show_default=False,
    ),
]
SessionId = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="The id of the session.",
        show_default=False,
        autocompletion=completion.session_ids,
    ),
]
Identifier = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The name or id of the variable.",
        show_default=False,
        autocompletion=completion.variable_names,
    ),
]
ProgramId = Annotated[
    str,
    typer.Argument(
        metavar="PROGRAM",
        help="The id of the program.",
        show_default=False,
        autocompletion=completion.program_ids,
    ),
]
LogName = Annotated[
    str,
    typer.Argument(
        metavar="LOG",
        help="The name of the log.",
        show_default=False,
        autocompletion=completion.log_names,
    ),
]
VersionNumber = Annotated[
    int, typer.Argument(metavar="VERSION", help="The number of the version.", show_default=False)
]
Pattern = Annotated[
    str | None,
    typer.Argument(
        metavar="PATTERN",
        help="List only what matches. * matches any run of characters.",
        show_default=False,
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=0, help="List at most this many.", show_default=False)
]
After = Annotated[
    str | None,
    typer.Option("--after", help="List only what follows this id or name.", show_default=False),
]
ExpectedVersion = Annotated[
    int | None,
    typer.Option(
        "--expected-version", help="Fail if it is at another version.", show_default=False
    ),
]
Reason = Annotated[
    str | None, typer.Option("--reason", help="Why; kept with the version.", show_default=False)
]
Metadata = Annotated[
    str | None,
    typer.Option("--metadata", metavar="JSON", help="A JSON object.", show_default=False),
]
Optimizer = Annotated[
    str | None,
    typer.Option("--as", metavar="ID", help="The optimiser that holds it.", show_default=False),
]
Seconds = Annotated[
    str | None,
    typer.Option(
        "--ttl",
        metavar="SECONDS",
        help="How long the session may be idle, or 'none'.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsTsv = Annotated[
    bool, typer.Option("--tsv", help="Print the table with tabs between the columns.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
FromFile = Annotated[
    str | None,
    typer.Option(
        "--file",
        metavar="PATH",
        help="Read it from a file instead; - is stdin.",
        show_default=False,
    ),
]
