"""Constraints that several types share: checks of bounds and lists, and of values against them."""

from __future__ import annotations

import math
from typing import Any

from snakestore.errors import shorten
from snakestore.types.base import VariableType
from snakestore.types.digits import MAX_DIGITS, TOO_LONG
from snakestore.types.documents import surrogate_position


def check_count(variable_type: VariableType, constraints: dict[str, Any], name: str) -> None:
    """Refuse the constraint ``name`` (a length or count) unless it is an int of 0 or more."""
    if name in constraints:
        bound = constraints[name]
        if type(bound) is not int or bound < 0:
            variable_type.refuse(
                f"must be an int of 0 or more, not {type(bound).__name__}; omit it for no bound",
                bound,
                constraint=name,
            )


def check_order(
    variable_type: VariableType, constraints: dict[str, Any], lower: str, upper: str
) -> None:
    """Refuse a lower bound that is greater than the upper bound."""
    if lower in constraints and upper in constraints and constraints[lower] > constraints[upper]:
        reason = (
            f"is greater than {upper} ({shorten(constraints[upper])}), so no value can satisfy both"
        )
        variable_type.refuse(reason, constraints[lower], constraint=lower)


def check_numbers(
    variable_type: VariableType, constraints: dict[str, Any], kinds: tuple[type, ...]
) -> None:
    """Refuse ``min`` and ``max`` unless they are finite numbers of ``kinds``, in order."""
    for name in ("min", "max"):
        if name in constraints:
            bound = constraints[name]
            if type(bound) not in kinds or not (
                math.isfinite(bound) if type(bound) is float else -TOO_LONG < bound < TOO_LONG
            ):
                expected = " or ".join(kind.__name__ for kind in kinds)
                reason = (
                    f"must be a finite {expected} of at most {MAX_DIGITS} digits, not"
                    f" {type(bound).__name__}; omit it for no bound"
                )
                variable_type.refuse(reason, bound, constraint=name)
    check_order(variable_type, constraints, "min", "max")


def check_texts(variable_type: VariableType, constraints: dict[str, Any], name: str) -> None:
    """Refuse the constraint ``name`` unless it is a non-empty list of different texts."""
    if name not in constraints:
        return
    allowed = constraints[name]
    if type(allowed) is not list or not allowed:
        variable_type.refuse(
            "must be a list of at least one str; omit it to allow any",
            allowed,
            constraint=name,
        )
    for index, entry in enumerate(allowed):
        if type(entry) is not str or surrogate_position(entry) is not None:
            variable_type.refuse(
                f"entry {index} must be a str that can be stored, not {type(entry).__name__}"
                f" {shorten(entry)}",
                allowed,
                constraint=name,
            )
    if len(set(allowed)) < len(allowed):
        duplicate = next(entry for index, entry in enumerate(allowed) if entry in allowed[:index])
        variable_type.refuse(
            f"contains {shorten(duplicate)} twice; list each text once", allowed, constraint=name
        )


def check_between(variable_type: VariableType, value: float, constraints: dict[str, Any]) -> None:
    """Refuse a number outside ``min`` and ``max``. NaN fails any bound."""
    if "min" in constraints and not value >= constraints["min"]:
        variable_type.refuse(
            f"must be at least {shorten(constraints['min'])}", value, constraint="min"
        )
    if "max" in constraints and not value <= constraints["max"]:
        variable_type.refuse(
            f"must be at most {shorten(constraints['max'])}", value, constraint="max"
        )


def check_among(
    variable_type: VariableType, value: str, constraints: dict[str, Any], name: str
) -> None:
    """Refuse a text that is not in the list of the constraint ``name``."""
    if name in constraints and value not in constraints[name]:
        variable_type.refuse(f"must be one of {shorten(constraints[name])}", value, constraint=name)
