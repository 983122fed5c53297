"""What verbs return that is neither a session nor a variable."""

from __future__ import annotations

from dataclasses import dataclass

from snakestore.variable import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableBatch:
    """Several variables read from one snapshot: ``found`` by the identifier asked for, as text; ``missing`` the rest."""

    found: dict[str, Variable]
    missing: list[str]
