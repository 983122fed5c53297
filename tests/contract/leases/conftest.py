"""The variable that the tests of lease() hold."""

from __future__ import annotations

import pytest


@pytest.fixture
def sid(repo):
    """A session that outlives every lease, with the variable ``x``."""
    session = repo.create_session("s", ttl=None)
    repo.register_variable(session.id, "x", "integer", 1, id="var_x", constraints={"max": 100})
    return session.id
