"""Values that are given as JSON on the command line or in a file."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import IO, Any

import typer


def parsed(text: str, name: str) -> Any:
    """The JSON document of an argument.

    Raises:
        BadParameter: if it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{name} must be JSON. Text needs quotes: '\"fast\"' ({error})"
        raise typer.BadParameter(message) from error


def parsed_object(text: str | None, name: str) -> dict[str, Any] | None:
    """The JSON object of an option, None if it is not given.

    Raises:
        BadParameter: if it is none.
    """
    return None if text is None else checked_object(parsed(text, name), name)


def checked_object(document: Any, name: str) -> dict[str, Any]:
    """The document, which has to be a JSON object.

    Raises:
        BadParameter: if it is none.
    """
    if not isinstance(document, dict):
        message = f"{name} must be a JSON object: '{{\"key\": 1}}'"
        raise typer.BadParameter(message)
    return document


def parsed_seconds(text: str, name: str) -> float | None:
    """A number of seconds; None for "none".

    Raises:
        BadParameter: if it is neither.
    """
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        message = f"{name} must be a number of seconds or none"
        raise typer.BadParameter(message) from None


def check_number(value: float | None, name: str) -> None:
    """Refuse nan, which is neither below a minimum nor above a maximum.

    Raises:
        BadParameter: if it is nan.
    """
    if value is not None and math.isnan(value):
        message = f"{name} is a number of seconds, not nan"
        raise typer.BadParameter(message)


def parsed_count(text: str, name: str) -> int:
    """A number >= 0.

    Raises:
        BadParameter: if it is none.
    """
    if not (text.isascii() and text.isdecimal()):
        message = f"{name} must be a number or all"
        raise typer.BadParameter(message)
    return int(text)


def standard_input() -> IO[bytes]:
    """Stdin, as bytes.

    Raises:
        BadParameter: if the caller has closed it.
    """
    if sys.stdin is None:
        message = "stdin is closed. Pipe the content into the command, or name a file."
        raise typer.BadParameter(message)
    return sys.stdin.buffer


def given_bytes(path: str) -> bytes:
    """The content of a file, or of stdin for ``-``."""
    if path == "-":
        return standard_input().read()
    with open(path, "rb") as file:
        return file.read()


def one_of(value: str | None, file: str | None, name: str) -> None:
    """Refuse an argument and ``--file`` together, and neither.

    Raises:
        BadParameter: if not exactly one of them is given.
    """
    if (value is None) == (file is None):
        message = f"give either {name} or --file"
        raise typer.BadParameter(message)


def document_of(value: str | None, file: str | None, name: str) -> Any:
    """The JSON document of an argument, or of the file that is given instead.

    Raises:
        BadParameter: if both or neither is given, or it is not JSON.
    """
    one_of(value, file, name)
    if value is not None:
        return parsed(value, name)
    return parsed(text_of(given_bytes(str(file)), "the content of --file"), "the content of --file")


def text_of(content: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        BadParameter: if it is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{name} must be UTF-8 ({error.reason} at byte {error.start})"
        raise typer.BadParameter(message) from error


def value_reader(value: str | None, file: str | None) -> Callable[[str], Any]:
    """Reads the value of an argument or of a file as one of a type, whose name it takes.

    Raises:
        BadParameter: if it is not JSON.
    """
    if value is not None:
        document = parsed(value, "VALUE")
        return lambda type_name: _of_json(type_name, document)
    content = given_bytes(str(file))

    def read(type_name: str) -> Any:
        """Take the content as the type needs it: bytes, text or JSON."""
        if type_name == "bytes":
            return content
        text = text_of(content, "the content of --file")
        return text if type_name == "string" else _of_json(type_name, parsed(text, "--file"))

    return read


def _of_json(type_name: str, document: Any) -> Any:
    from snakestore.types import from_jsonable  # noqa: PLC0415 - the help does not need it

    # only text may stand for a value that JSON lacks
    return from_jsonable(type_name, document) if isinstance(document, str) else document
