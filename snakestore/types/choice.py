"""The type choice: a text out of a list."""

from __future__ import annotations

from typing import Any

from snakestore.types import bounds
from snakestore.types.scalars import StringType


class ChoiceType(StringType):
    """One of ``choices``; any text where none are given."""

    name = "choice"
    constraints: tuple[str, ...] = ("choices",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown names, and choices that are no list of different texts."""
        super().check_constraints(constraints)
        bounds.check_texts(self, constraints, "choices")

    def check(self, value: str, constraints: dict[str, Any]) -> None:
        """Refuse what is none of the choices."""
        if constraints:
            bounds.check_among(self, value, constraints, "choices")
