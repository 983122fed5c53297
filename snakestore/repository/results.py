"""What verbs return that is neither a session nor a variable."""

from __future__ import annotations

from dataclasses import dataclass

from snakestore.variable import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableBatch:
    """Several variables read from one snapshot: ``found`` by the identifier asked for, as text; ``missing`` the rest."""

    found: dict[str, Variable]
    missing: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """What a store holds, in numbers.

    Attributes:
        sessions: recorded sessions, expired ones that no sweep has removed yet among them.
        expired_sessions: those of them that have expired.
        variables, programs, versions: rows of each kind; versions are past values.
        size_bytes: size of the database (SQLite: the main file's pages; PostgreSQL: our tables with their indexes).
        free_bytes: the part of it that is free for reuse (SQLite).
    """

    sessions: int
    expired_sessions: int
    variables: int
    programs: int
    versions: int
    size_bytes: int
    free_bytes: int
