"""Rows of variables in tables, also of those that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakestore.cli.tables import cell, time_text
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


def variable_row(name: str, value: Variable | str) -> list[object]:
    """The row of a variable, or of the reason why it cannot be read."""
    if isinstance(value, str):
        return [name, "", value, "", "", ""]
    return [
        name,
        value.type,
        cell(value.value),
        value.version,
        time_text(value.last_updated_at),
        value.optimization_status.optimizer_id or "",
    ]
