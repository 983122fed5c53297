"""Print text and JSON. Characters that are not shown as themselves are escaped."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import typer

from snakestore.escapes import escaped


def print_line(text: str = "", *, err: bool = False) -> None:
    """Print ``text`` on one line, escaped."""
    typer.echo(escaped(text), err=err)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 session``, ``2 sessions``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def json_line(value: Any) -> str:
    """``value`` as JSON on one line, with control characters escaped. Bytes become base64 text."""
    if isinstance(value, bytes):
        import base64  # noqa: PLC0415 - --version needs none of these

        value = base64.b64encode(value).decode("ascii")
    import json  # noqa: PLC0415 - likewise

    return escaped(json.dumps(value, ensure_ascii=False))


def print_json(document: Any) -> None:
    """Print ``document`` as indented JSON."""
    import json  # noqa: PLC0415 - likewise

    text = json.dumps(document, ensure_ascii=False, indent=2)
    for line in text.split("\n"):  # JSON escapes line breaks inside texts
        print_line(line)


def print_result(document: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print what a command did: for a program, or for people."""
    if as_json:
        print_json(document)
    else:
        print_line(text)


def print_json_list(documents: Iterable[Any]) -> None:
    """Print a JSON list as its documents come, each on one line."""
    started = False
    for document in documents:
        typer.echo(",\n" if started else "[\n", nl=False)
        typer.echo(f"  {json_line(document)}", nl=False)
        started = True
    typer.echo("\n]" if started else "[]")


def print_raw(value: str | bytes) -> None:
    """Print a value as it is; on a terminal, text is escaped, and bytes are refused.

    Raises:
        BadParameter: if bytes would be shown on a terminal.
    """
    if isinstance(value, str):
        typer.echo("\n".join(map(escaped, value.split("\n"))) if is_terminal() else value)
    elif is_terminal():
        message = "bytes are not shown on a terminal: redirect the output to a file"
        raise typer.BadParameter(message)
    else:
        typer.echo(value, nl=False)


def is_terminal() -> bool:
    """Whether what is printed is shown on a terminal."""
    return sys.stdout.isatty()
