"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Store = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="Path or URL of the store. Left out with --db or SNAKESTORE_URL.",
        show_default=False,
    ),
]
SessionId = Annotated[
    str, typer.Argument(metavar="SESSION", help="The id of the session.", show_default=False)
]
Identifier = Annotated[
    str, typer.Argument(metavar="NAME", help="The name or id of the variable.", show_default=False)
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
ExpectedVersion = Annotated[
    int | None,
    typer.Option(
        "--expected-version", help="Fail if it is at another version.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsTsv = Annotated[
    bool, typer.Option("--tsv", help="Print the table with tabs between the columns.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
After = Annotated[
    str | None,
    typer.Option("--after", help="List only what follows this id or name.", show_default=False),
]
