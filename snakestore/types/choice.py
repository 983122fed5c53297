"""The type choice: one text of a list."""

from __future__ import annotations

from typing import Any

from snakestore.types import bounds
from snakestore.types.scalars import StringType


class ChoiceType(StringType):
    """One of ``choices``; any text if the constraint is not given."""

    name = "choice"
    constraints: tuple[str, ...] = ("choices",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, and choices that are not a list of different texts."""
        super().check_constraints(constraints)
        bounds.check_texts(self, constraints, "choices")

    def check(self, value: str, constraints: dict[str, Any]) -> None:
        """Refuse a text that is not one of the choices."""
        if constraints:
            bounds.check_among(self, value, constraints, "choices")
