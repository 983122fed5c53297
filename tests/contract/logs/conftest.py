"""The log that the tests of logs begin with."""

from __future__ import annotations

import pytest


@pytest.fixture
def chat(repo, sid):
    """The session with a log ``chat`` of the entries "a" to "e" at the positions 0 to 4."""
    repo.append_log(sid, "chat", ["a", "b", "c", "d", "e"])
    return sid
