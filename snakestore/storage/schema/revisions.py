"""The revisions of the schema, oldest first, for opening a database without importing Alembic.

A test holds them equal to the scripts in ``migrations/``.
"""

from __future__ import annotations

MADE_BY: dict[str, tuple[str, ...]] = {
    "0001": ("sessions", "variables", "programs", "session_overview", "variable_overview"),
    "0002": ("variable_versions", "variable_history_overview"),
    "0003": (),  # an index
    "0004": ("logs", "log_entries"),
    "0005": ("program_versions",),
    "0006": ("program_overview", "log_overview", "lease_overview", "about"),
    "0007": (),  # views compute when a session expires
}
"""The tables and views that each revision creates. Their names must be free before it."""
VIEW_NAMES = (
    "session_overview",
    "variable_overview",
    "variable_history_overview",
    "program_overview",
    "log_overview",
    "lease_overview",
    "about",
)
REVISIONS = tuple(MADE_BY)
HEAD = REVISIONS[-1]
VERSION_TABLE = "snakestore_alembic_version"
MAX_PARTITIONS = 1024
"""Partitions of a table are named ``<table>_0``, ``<table>_1`` and so on."""


def tables_at(revision: str) -> frozenset[str]:
    """The version table, and the tables and views that exist at a revision.

    At a revision that this release does not know, all that it knows.
    """
    known = revision if revision in REVISIONS else HEAD
    made = REVISIONS[: REVISIONS.index(known) + 1]
    return frozenset({VERSION_TABLE, *(name for each in made for name in MADE_BY[each])})
