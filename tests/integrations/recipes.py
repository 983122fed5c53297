"""The programs of docs/recipes.md."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def source(name: str) -> str:
    """The text of a program, which begins with its name in a comment."""
    (found,) = re.findall(
        rf"^```py(?:thon)?\n(# {re.escape(name)}\n.*?)^```$",
        PAGE.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    return str(found)


def recipe(name: str) -> ModuleType:
    """A program as a module."""
    module = ModuleType(name.removesuffix(".py"))
    exec(compile(source(name), name, "exec"), vars(module))  # noqa: S102 - running what the page shows is the point
    return module
