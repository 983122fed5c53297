"""The session of which the tests of the history read the past."""

from __future__ import annotations

import pytest


@pytest.fixture
def updated(repo, sid, clock):
    """A session where ``x`` was 0, 10, 20 and is 30, at intervals of ten seconds."""
    repo.register_variable(sid, "x", "integer", 0, id="id-x", metadata={"first": True})
    for value in (10, 20, 30):
        clock.advance(10)
        repo.update_variable(sid, "x", value, metadata={"told": value}, source=f"s{value}")
    return sid
