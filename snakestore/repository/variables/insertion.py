"""Checks and encodes new variables, and inserts them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from snakestore import types
from snakestore.errors import VariableExistsError
from snakestore.new_variable import encode_variable
from snakestore.repository.arguments import check_size
from snakestore.storage.execution.context import TransactionContext
from snakestore.storage.mapping.identities import Identity
from snakestore.storage.mapping.sessions import LockedSession
from snakestore.storage.queries import variables as sql
from snakestore.variable import Variable


class NewVariable(NamedTuple):
    """A variable that is not stored yet, checked, with its columns."""

    variable: Variable
    columns: dict[str, Any]


def new_variable(
    tx: TransactionContext,
    name: str,
    type_name: object,
    value: object,
    metadata: dict[str, Any],
    *,
    vid: str | None = None,
    constraints: dict[str, Any] | None = None,
) -> NewVariable:
    """Check and encode a variable at version 0, before anything is written.

    Args:
        tx: where it is to be inserted.
        name: a valid name.
        type_name: the name of a registered type.
        value: its value.
        metadata: checked metadata.
        vid: a valid id; None: a new unique one.
        constraints: what the type checks the value against.

    Raises:
        UnknownTypeError, ConstraintError, ValidationError: if one of them is refused.
    """
    variable, text = encode_variable(name, type_name, value, vid, constraints, metadata, tx.now)
    blob = variable.stored_bytes()
    check_size(variable.type, text, blob, tx.max_value_bytes)
    return NewVariable(variable, columns_of(variable, text, blob))


def columns_of(variable: Variable, text: str | None, blob: bytes | None) -> dict[str, Any]:
    """The parameters of ``INSERT_FIRST_VERSION``; ``text`` and ``blob`` are the encoded value."""
    constraints, metadata = variable.constraints, variable.metadata
    return {
        "vid": variable.id,
        "new_name": variable.name,
        "new_type": variable.type,
        "new_value": text,
        "new_value_blob": blob,
        "new_constraints": types.dumps(constraints) if constraints else "{}",
        "new_metadata": types.dumps(metadata) if metadata else "{}",
        "new_created_at": variable.created_at,
    }


def insert(tx: TransactionContext, locked: LockedSession, new: Iterable[NewVariable]) -> None:
    """Insert variables of ``new_variable``."""
    rows = [{"sid": locked.sid, **each.columns} for each in new]
    tx.replan(len(rows))
    tx.send_many(sql.INSERT_FIRST_VERSION, rows)


def name_conflict(sid: str, new_id: str, new_name: str, other: Identity) -> VariableExistsError:
    """The error for a new variable of which ``other`` has the name or the id."""
    if other.name == new_name:
        reason = f"another variable (id {other.id!r}) has this name"
    elif other.id == new_name:
        reason = f"the name is the id of another variable ({other.name!r})"
    else:
        reason = f"its id {new_id!r} is the name of another variable (id {other.id!r})"
    return VariableExistsError(sid, new_name, reason)
