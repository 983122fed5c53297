"""The addresses of the inspector."""

from __future__ import annotations

from typing import Any

import pytest

from snakestore.storage.schema.revisions import VIEW_NAMES
from tests.inspector.conftest import HOSTILE

pytest.importorskip("datasette", reason="the extra `inspect` is not installed")

from snakestore.inspector.questions import QUESTIONS


def of_session(sid: str, variable: str, program: str, log: str) -> list[tuple[str, dict[str, Any]]]:
    """The addresses of a session and of what it has."""
    return [
        ("/session", {"id": sid}),
        ("/variable", {"session": sid, "name": variable}),
        ("/program", {"session": sid, "id": program}),
        ("/log", {"session": sid, "name": log}),
    ]


GENERAL = [
    ("/", {}),
    ("/sessions", {}),
    ("/store", {}),
    *((f"/store/{name}", {}) for name in VIEW_NAMES),
    *((f"/store/{question.name}", {}) for question in QUESTIONS),
    ("/store", {"sql": "select * from variable_overview"}),
]


def every_page() -> list[tuple[str, dict[str, Any]]]:
    return [
        *GENERAL,
        *of_session("chat-42", "temperature", "qa", "talk"),
        *of_session(HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        *(
            (f"/store/{question.name}", dict.fromkeys(question.parameters, HOSTILE))
            for question in QUESTIONS
            if question.parameters
        ),
    ]
