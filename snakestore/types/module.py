"""The type module: the name of a module, as text that is never imported."""

from __future__ import annotations

from typing import Any

from snakestore.types import bounds
from snakestore.types.scalars import StringType


class ModuleType(StringType):
    """The name of a module, of Python, Elixir or anything else: it stays text and nothing is ever imported by it."""

    name = "module"
    constraints: tuple[str, ...] = ("allowed_modules",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown names, and allowed modules that are no list of different texts."""
        super().check_constraints(constraints)
        bounds.check_texts(self, constraints, "allowed_modules")

    def check(self, value: str, constraints: dict[str, Any]) -> None:
        """Refuse what is none of the allowed modules."""
        if constraints:
            bounds.check_among(self, value, constraints, "allowed_modules")
