"""The variable that the tests of optimisation hold."""

from __future__ import annotations

import pytest


@pytest.fixture
def sid(repo):
    """A session that outlives every lease, with the variable ``x`` at version 1."""
    session = repo.create_session("s", ttl=None)
    repo.register_variable(session.id, "x", "integer", 1, id="var_x")
    repo.update_variable(session.id, "x", 2)
    return session.id
