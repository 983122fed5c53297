"""What commands print of variables, also of those that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakestore.cli.advice import in_commands
from snakestore.cli.console import json_line, print_result
from snakestore.cli.tables import time_text
from snakestore.errors import CorruptStoreError, UnknownTypeError

if TYPE_CHECKING:
    from snakestore import SessionRepository, Variable

VARIABLE_COLUMNS = ("variable", "type", "value", "version", "updated", "optimised by")


def variable_or_reason(snapshot: SessionRepository, session_id: str, name: str) -> Variable | str:
    """The variable, or the reason why it cannot be read."""
    try:
        return snapshot.get_variable(session_id, name)
    except (UnknownTypeError, CorruptStoreError) as error:
        return str(error)


def shown_value(variable: Variable) -> Any:
    """The value as JSON data; a float as it is, for ``NaN`` is no text."""
    if isinstance(variable.value, float):
        return variable.value
    return variable.to_dict()["value"]


def variable_row(name: str, variable: Variable | str) -> list[object]:
    """The row of a variable, or of the reason why it cannot be read."""
    if isinstance(variable, str):
        return [name, "", in_commands(variable), "", "", ""]
    return [
        name,
        variable.type,
        json_line(shown_value(variable)),
        variable.version,
        time_text(variable.last_updated_at),
        variable.optimization_status.optimizer_id or "",
    ]


def variable_record(name: str, variable: Variable | str) -> dict[str, Any]:
    """What ``--json`` prints of a variable, or of the reason why it cannot be read."""
    if isinstance(variable, str):
        return {"name": name, "error": variable}
    return variable.to_dict()


def print_version(variable: Variable, *, as_json: bool) -> None:
    """Print the version that a command has stored, and its value."""
    text = f"version {variable.version}: {json_line(shown_value(variable))}"
    print_result(variable.to_dict(), text, as_json=as_json)
