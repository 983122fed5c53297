"""Titles, descriptions, units, facets and sort orders of Datasette's pages."""

from __future__ import annotations

from typing import Any

from snakestore.inspector.database import NAME
from snakestore.inspector.questions import QUESTIONS, Question

_SECONDS = "{}, in seconds"
_COMMON = {
    "state": "Whether it still counts",
    "age": "Time since it was last written",
    "age_seconds": _SECONDS.format("Time since it was last written"),
    "idle": "Time since the last access",
    "idle_seconds": _SECONDS.format("Time since the last access"),
    "expires_in": "Time left",
    "expires_in_seconds": _SECONDS.format("Time left; negative if it is over"),
    "ttl": _SECONDS.format("How long the session may be idle"),
    "held_for": "Time since the lease was taken",
    "held_seconds": _SECONDS.format("Time since the lease was taken"),
    "size_bytes": "Size of the stored value, in bytes",
    "source": "What wrote it, as the writer named itself",
    "past_versions": "How many earlier versions are kept",
    "created_at": "When it was created (UTC)",
    "last_updated_at": "When it was last written (UTC)",
    "last_accessed": "When the session was last read or written (UTC)",
    "written_at": "When the value was written (UTC)",
    "expires_at": "When it expires (UTC)",
    "started_at": "When the lease was taken (UTC)",
    "optimizer_id": "What is optimising the variable now",
    "holder": "What is or was optimising the variable",
    "length": "Number of entries",
    "next_position": "Position of the next entry",
    "version": "Rises by one with each write",
}


def _view(
    title: str, description: str, columns: list[str], facets: list[str], **more: Any
) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "columns": {name: _COMMON[name] for name in columns},
        "facets": facets,
        "size": 50,
        **more,
    }


VIEWS: dict[str, dict[str, Any]] = {
    "session_overview": _view(
        "Sessions",
        "Each session: whether it is live, for how long, and what it holds.",
        [
            "state", "idle", "idle_seconds", "expires_in", "expires_in_seconds", "ttl",
            "created_at", "last_accessed", "expires_at",
        ],
        ["state", "last_worker_id"],
    ),
    "variable_overview": _view(
        "Variables",
        "Each variable with its present value.",
        [
            "version", "age", "age_seconds", "source", "optimizer_id", "size_bytes",
            "past_versions", "last_updated_at", "created_at",
        ],
        ["type", "source", "optimizing"],
    ),
    "variable_history_overview": _view(
        "History of variables",
        "Past and present values, oldest first.",
        ["version", "source", "size_bytes", "written_at", "age_seconds"],
        ["type", "source", "is_current"],
    ),
    "program_overview": _view(
        "Programs",
        "Each program: its document and its version.",
        ["version", "age", "age_seconds", "size_bytes", "past_versions", "last_updated_at"],
        [],
    ),
    "log_overview": _view(
        "Logs",
        "Each log: how long it is, and its newest entry.",
        ["length", "age", "age_seconds", "next_position", "last_updated_at", "created_at"],
        ["name"],
    ),
    "lease_overview": _view(
        "Leases",
        "Variables that are or were being optimised, the lease that ends next first.",
        [
            "state", "holder", "expires_in", "expires_in_seconds", "held_for", "held_seconds",
            "expires_at", "started_at",
        ],
        ["state", "holder"],
        sort="expires_in_seconds",
    ),
    "about": _view("About this store", "What made it, and where its documentation is.", [], []),
}  # fmt: skip
"""By view."""


def _sql(question: Question) -> str:
    """The query; over the store's own views if it needs columns that ``database`` leaves out."""
    return (
        question.sql.replace("\nFROM ", "\nFROM main.")
        if question.reads_everything
        else question.sql
    )


def metadata(title: str) -> dict[str, Any]:
    """Datasette's metadata of a store."""
    return {
        "title": title,
        "databases": {
            NAME: {
                "title": title,
                "description": "A store of snakestore. Nothing on these pages changes it.",
                "tables": VIEWS,
                "queries": {
                    question.name: {
                        "title": question.title,
                        "description": question.description,
                        "sql": _sql(question),
                        "params": list(question.parameters),
                    }
                    for question in QUESTIONS
                },
            }
        },
    }
