"""The type module: the name of a module, stored as text."""

from __future__ import annotations

from typing import Any

from snakestore.types import bounds
from snakestore.types.scalars import StringType


class ModuleType(StringType):
    """The name of a module of Python, Elixir or any other language. It is never imported."""

    name = "module"
    constraints: tuple[str, ...] = ("allowed_modules",)

    def check_constraints(self, constraints: dict[str, Any]) -> None:
        """Refuse unknown constraints, and allowed_modules that is not a list of different texts."""
        super().check_constraints(constraints)
        bounds.check_texts(self, constraints, "allowed_modules")

    def check(self, value: str, constraints: dict[str, Any]) -> None:
        """Refuse a name that is not one of the allowed modules."""
        if constraints:
            bounds.check_among(self, value, constraints, "allowed_modules")
