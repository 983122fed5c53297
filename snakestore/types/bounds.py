"""Checks that several types share: of bounds and lists given as constraints, and of values against them."""

from __future__ import annotations

import math
from typing import Any

from snakestore.errors import shorten
from snakestore.types.base import VariableType
from snakestore.types.digits import MOST_DIGITS, TOO_LONG
from snakestore.types.documents import surrogate_position


def check_count(of: VariableType, constraints: dict[str, Any], name: str) -> None:
    """Refuse a length or count ``name``, where given, that is no non-negative int."""
    if name in constraints:
        bound = constraints[name]
        if type(bound) is not int or bound < 0:
            of.refuse(
                f"must be an int of 0 or more, not {type(bound).__name__}; leave it out for no"
                " bound",
                bound,
                constraint=name,
            )


def check_order(of: VariableType, constraints: dict[str, Any], least: str, most: str) -> None:
    """Refuse a pair of bounds that no value lies between."""
    if least in constraints and most in constraints and constraints[least] > constraints[most]:
        reason = (
            f"is greater than {most} ({shorten(constraints[most])}): no value can satisfy both;"
            " swap them"
        )
        of.refuse(reason, constraints[least], constraint=least)


def check_numbers(of: VariableType, constraints: dict[str, Any], kinds: tuple[type, ...]) -> None:
    """Refuse ``min`` and ``max`` that are no finite numbers of ``kinds``, or in the wrong order."""
    for name in ("min", "max"):
        if name in constraints:
            bound = constraints[name]
            if type(bound) not in kinds or not (
                math.isfinite(bound) if type(bound) is float else -TOO_LONG < bound < TOO_LONG
            ):
                wanted = " or ".join(kind.__name__ for kind in kinds)
                reason = (
                    f"must be a finite {wanted} of at most {MOST_DIGITS} digits, not"
                    f" {type(bound).__name__}; leave it out for no bound"
                )
                of.refuse(reason, bound, constraint=name)
    check_order(of, constraints, "min", "max")


def check_texts(of: VariableType, constraints: dict[str, Any], name: str) -> None:
    """Refuse a list of allowed texts ``name``, where given, that is empty, holds something else or the same text twice."""
    if name not in constraints:
        return
    allowed = constraints[name]
    if type(allowed) is not list or not allowed:
        of.refuse(
            "must be a list of at least one str; leave it out to allow any",
            allowed,
            constraint=name,
        )
    for index, entry in enumerate(allowed):
        if type(entry) is not str or surrogate_position(entry) is not None:
            of.refuse(
                f"its entry {index} is no storable str but {type(entry).__name__} {shorten(entry)}",
                allowed,
                constraint=name,
            )
    if len(set(allowed)) < len(allowed):
        twice = next(entry for index, entry in enumerate(allowed) if entry in allowed[:index])
        of.refuse(f"{shorten(twice)} is there twice; give each once", allowed, constraint=name)


def check_between(of: VariableType, value: float, constraints: dict[str, Any]) -> None:
    """Refuse a number outside ``min`` and ``max``; NaN is outside any bound."""
    if "min" in constraints and not value >= constraints["min"]:
        of.refuse(f"must be at least {shorten(constraints['min'])}", value, constraint="min")
    if "max" in constraints and not value <= constraints["max"]:
        of.refuse(f"must be at most {shorten(constraints['max'])}", value, constraint="max")


def check_among(of: VariableType, value: str, constraints: dict[str, Any], name: str) -> None:
    """Refuse a text that is none of those which ``name``, where given, allows."""
    if name in constraints and value not in constraints[name]:
        of.refuse(f"must be one of {shorten(constraints[name])}", value, constraint=name)
