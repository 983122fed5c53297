"""New variables, with their value checked and normalised. Nothing is stored."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from snakestore import types
from snakestore.clock import now_or
from snakestore.lease import NOT_OPTIMIZING
from snakestore.names import checked_name
from snakestore.variable import Variable, unchecked_variable
from snakestore.versioning import checked_object

MAX_NAME_LENGTH_IN_ID = 200


def new_variable_id(name: str) -> str:
    """A new unique id, which starts with ``var_`` and the name."""
    return f"var_{name[:MAX_NAME_LENGTH_IN_ID]}_{os.urandom(16).hex()}"  # uuid4 takes 1 us more


def create_variable(
    *,
    name: str,
    type: str,  # noqa: A002 - the field's own name
    value: Any,
    id: str | None = None,  # noqa: A002 - the field's own name
    constraints: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    created_at: datetime | None = None,
) -> Variable:
    """A new variable at version 0, with its value checked and normalised. Nothing is stored.

    Args:
        name: the name of the variable.
        type: the name of its type.
        value: its value; it is not changed.
        id: the id of the variable; by default a new unique id.
        constraints: what the type checks the value against.
        metadata: a JSON object.
        created_at: an aware datetime; by default the system's clock.

    Raises:
        UnknownTypeError: if the type is not registered.
        ConstraintError: if the value violates a constraint, or a constraint is invalid.
        InvalidNameError: if the name or id is invalid.
        ValidationError: if the value is not of the type, the metadata is not JSON-serialisable or
            ``created_at`` is naive.
    """
    variable, _ = encode_variable(
        checked_name(name, "variable name"),
        type,
        value,
        None if id is None else checked_name(id, "variable id"),
        constraints,
        checked_object(metadata, "metadata"),
        now_or(created_at, "created_at"),
    )
    return variable


def encode_variable(
    name: str,
    type: object,  # noqa: A002 - named like the field
    value: object,
    id: str | None,  # noqa: A002 - named like the field
    constraints: dict[str, Any] | None,
    metadata: dict[str, Any],
    created_at: datetime,
) -> tuple[Variable, str | None]:
    """``create_variable`` with checked names, metadata and time; also returns the value's text.

    The binary form of the value is ``stored_bytes()`` of the variable.

    Raises:
        UnknownTypeError, ConstraintError, ValidationError: as ``create_variable``.
    """
    type_name = types.type_text(type)
    constraints = types.check_constraints(type_name, constraints)
    normalised, text, blob = types.encode_value(type_name, value, constraints)
    variable = unchecked_variable(
        blob,
        new_variable_id(name) if id is None else id,
        name,
        type_name,
        normalised if blob is None else types.decode_value(type_name, text, blob),
        created_at,
        constraints,
        metadata,
        0,
        created_at,
        NOT_OPTIMIZING,
        (),
    )
    return variable, text
